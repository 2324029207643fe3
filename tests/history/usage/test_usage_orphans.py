"""A host on which no other agent starts: the recorder ships what a killed agent left."""

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from core import UsageTracker
from core.models import LLMCall
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
AGENT = """
import os, signal, sys
from core import UsageTracker
tracker = UsageTracker()
tracker._shipper.notice = lambda: None
for number in range(40):
    tracker.track_llm_call("nightly", None, "cheap", "m", "p", 1, {"input": 1, "output": 1}, False, None, 1)
os.kill(os.getpid(), signal.SIGKILL)
"""


@contextmanager
def recorder_process(environment):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "recorder"], cwd=ROOT, env=environment, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()


@pytest.mark.long
def test_the_recorder_ships_what_a_killed_agent_left(clean_redis, this_database, data_dir):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {**kept, "TELEMETRY_DATA_DIR": str(data_dir), "REDIS_URL": clean_redis}
    environment |= {"DATABASE_URL": this_database}
    agent = subprocess.run([sys.executable, "-c", AGENT], cwd=ROOT, env=environment)
    assert agent.returncode == -signal.SIGKILL
    assert len(list((data_dir / "usage").rglob("*.calls"))) == 1
    reader = UsageTracker(data_dir / "elsewhere", memory=clean_redis)
    with recorder_process(environment):
        wait_until(lambda: reader.get_stats(2)["total_calls"] == 40, "the calls are counted")
        wait_until(lambda: not list((data_dir / "usage").rglob("*.calls")), "the spool is gone")
        wait_until(lambda: LLMCall.objects.count() == 40, "the calls are recorded")
