"""What the contract says of signals, clause by clause."""

import json
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import AccessTier, AgentCredentials, CoordinationSignal, CoordinationSignals
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
INBOX = "{telemetry}:signals:inbox:"


def ids(signals):
    return [signal.signal_id for signal in signals]


def test_a_directed_signal_arrives_as_it_was_sent_with_the_servers_time(ann, bob, raw):
    seconds, microseconds = raw.time()
    before = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=microseconds // 1000)
    payload = {"list": [], "object": {}, "big": 2**70, "text": "ü\x00\U0001f600", "none": None}
    signal_id = ann.signal("done", target_agent="bob", payload=payload)
    signal = bob.check_signal("done")
    assert signal == CoordinationSignal(signal_id, "done", "ann", "bob", payload, signal.timestamp, 60)
    assert before <= signal.timestamp <= before + timedelta(seconds=60)
    assert signal.timestamp.tzinfo is UTC
    assert ann.check_signal("done") is None


def test_the_named_source_goes_before_the_own_agent_id(ann, bob, mailbox_of):
    ann.signal("done", source_agent="carl", target_agent="bob")
    mailbox_of().signal("done", source_agent="dora", target_agent="bob")
    assert [signal.source_agent for signal in bob.get_pending_signals()] == ["carl", "dora"]
    with pytest.raises(ValueError, match="source_agent"):
        mailbox_of().signal("done", target_agent="bob")


@pytest.mark.parametrize("way", ["broadcast", "signal"])
def test_a_broadcast_reaches_each_agent_once_the_sender_too(ann, bob, mailbox_of, way):
    signal_id = getattr(ann, way)("done", payload={"n": 1})
    for agent in (bob, ann, mailbox_of("late")):
        signal = agent.check_signal("done")
        assert (signal.signal_id, signal.target_agent, signal.payload) == (signal_id, None, {"n": 1})
        assert agent.check_signal("done") is None
        assert agent.get_pending_signals() == []


def test_oldest_first_across_inbox_and_broadcasts(ann, bob):
    sent = [ann.signal("done", target_agent="bob") if n % 3 else ann.broadcast("done") for n in range(300)]
    assert ids(bob.get_pending_signals()) == sent
    assert ids(iter(lambda: bob.check_signal("done"), None)) == sent


def test_the_order_holds_when_the_clock_is_set_back(ann, bob, raw):
    hour_ahead = (raw.time()[0] + 3600) * 1_000_000
    raw.set("{telemetry}:signals:order", hour_ahead)
    sent = [ann.signal("done", target_agent="bob"), ann.broadcast("done")]
    sent += [ann.signal("done", target_agent="bob"), ann.broadcast("done")]
    raw.delete("{telemetry}:signals:order")
    sent.append(ann.signal("done", target_agent="bob"))
    assert ids(bob.get_pending_signals())[:3] == sent[:3]
    assert set(ids(bob.get_pending_signals())) == set(sent)
    assert abs(bob.check_signal("done").timestamp.timestamp() - raw.time()[0]) < 60


def test_type_and_source_are_matched_exactly(ann, bob):
    for kind in ("done:extra", "Done", "don", "done ", "*"):
        ann.signal(kind, target_agent="bob")
    assert bob.check_signal("done") is None
    wanted = ann.signal("done", source_agent="ann:2", target_agent="bob")
    assert bob.check_signal("done", source_agent="ann") is None
    assert bob.check_signal("done", source_agent="ann:2").signal_id == wanted
    assert len(bob.get_pending_signals()) == 5
    assert len(bob.get_pending_signals("*")) == 1


def test_looking_leaves_everything_as_it_was(ann, bob, raw):
    ann.signal("done", target_agent="bob")
    ann.broadcast("done")
    before = {key: raw.dump(key) for key in raw.scan_iter()}
    first = bob.check_signal("done", consume=False)
    assert bob.check_signal("done", consume=False) == first
    assert len(bob.get_pending_signals()) == 2
    assert {key: raw.dump(key) for key in raw.scan_iter()} == before


