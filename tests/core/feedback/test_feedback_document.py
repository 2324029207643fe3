"""The example of docs/agents/feedback.md runs as it stands, and does what the text says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from core import FeedbackLoop
from core.feedback.advice import LEVEL, STAKES, RatingThresholds

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/agents/feedback.md").read_text()


def test_the_example_runs_and_prints_what_the_text_says(url):
    program = re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1]
    kept = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "REDIS_URL": url}
    done = subprocess.run(
        [sys.executable, "-c", program], env=kept, capture_output=True, text=True, timeout=120, check=True
    )
    tier, reason = done.stdout.splitlines()
    promised = re.search(r"^It prints (.*)$", TEXT, re.MULTILINE)[1]
    first, *others = re.findall(r"`([^`]+)`", promised)
    assert tier == first
    assert all(words in reason for words in others)


def test_the_numbers_of_the_rule_are_those_of_the_code():
    bars = RatingThresholds()
    assert f"below {bars.low} |" in TEXT
    assert f"| above {bars.high} |" in TEXT
    assert f"above {bars.lower_tier};" in TEXT
    assert f"before it has {bars.samples} ratings" in TEXT
    assert f"s in {{{', '.join(map(str, STAKES))}}}" in TEXT
    assert f"reaches {round(1 / (1 - LEVEL))} at" in TEXT
    assert f"keeps the newest {100} ratings" in FeedbackLoop.__doc__
