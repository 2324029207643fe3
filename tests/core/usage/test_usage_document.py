"""The lines of docs/agents/usage.md run as they stand, and give what stands beside them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/agents/usage.md").read_text()
ANSWER = re.compile(r"^(tracker\.get.*?)  # ([^,\n]*).*$", re.MULTILINE)


@pytest.mark.long
def test_the_lines_of_the_document_give_what_it_says(url, tmp_path):
    first, second = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    program = ANSWER.sub(r"print(\1)", first + second)
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": url}
    kept["TELEMETRY_DATA_DIR"] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept, capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.splitlines() == [said for _call, said in ANSWER.findall(first + second)]