def test_clearing_is_mine_alone_by_type_or_whole_and_counts(ann, bob, mailbox_of):
    for _ in range(3):
        ann.signal("done", target_agent="bob")
        ann.signal("stop", target_agent="bob")
    ann.broadcast("done")
    ann.signal("done", target_agent="carl")
    assert bob.clear_signals("done") == 4
    assert [signal.signal_type for signal in bob.get_pending_signals()] == ["stop"] * 3
    assert bob.clear_signals() == 3
    assert bob.clear_signals() == 0
    assert len(mailbox_of("carl").get_pending_signals()) == 2


def test_more_than_one_page_is_listed_and_cleared_whole(ann, bob):
    sent = [ann.signal("done", target_agent="bob") for _ in range(1100)]
    for _ in range(40):
        sent.append(ann.signal("large", target_agent="bob", payload={"x": "y" * 65_000}))
    assert ids(bob.get_pending_signals()) == sent
    assert bob.clear_signals() == 1140


def test_a_signal_expires_by_redis_clock(ann, bob, mailbox_of):
    ann.signal("done", target_agent="bob", ttl_seconds=0.05)
    ann.broadcast("done", ttl_seconds=0.05)
    kept = ann.signal("done", target_agent="bob", ttl_seconds=100)
    wait_until(lambda: len(bob.get_pending_signals()) == 1, "two have expired")
    assert bob.check_signal("done").signal_id == kept
    assert mailbox_of("late").check_signal("done") is None


def test_the_ttl_comes_back_as_it_was_given(ann, bob):
    given = [60, 0.25, 1, 3600.5, 10 * 365 * 24 * 3600]
    for ttl in given:
        ann.signal("done", target_agent="bob", ttl_seconds=ttl)
    assert [signal.ttl_seconds for signal in bob.get_pending_signals()] == given
    assert CoordinationSignal("id", "t", "a", None, {}, datetime.now(UTC)).ttl_seconds == 60


@pytest.mark.anywhere
@pytest.mark.parametrize("ttl", [0, -1, 0.0, math.nan, math.inf, -math.inf, 1e300, 10**400])
def test_a_bad_ttl_is_refused_by_name(ann, raw, ttl):
    with pytest.raises(ValueError, match="ttl_seconds"):
        ann.signal("done", target_agent="bob", ttl_seconds=ttl)
    assert raw.dbsize() == 0


@pytest.mark.anywhere
@pytest.mark.parametrize("ttl", ["60", True, [], None.__class__])
def test_a_ttl_that_is_no_number_is_refused_by_name(ann, ttl):
    with pytest.raises(TypeError, match="ttl_seconds"):
        ann.signal("done", target_agent="bob", ttl_seconds=ttl)


@pytest.mark.anywhere
@pytest.mark.parametrize("name", ["", "a\r\nSET", "x" * 10_000, "\ud800", "\x00"])
@pytest.mark.parametrize("argument", ["signal_type", "source_agent", "target_agent"])
def test_a_bad_name_is_refused_by_its_argument(ann, raw, name, argument):
    with pytest.raises(ValueError, match=argument):
        ann.signal(**{"signal_type": "done", "target_agent": "bob", argument: name})
    with pytest.raises(ValueError, match="agent_id"):
        CoordinationSignals("redis://localhost:1", name)
    if argument != "target_agent":
        for receive in (ann.check_signal, ann.wait_for_signal):
            with pytest.raises(ValueError, match=argument):
                receive(**{"signal_type": "done", argument: name})
    assert raw.dbsize() == 0


@pytest.mark.anywhere
@pytest.mark.parametrize(
    "payload", [[], "text", 5, {"x": math.nan}, {1: 2}, {"x": "\ud800"}, {"x": object()}, {"x": "y" * 65_536}]
)
def test_a_payload_that_is_no_small_json_object_is_refused_by_name(ann, raw, payload):
    with pytest.raises(ValueError, match="payload"):
        ann.signal("done", target_agent="bob", payload=payload)
    assert raw.dbsize() == 0


@pytest.mark.anywhere
@pytest.mark.parametrize(
    "receive", ["wait_for_signal", "check_signal", "get_pending_signals", "clear_signals"]
)
def test_receiving_without_an_agent_id_says_what_is_missing(mailbox_of, receive):
    with pytest.raises(ValueError, match="agent_id is missing"):
        getattr(mailbox_of(), receive)("done")


