"""A number of hundreds or thousands of digits is refused by the name of the argument, wherever one is taken.

Unchecked, one of 401 digits is an OverflowError, and one of 5,001 ends the process in the client of Redis.
"""

import asyncio
import inspect
import math
from datetime import UTC, datetime

import pytest

import core
from core import (
    AccessTier,
    AgentCredentials,
    AgentHeartbeat,
    ApprovalGate,
    AsyncGate,
    AutomationRecorder,
    CoordinationSignals,
    EventStreamer,
    FeedbackLoop,
    Gate,
    HeartbeatCoordinator,
)
from core.store.client import open_store

pytestmark = pytest.mark.anywhere

HUGE = [10**400, 10**5000, -(10**400), -(10**5000)]
each_huge_number = pytest.mark.parametrize("number", HUGE, ids=["1e400", "1e5000", "-1e400", "-1e5000"])
CALLS = {
    "CoordinationSignals.signal ttl_seconds": lambda o, n: o.signal("x", ttl_seconds=n),
    "CoordinationSignals.broadcast ttl_seconds": lambda o, n: o.broadcast("x", ttl_seconds=n),
    "CoordinationSignals.wait_for_signal timeout": lambda o, n: o.wait_for_signal("x", timeout=n),
    "CoordinationSignals.wait_for_signal poll_interval": lambda o, n: o.wait_for_signal(
        "x", timeout=0, poll_interval=n
    ),
    "HeartbeatCoordinator.beat progress": lambda o, n: o.beat("running", n),
    "HeartbeatCoordinator.get_stale_agents threshold_seconds": lambda o, n: o.get_stale_agents(n),
    "ApprovalGate.request_approval timeout": lambda o, n: o.request_approval("x", timeout=n),
    "ApprovalGate.open_request timeout": lambda o, n: o.open_request("x", timeout=n),
    "ApprovalGate.wait_for_decision timeout": lambda o, n: o.wait_for_decision("x", timeout=n),
    "EventStreamer.consume_events block_ms": lambda o, n: o.consume_events(block_ms=n),
    "EventStreamer.consume_events idle_timeout": lambda o, n: o.consume_events(idle_timeout=n),
    "EventStreamer.consume_events count": lambda o, n: o.consume_events(idle_timeout=0, count=n),
    "EventStreamer.get_recent_events count": lambda o, n: o.get_recent_events("x", count=n),
    "EventStreamer.trim_stream max_length": lambda o, n: o.trim_stream("x", n),
    "FeedbackLoop.record_feedback quality_score": lambda o, n: o.record_feedback("w", "s", "cheap", n),
    "FeedbackLoop.get_feedback_history limit": lambda o, n: o.get_feedback_history("w", "s", limit=n),
    "FeedbackLoop.get_underperforming_stages quality_threshold": (
        lambda o, n: o.get_underperforming_stages("w", n)
    ),
    "Gate.ask timeout": lambda o, n: o.ask("x", timeout=n),
    "Gate.open timeout": lambda o, n: o.open("x", timeout=n),
    "Gate.wait timeout": lambda o, n: o.wait("x", timeout=n),
    "Gate.beat progress": lambda o, n: o.beat("running", n),
    "AsyncGate.ask timeout": lambda o, n: asyncio.run(o.ask("x", timeout=n)),
    "AsyncGate.open timeout": lambda o, n: asyncio.run(o.open("x", timeout=n)),
    "AsyncGate.wait timeout": lambda o, n: asyncio.run(o.wait("x", timeout=n)),
}
AUTOMATION = {
    "record_task_routing": {"task_type": "a", "strategy": "b", "assigned_to": "c", "confidence": 1},
    "complete_task_routing": {"routing_id": "a", "success": True},
    "record_test_execution": {"suite": "a", "passed": 1, "duration_seconds": 1},
    "record_coverage": {"suite": "a", "lines_covered": 1, "lines_total": 1},
    "record_file_test": {"file_path": "a"},
    "complete_agent_assignment": {
        **{"assignment_id": "a", "success": True},
        **{"automated": True, "human_review": False},
    },
}
# Told in files of their own: usage in test_usage_*.py, and `log` never raises.
ELSEWHERE = ("UsageTracker", "HelpTracker")


def takes_a_number(parameter) -> bool:
    words = str(parameter.annotation).replace("<class '", "").replace("'>", "").split(" | ")
    return bool({"int", "float"} & set(words))


def numbers_of(name, function) -> set[str]:
    """`Class.method argument` for each argument that is a number."""
    parameters = inspect.signature(function).parameters.values()
    return {f"{name} {parameter.name}" for parameter in parameters if takes_a_number(parameter)}


def asked(owner) -> dict:
    """Its public methods by their whole name."""
    return {f"{owner.__name__}.{name}": f for name, f in vars(owner).items() if inspect.isfunction(f)}


