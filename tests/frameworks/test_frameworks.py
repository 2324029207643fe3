"""Each framework with a fake model of its own: what people say is what its tool does, also over a restart."""

import uuid

import pytest

from core import ApprovalGate
from core.approvals import deciding
from core.store.approvals import Answer
from core.store.client import open_store
from core.values.json import encode_json_object

pytestmark = [pytest.mark.anywhere, pytest.mark.long]

EDIT = (
    *("langgraph", "langgraph_per_call", "langgraph_inbox"),
    *("pydantic_ai", "pydantic_ai_capability", "crewai"),
)  # those that run a tool with other arguments than the model said
FRAMEWORKS = (*EDIT, "openai_agents", "agent_framework")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_killed_while_it_waits_and_started_again_each_run_is_one_card_and_one_answer(
    framework, program, asked, clean_redis
):
    started, gate = program(framework), ApprovalGate(clean_redis, "payer")
    names = ("ann", "bob", "late", *(("eve",) if framework in EDIT else ()))
    first = started.start(*names)
    requests = asked(len(names))
    assert {one.approval_type for one in requests.values()} == {"pay"}
    assert requests["ann"].context == {"to": "ann", "amount": 10}
    first.kill()
    first.wait()
    assert started.ran == []
    second = started.start(*names)
    gate.decide(requests["ann"].request_id, True, "maria")
    gate.decide(requests["bob"].request_id, False, "maria", "not on a Friday")
    if "eve" in names:
        approve_edited(clean_redis, requests["eve"].request_id, {"to": "eve", "amount": 7})
    started.ended(second)
    assert started.ran == ['["ann", 10]', *(['["eve", 7]'] if "eve" in names else [])]
    assert "paid 10 to ann" in started.said("ann")
    assert "not on a Friday" in started.said("bob")
    assert "Nobody answered in time" in started.said("late")
    assert {one.context["to"]: one.request_id for one in gate.find_requests()} == {
        name: request.request_id for name, request in requests.items()
    }


def approve_edited(redis: str, request_id: str, arguments: dict[str, object]) -> None:
    """As people do on the site."""
    edited = encode_json_object(arguments, "edited", 1000)
    answer = Answer(request_id, True, "maria", "", "site", str(uuid.uuid4()), answer="edited", edited=edited)
    assert deciding.decide(open_store(redis), answer).accepted
