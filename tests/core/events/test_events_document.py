"""docs/agents/events.md: its example runs and prints what it says, and its table is what is really published."""

import os
import re
import subprocess
import sys
from pathlib import Path

from core import (
    ApprovalGate,
    CoordinationSignals,
    EventStreamer,
    FeedbackLoop,
    HeartbeatCoordinator,
    UsageTracker,
)
from core.store.events import OWN_TYPES
from tests.core.usage.usage_help import book, call
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/agents/events.md").read_text()


def documented() -> dict[str, tuple[str, set[str], set[str]]]:
    """Type to source, fields, and fields that are there at times."""
    table = TEXT.split("## Our own events")[1]
    found = {}
    for line in table.splitlines():
        if line.startswith("| `"):
            kind, _when, source, data = (cell.strip() for cell in line.strip("|").split("|"))
            always, _, sometimes = data.partition(";")
            names = [set(re.findall(r"`(\w+)`", part)) for part in (always, sometimes)]
            found[kind.strip("`")] = (source.strip("`"), *names)
    return found


def published(url: str, folder: Path) -> list:
    """One of each of our own events, and what a rival adds."""
    following = EventStreamer(url).consume_events(idle_timeout=0.2)
    first, second = (HeartbeatCoordinator(url, enable_streaming=True) for _ in range(2))
    for worker in (first, second):
        worker.start_heartbeat("worker")
    first.beat("running", 0.5, "x")
    gate = ApprovalGate(url, "worker")
    gate.respond_to_approval(gate.open_request("deploy").request_id, True, "ann")
    gate.cancel_request(gate.open_request("deploy").request_id)
    gate.open_request("deploy", timeout=0.001)
    wait_until(gate.clear_expired_requests, "the sweep ends it")
    signals = CoordinationSignals(url, "worker", enable_streaming=True)
    signals.signal("done", target_agent="other")
    signals.broadcast("done")
    FeedbackLoop(url).record_feedback("build", "test", "cheap", 0.5)
    tracker = UsageTracker(folder, memory=url, price_book=book())
    tracker.track_llm_call(**call(), agent_id="worker", user_id="ann")
    tracker.flush()
    tracker.close()
    return list(following)


def test_the_table_has_the_types_sources_and_fields_that_are_published(url, tmp_path):
    table, seen = documented(), published(url, tmp_path)
    assert {event.event_type for event in seen} == set(table) == OWN_TYPES
    for event in seen:
        source, always, sometimes = table[event.event_type]
        assert event.source == ("worker" if source == "the agent" else source)
        assert always <= set(event.data) <= always | sometimes, event
    assert any("rival" in event.data for event in seen)


def test_the_example_runs_and_prints_what_it_says(url):
    example, output = re.findall(r"```(?:python)?\n(.*?)```", TEXT, re.DOTALL)[:2]
    result = subprocess.run(
        [sys.executable, "-c", example],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "REDIS_URL": url},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.stderr == ""
    assert result.stdout == output