def every_number_that_is_taken() -> set[str]:
    found = set()
    for name in core.__all__:
        owner = getattr(core, name)
        if inspect.isclass(owner) and name not in ELSEWHERE:
            methods = {n: f for n, f in asked(owner).items() if not n.split(".")[1].startswith("_")}
            found |= set().union(*(numbers_of(n, f) for n, f in methods.items()))
    return found


def automation_numbers() -> list[tuple[str, str]]:
    recorder = asked(AutomationRecorder)
    return [
        (method, number.split(" ")[1])
        for method in AUTOMATION
        for number in sorted(numbers_of(method, recorder[f"AutomationRecorder.{method}"]))
    ]


@pytest.fixture
def owners(url):
    beats = HeartbeatCoordinator(url)
    beats.start_heartbeat("ann")
    gates = [Gate(url, agent="ann"), AsyncGate(url, agent="ann")]
    made = [CoordinationSignals(url, "ann"), beats, ApprovalGate(url, "ann"), EventStreamer(url), *gates]
    return {type(owner).__name__: owner for owner in [*made, FeedbackLoop(url), AutomationRecorder(url)]}


def test_no_number_that_a_public_method_takes_is_left_out_here():
    told = {f"AutomationRecorder.{method} {argument}" for method, argument in automation_numbers()}
    assert every_number_that_is_taken() == set(CALLS) | told


@each_huge_number
@pytest.mark.parametrize("call", CALLS)
def test_a_huge_number_is_refused_by_name_and_changes_nothing(owners, raw, call, number):
    before = raw.dbsize()
    owner, argument = call.split(".")[0], call.split(" ")[1]
    with pytest.raises(ValueError, match=rf"^{argument} must be .* not a far (larger|smaller) number$"):
        CALLS[call](owners[owner], number)
    assert raw.dbsize() == before


@pytest.mark.parametrize(("method", "argument"), automation_numbers())
def test_a_huge_number_about_automated_work_is_refused_by_name(owners, raw, method, argument):
    before = raw.dbsize()
    for number in HUGE:
        with pytest.raises(ValueError, match=f"^{argument} must be "):
            getattr(owners["AutomationRecorder"], method)(**{**AUTOMATION[method], argument: number})
    assert raw.dbsize() == before


@pytest.mark.parametrize(
    "call", [call for call in CALLS if call.split(" ")[1] in ("count", "max_length", "limit")]
)
def test_a_count_may_be_the_largest_that_redis_holds_and_no_larger(owners, call):
    owner = owners[call.split(".")[0]]
    CALLS[call](owner, 2**63 - 1)
    with pytest.raises(ValueError, match="9,223,372,036,854,775,807"):
        CALLS[call](owner, 2**63)


@pytest.mark.parametrize(
    "call", ["HeartbeatCoordinator.beat progress", "HeartbeatCoordinator.get_stale_agents threshold_seconds"]
)
@pytest.mark.parametrize("value", ["60", None, True, [], b"1"])
def test_what_is_no_number_is_a_type_error_naming_the_argument(owners, call, value):
    with pytest.raises(TypeError, match=f"^{call.split(' ')[1]} must be a number"):
        CALLS[call](owners["HeartbeatCoordinator"], value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -0.001, 1e300])
def test_a_threshold_that_is_no_span_of_time_is_refused(agents, value):
    with pytest.raises(
        ValueError, match="threshold_seconds must be 0 or more and at most 315,360,000 seconds"
    ):
        agents.get_stale_agents(value)


@each_huge_number
def test_nothing_in_the_store_hands_such_a_number_to_the_client_of_redis(url, number):
    store = open_store(url)
    with pytest.raises(ValueError, match="beyond the 9,223,372,036,854,775,807"):
        store.read("LRANGE", "{telemetry}:x", 0, number)
    with pytest.raises(ValueError, match="beyond the 9,223,372,036,854,775,807"):
        store.read_many([["TIME"], ["LRANGE", "{telemetry}:x", 0, number]])
    assert store.read("LRANGE", "{telemetry}:x", 0, 2**63 - 1) == []


@each_huge_number
def test_a_huge_number_where_another_type_is_wanted_is_named_too(gate, loop, number):
    request = gate.open_request("x")
    with pytest.raises(TypeError, match="approved"):
        gate.decide(request.request_id, number, "ann")
    with pytest.raises(ValueError, match="tier"):
        AgentCredentials("ann", number)
    with pytest.raises(ValueError, match="tier"):
        loop.record_feedback("w", "s", number, 0.5)
    with pytest.raises(ValueError, match="rating"):
        loop.record_template_feedback("t", [number])
    beat = AgentHeartbeat("a", "running", 0.5, "", datetime.now(UTC)).to_dict()
    for field in ("agent_id", "last_beat", "metadata"):
        with pytest.raises(ValueError, match=field):
            AgentHeartbeat.from_dict({**beat, field: number})
    assert AgentCredentials("ann", 4).tier is AccessTier.STEWARD
