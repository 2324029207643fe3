"""A script may end right after its first call: what it tracked is counted, and nothing is said."""

import subprocess
import sys
from pathlib import Path

from core import UsageTracker
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import atexit, sys
from core import UsageTracker

class Tracer:
    def find_spec(self, name, path=None, target=None):
        raise RuntimeError(f"{name} is imported at exit")

tracker = UsageTracker(sys.argv[1], memory=sys.argv[2])
atexit.register(lambda: sys.meta_path.insert(0, Tracer()))
tokens = {"input": 1, "output": 1}
tracker.track_llm_call("w", "s", "cheap", "claude-sonnet-4-5", "anthropic", 0.1, tokens, False, None, 1)
"""


def test_nothing_is_imported_when_a_script_ends_right_after_its_first_call(url, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), url],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    reader = UsageTracker(tmp_path / "reader", memory=url)
    wait_until(lambda: reader.get_stats()["total_calls"] == 1, "the call is counted")
    reader.close()
