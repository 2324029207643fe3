"""What a subclass may set is read from it; what every process must share it cannot set, and its description says so."""

import inspect

import pytest

from core import ApprovalGate, CoordinationSignals, EventStreamer, FeedbackLoop, HeartbeatCoordinator


def test_the_default_timeout_of_a_gate_is_read_from_the_subclass_and_a_bad_one_is_named(url):
    class Hasty(ApprovalGate):
        DEFAULT_TIMEOUT = 0.05

    gate = Hasty(url, "a")
    assert gate.open_request("deploy").timeout_seconds == 0.05
    assert gate.request_approval("deploy").reason.startswith("timeout")
    assert gate.open_request("deploy", timeout=60).timeout_seconds == 60.0
    Hasty.DEFAULT_TIMEOUT = 0
    with pytest.raises(ValueError, match=r"^DEFAULT_TIMEOUT must be above 0 "):
        gate.open_request("deploy")


def test_the_default_ttl_of_signals_is_read_from_the_subclass_and_a_bad_one_is_named(url):
    class Hasty(CoordinationSignals):
        DEFAULT_TTL = 7

    ann = Hasty(url, "ann")
    ann.signal("done", target_agent="ann")
    ann.broadcast("done", ttl_seconds=8)
    assert [signal.ttl_seconds for signal in ann.get_pending_signals()] == [7, 8]
    Hasty.DEFAULT_TTL = 0
    with pytest.raises(ValueError, match=r"^DEFAULT_TTL must be above 0 "):
        ann.signal("done")


def test_the_bars_of_the_advice_are_read_from_the_subclass(url):
    class Strict(FeedbackLoop):
        QUALITY_THRESHOLD = 0.99
        EXCELLENT_QUALITY = 0.995

    for _ in range(100):
        FeedbackLoop(url).record_feedback("code", "review", "cheap", 0.8)
    assert FeedbackLoop(url).recommend_tier("code", "review", "cheap").recommended_tier == "cheap"
    assert Strict(url).recommend_tier("code", "review", "cheap").recommended_tier == "capable"

    class Patient(Strict):
        MIN_SAMPLES = 101

    assert Patient(url).recommend_tier("code", "review", "cheap").recommended_tier == "cheap"


@pytest.mark.anywhere
@pytest.mark.parametrize(("owner", "attribute", "value"), [
    (HeartbeatCoordinator, "HEARTBEAT_TTL", 3), (FeedbackLoop, "FEEDBACK_TTL", 3),
    (EventStreamer, "MAX_STREAM_LENGTH", 5), (EventStreamer, "STREAM_PREFIX", "stream:"),
    (CoordinationSignals, "BROADCAST_TARGET", "all"), (CoordinationSignals, "KEY_PREFIX", "signal:"),
])  # fmt: skip
def test_what_every_process_must_share_is_an_error_in_a_subclass(owner, attribute, value):
    with pytest.raises(TypeError, match=f"Own sets {attribute}, which every process must share"):
        type("Own", (owner,), {attribute: value})
    same = type("Own", (owner,), {attribute: getattr(owner, attribute)})
    with pytest.raises(TypeError, match=attribute):
        type("Lower", (same,), {attribute: value})


def test_beats_and_ratings_live_as_long_as_the_constants_say(url, raw):
    class Same(HeartbeatCoordinator):
        HEARTBEAT_TTL = 30

    Same(url).start_heartbeat("ann")
    FeedbackLoop(url).record_feedback("code", "review", "cheap", 0.5)
    assert 25_000 < raw.pttl("{telemetry}:agents:beat:ann") <= 30_000
    assert raw.ttl("{telemetry}:feedback:ratings:code:review:cheap") > 600_000
    assert (HeartbeatCoordinator.HEARTBEAT_TTL, FeedbackLoop.FEEDBACK_TTL) == (30, 604_800)


@pytest.mark.parametrize(
    ("owner", "attribute"),
    [
        (ApprovalGate, "DEFAULT_TIMEOUT"),
        (ApprovalGate, "POLL_INTERVAL"),
        (CoordinationSignals, "DEFAULT_TTL"),
        (HeartbeatCoordinator, "HEARTBEAT_TTL"),
        (HeartbeatCoordinator, "HEARTBEAT_INTERVAL"),
        (FeedbackLoop, "FEEDBACK_TTL"),
        (FeedbackLoop, "MIN_SAMPLES"),
        (EventStreamer, "DEFAULT_BLOCK_MS"),
        (EventStreamer, "MAX_STREAM_LENGTH"),
        (CoordinationSignals, "BROADCAST_TARGET"),
    ],
)
def test_every_attribute_is_explained_where_the_class_is(owner, attribute):
    assert attribute in inspect.getdoc(owner)
