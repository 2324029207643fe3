"""How many requests of one agent may wait, and be asked in a minute: the next is refused, others ask on."""

import pytest

from core import ApprovalGate
from core.errors import StoreRefused, TooLarge
from core.store.approvals import set_limits
from core.store.client import open_store
from core.store.keys import ASKED_LENGTH


@pytest.fixture
def gate(clean_redis):
    return ApprovalGate(clean_redis, "robot")


def limit(clean_redis, **limits):
    set_limits(open_store(clean_redis), **{"waiting": 0, "a_minute": 0, **limits})


def test_an_agent_with_as_many_as_may_wait_is_refused_until_one_ends(clean_redis, gate):
    limit(clean_redis, waiting=3)
    first, *_others = [gate.open_request("deploy", key=str(number)) for number in range(3)]
    with pytest.raises(StoreRefused, match="agent 'robot' has 3 requests that wait"):
        gate.open_request("deploy")
    answer = gate.request_approval("deploy", timeout=5)
    assert (answer.approved, answer.status) == (False, "unavailable")
    assert "the site allows no more" in answer.reason
    assert len(gate.get_pending_approvals()) == 3
    assert gate.open_request("deploy", key="0").request_id == first.request_id  # it waits already
    assert ApprovalGate(clean_redis, "another").open_request("deploy").status == "pending"
    gate.cancel_request(first.request_id)
    assert gate.open_request("deploy").status == "pending"


def test_what_waits_is_counted_however_much_was_asked_and_withdrawn_since(clean_redis, gate):
    limit(clean_redis, waiting=3)
    waits = [gate.open_request("deploy").request_id for _ in range(2)]
    for _ in range(ASKED_LENGTH):
        gate.cancel_request(gate.open_request("deploy").request_id)
    store = open_store(clean_redis)
    asked = store.keys.approvals_asked("robot")
    assert store.read("ZCARD", asked) <= ASKED_LENGTH + 2
    gate.open_request("deploy")
    with pytest.raises(StoreRefused, match="agent 'robot' has 3 requests that wait"):
        gate.open_request("deploy")
    assert len(gate.find_requests()) == ASKED_LENGTH
    gate.cancel_request(waits[0])
    gate.open_request("deploy")
    assert store.read("ZCARD", asked) <= ASKED_LENGTH + 1  # what has ended is let go
    limit(clean_redis)
    gate.open_request("deploy")
    assert store.read("ZCARD", asked) == ASKED_LENGTH


def test_what_is_past_its_deadline_waits_no_more(clean_redis, gate):
    limit(clean_redis, waiting=2)
    short = gate.open_request("deploy", timeout=0.2)
    gate.open_request("deploy")
    with pytest.raises(StoreRefused):
        gate.open_request("deploy")
    gate.wait_for_decision(short.request_id)
    assert gate.open_request("deploy").status == "pending"


def test_an_agent_may_ask_so_often_in_a_minute(clean_redis, gate):
    limit(clean_redis, a_minute=2)
    for _ in range(2):
        gate.cancel_request(gate.open_request("deploy").request_id)
    with pytest.raises(StoreRefused, match="asked 2 times within a minute"):
        gate.open_request("deploy")
    assert ApprovalGate(clean_redis, "another").open_request("deploy").status == "pending"


def test_without_a_limit_or_with_one_that_is_no_number_agents_ask_on(clean_redis, gate):
    for _ in range(3):
        gate.open_request("deploy")
    limit(clean_redis)
    gate.open_request("deploy")
    open_store(clean_redis).write("HSET", "{telemetry}:approvals:limits", "waiting", "many", "a_minute", "-1")
    assert gate.open_request("deploy").status == "pending"


def test_a_context_of_too_many_values_or_levels_is_refused_and_says_so(clean_redis, gate):
    limit(clean_redis, values=4, levels=2)
    assert gate.open_request("deploy", {"a": 1, "b": [1, 2]}).status == "pending"
    with pytest.raises(TooLarge, match="the context has 5 values, and the site allows 4: ask with less"):
        gate.open_request("deploy", {"a": 1, "b": [1, 2], "c": None})
    with pytest.raises(TooLarge, match="the context has values on 3 levels, and the site allows 2"):
        gate.open_request("deploy", {"a": [{"b": {}}]})
    answer = gate.request_approval("deploy", {str(number): number for number in range(5)}, timeout=5)
    assert (answer.approved, answer.status) == (False, "unavailable")
    assert "the context has 5 values" in answer.reason
    assert len(gate.get_pending_approvals()) == 1
    limit(clean_redis, values=0, levels=0)
    assert gate.open_request("deploy", {str(number): number for number in range(18_000)}).status == "pending"
