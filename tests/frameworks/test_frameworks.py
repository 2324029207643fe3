"""Each framework with a fake model of its own: what people say is what its tool does, also over a restart."""

import json
import re
import uuid
from pathlib import Path

import pytest

from core import ApprovalGate
from core.approvals import deciding
from core.store.approvals import Answer
from core.store.client import open_store
from core.values.json import encode_json_object
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.anywhere, pytest.mark.long]

EDIT = (
    *("langgraph", "langgraph_per_call", "langgraph_inbox"),
    *("pydantic_ai", "pydantic_ai_capability", "crewai"),
)  # those that run a tool with other arguments than the model said
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "agents" / "frameworks.md"
LINES = {
    found[1]: found[0]
    for found in re.finditer(
        r"(?<=```\n)from agent_telemetry\.frameworks\.(\w+) .*?(?=```)", DOCUMENT.read_text(), re.DOTALL
    )
}  # by framework
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


def test_a_graph_hears_no_decision_that_it_does_not_allow(program):
    started = program("langgraph_allowed")
    started.ended(started.start())
    refused = "done: User rejected the tool call for `pay` with reason: Refused by fake"
    told = json.loads((started.folder / "told").read_text())
    assert {name: text.partition(".")[0] for name, text in told.items()} == {
        "batched, words alone": "done: Approved by fake",
        "per call, words alone": "done: Approved by fake",
        "batched, no words": refused,
        "per call, no words": refused,
        "per call, one word": "done: paid 10 to ann",
        "inbox, words alone": "response",
        "inbox, no words": "ignore",
        "inbox, words": "response",
    }


@pytest.mark.parametrize("framework", [name for name in FRAMEWORKS if name in LINES and name != "crewai"])
def test_the_lines_of_the_document_run_as_they_stand(framework, program, clean_redis):
    started, gate = program(framework, module="document"), ApprovalGate(clean_redis, "payer")
    process = started.start(framework, LINES[framework])
    [request] = wait_until(gate.get_pending_approvals, "it asks", 3 * PATIENCE)
    gate.decide(request.request_id, True, "maria")
    started.ended(process)
    assert started.ran == ['["Pay Ann", 10]']
    assert "paid 10 to Pay Ann" in started.said("it")
    assert len(LINES[framework].splitlines()) <= 10


def approve_edited(redis: str, request_id: str, arguments: dict[str, object]) -> None:
    """As people do on the site."""
    edited = encode_json_object(arguments, "edited", 1000)
    answer = Answer(request_id, True, "maria", "", "site", str(uuid.uuid4()), answer="edited", edited=edited)
    assert deciding.decide(open_store(redis), answer).accepted