@pytest.mark.anywhere
@pytest.mark.parametrize("argument", ["timeout", "poll_interval"])
def test_bad_times_for_waiting_are_refused_by_name(ann, argument):
    for bad, error in [(-math.inf, ValueError), (math.nan, ValueError), ("1", TypeError), (True, TypeError)]:
        with pytest.raises(error, match=argument):
            ann.wait_for_signal("done", **{argument: bad})
    with pytest.raises(ValueError, match="poll_interval"):
        ann.wait_for_signal("done", poll_interval=0)


def test_credentials_of_another_agent_or_too_low_are_refused(ann, bob, raw):
    for credentials in (
        AgentCredentials("ann", AccessTier.OBSERVER),
        AgentCredentials("bob", AccessTier.STEWARD),
    ):
        for send in (ann.signal, ann.broadcast):
            with pytest.raises(PermissionError, match="ann"):
                send("done", credentials=credentials)
    with pytest.raises(TypeError, match="credentials"):
        ann.signal("done", credentials="STEWARD")
    assert raw.dbsize() == 0
    for tier in (AccessTier.CONTRIBUTOR, AccessTier.VALIDATOR, AccessTier.STEWARD):
        ann.signal("done", target_agent="bob", credentials=AgentCredentials("ann", tier))
    assert len(bob.get_pending_signals()) == 3


def test_each_tier_may_what_the_lower_ones_may_and_one_thing_more():
    powers = ("can_read", "can_stage", "can_validate", "can_administer")
    assert [tier.name for tier in AccessTier] == ["OBSERVER", "CONTRIBUTOR", "VALIDATOR", "STEWARD"]
    for tier in AccessTier:
        for holder in (tier, AgentCredentials("a", tier)):
            assert [getattr(holder, power)() for power in powers] == [n < tier for n in range(4)]
    for bad in (0, 5, "STEWARD", True, None):
        with pytest.raises((TypeError, ValueError)):
            AgentCredentials("a", bad)


def test_streaming_publishes_an_event_with_the_signal_and_without_its_payload(mailbox_of, raw):
    ann = mailbox_of("ann", enable_streaming=True)
    directed = ann.signal("done", target_agent="bob", payload={"secret": 1}, ttl_seconds=5)
    everywhere = ann.broadcast("done")
    entries = [fields for _, fields in raw.xrange("{telemetry}:events:stream:coordination_signal")]
    assert [(fields[b"event_type"], fields[b"source"]) for fields in entries] == [
        (b"coordination_signal", b"ann")
    ] * 2
    said = [json.loads(fields[b"data"]) for fields in entries]
    assert said[0] == {
        "signal_id": directed, "signal_type": "done", "source_agent": "ann", "target_agent": "bob",
        "ttl_seconds": 5,
    }  # fmt: skip
    assert (said[1]["signal_id"], said[1]["target_agent"]) == (everywhere, None)
    assert [fields[b"event_type"] for _, fields in raw.xrange("{telemetry}:events:types")] == [
        b"coordination_signal"
    ]
    mailbox_of("ann").broadcast("done")
    assert raw.xlen("{telemetry}:events:stream:coordination_signal") == 2


def test_signals_work_on_what_a_memory_can_be(url, raw):
    class Holder:
        _client = raw

    for memory in (url, raw, Holder()):
        signals = CoordinationSignals(memory, "ann")
        signals.signal("done", target_agent="ann")
        assert signals.check_signal("done").target_agent == "ann"
    with pytest.raises(TypeError, match="memory"):
        CoordinationSignals(5, "ann")


def test_the_example_of_the_document_prints_what_it_says(url):
    text = (ROOT / "docs/agents/signals.md").read_text()
    program = text.split("```python\n")[1].split("```")[0]
    said = text.split("It prints:\n\n```\n")[1].split("```")[0]
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={"REDIS_URL": url}, capture_output=True, text=True
    )
    assert run.stderr == ""
    assert run.stdout == said
