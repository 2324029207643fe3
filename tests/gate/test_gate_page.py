"""docs/agents/gate.md: its programs run as printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.anywhere
ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "docs/agents/gate.md").read_text(), re.DOTALL)


def test_the_programs_of_the_page_run_as_printed(clean_redis):
    environment = {**os.environ, "REDIS_URL": clean_redis}
    command = [sys.executable, "-c", "\n".join(BLOCKS)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("False timeout\n['timeout', 'timeout']\n", "")
