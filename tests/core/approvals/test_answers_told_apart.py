"""What came of a request is a word and no prose; who cannot be seen, or is nobody, cannot answer."""

import dataclasses
import enum
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from core import ApprovalGate, ApprovalResponse
from core.approvals import deciding
from core.store.approvals import Answer, cancel_lost


def test_how_it_ended_is_a_word(gate):
    words = {}
    for word, end in {
        "approved": lambda id_: gate.respond_to_approval(id_, True, "ann"),
        "denied": lambda id_: gate.respond_to_approval(id_, False, "ann"),
        "cancelled": gate.cancel_request,
    }.items():
        request = gate.open_request("deploy")
        end(request.request_id)
        words[word] = gate.wait_for_decision(request.request_id).status
    words["timeout"] = gate.request_approval("deploy", timeout=0.05).status
    words["unknown"] = gate.wait_for_decision(str(uuid.uuid4())).status
    words["unavailable"] = ApprovalGate("redis://127.0.0.1:1", "a").request_approval("x", timeout=0.1).status
    assert {word: word for word in words} == words


def test_a_request_that_the_server_lost_is_told_as_cancelled(gate, raw, background):
    request = gate.open_request("deploy")
    raw.delete("{telemetry}:approvals:request:" + request.request_id)
    assert gate._store.run(cancel_lost(gate._store.keys, request.request_id))
    raw.delete("{telemetry}:approvals:pending")
    assert gate.wait_for_decision(request.request_id, timeout=0).status in ("cancelled", "unknown")


@pytest.mark.parametrize("channel", ["direct", "site"])
def test_the_way_of_an_answer_is_told_and_nothing_is_called_verified(gate, channel):
    request = gate.open_request("deploy")
    answer = Answer(request.request_id, True, "ann", "", channel, str(uuid.uuid4()))
    assert deciding.decide(gate._store, answer).accepted
    response = gate.wait_for_decision(request.request_id)
    assert (response.channel, response.verified) == (channel, None)


def test_an_answer_by_a_former_version_has_its_way_from_the_request(gate, raw):
    request = gate.open_request("deploy")
    gate.respond_to_approval(request.request_id, True, "ann")
    ended = "{telemetry}:approvals:ended:" + request.request_id
    [(_, fields)] = raw.xrange(ended)
    raw.delete(ended)
    raw.xadd(ended, {name: value for name, value in fields.items() if name != b"channel"})
    assert gate.wait_for_decision(request.request_id).channel == "direct"


def test_what_nobody_answered_is_of_the_system(gate):
    response = gate.request_approval("deploy", timeout=0.05)
    assert (response.channel, response.responder) == ("system", "system")


@pytest.mark.parametrize("responder", [" ", "\t"[:0] + "  ", "\u00a0", "\u200b", "\u200b \u2060", "\u2028"])
def test_a_responder_of_which_nothing_is_seen_is_refused_like_an_empty_one(gate, responder):
    request = gate.open_request("deploy")
    with pytest.raises(ValueError, match="responder must name somebody"):
        gate.respond_to_approval(request.request_id, True, responder)
    assert gate.get_request(request.request_id).status == "pending"


@pytest.mark.parametrize("responder", ["system", "System", " system ", "sys\u200btem"])
def test_a_direct_answer_cannot_claim_to_be_the_system(gate, responder):
    request = gate.open_request("deploy")
    with pytest.raises(ValueError, match="responder must name a person"):
        gate.respond_to_approval(request.request_id, True, responder)
    assert gate.get_request(request.request_id).status == "pending"


@pytest.mark.parametrize("limit", [-0.1, -1, -86400.0])
def test_a_limit_that_has_passed_is_one_look(gate, limit):
    request = gate.open_request("deploy")
    assert gate.wait_for_decision(request.request_id, timeout=limit) is None
    gate.respond_to_approval(request.request_id, True, "ann")
    assert gate.wait_for_decision(request.request_id, timeout=limit).approved


def test_a_response_that_is_made_by_hand_has_its_word():
    assert ApprovalResponse("id", True, "ann").status == "approved"
    assert ApprovalResponse("id", False, "ann").status == "denied"
    assert ApprovalResponse("id", False, "system").status == "unknown"


class Level(enum.Enum):
    HIGH = "high"


@dataclasses.dataclass
class Plan:
    rows: int


class Model:
    """As a model of pydantic: it has a `model_dump`."""

    def model_dump(self) -> dict[str, int]:
        return {"rows": 3}


class Scalar:
    """As a scalar of numpy: it has an `item`."""

    def item(self) -> float:
        return 1.5


def plainly(value: object) -> object:
    if dataclasses.is_dataclass(value):
        return dataclasses.asdict(value)
    if isinstance(value, set):
        return sorted(value)
    for method in ("model_dump", "item"):
        if hasattr(value, method):
            return getattr(value, method)()
    return value.value if isinstance(value, enum.Enum) else str(value)


VALUES = {
    "datetime": (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02 00:00:00+00:00"),
    "date": (date(2026, 1, 2), "2026-01-02"),
    "Decimal": (Decimal("2070.32"), "2070.32"),
    "UUID": (uuid.UUID(int=7), str(uuid.UUID(int=7))),
    "Path": (Path("/srv/a"), "/srv/a"),
    "Enum": (Level.HIGH, "high"),
    "dataclass": (Plan(3), {"rows": 3}),
    "bytes": (b"ab", "b'ab'"),
    "set": ({2, 1}, [1, 2]),
    "pydantic": (Model(), {"rows": 3}),
    "numpy": (Scalar(), 1.5),
}


@pytest.mark.parametrize("kind", VALUES)
def test_what_json_does_not_have_is_taken_with_a_default_and_refused_without(gate, kind):
    value, plain = VALUES[kind]
    request = gate.open_request("deploy", {"a": [value]}, default=plainly)
    assert request.context == gate.get_request(request.request_id).context == {"a": [plain]}
    with pytest.raises(ValueError, match=r"context\.a\[0\] is a"):
        gate.open_request("deploy", {"a": [value]})


@pytest.mark.anywhere
def test_a_default_that_never_comes_to_an_end_is_refused(gate):
    for default in (lambda value: value, lambda value: [value, value]):
        with pytest.raises(ValueError, match="context"):
            gate.open_request("deploy", {"a": object()}, default=default)


@pytest.mark.anywhere
def test_what_a_default_raises_is_not_hidden(gate):
    def none(value):
        raise TypeError(f"no way for {value!r}")

    with pytest.raises(TypeError, match="no way for"):
        gate.request_approval("deploy", {"a": {1}}, default=none)
