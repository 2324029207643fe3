"""Whoever may write to Redis can change what a request says there; nobody decides that, and everybody is told."""

import uuid

import pytest

from core import ApprovalGate
from core.history.approvals import decisions
from core.history.approvals.alarms import AlteredRequest
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.store.approvals import Question, request
from core.store.client import open_store
from core.store.keys import id_prefix_of, is_of_another, new_request_id
from core.values.digests import request_digest
from tests.history.audit.chain import kinds_of
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

ASKED, SWAPPED = {"path": "/tmp/x"}, '{"path":"/"}'
OTHER = request_digest("deployer", "delete", SWAPPED.encode())


@pytest.fixture
def ask(gate, record, raw):
    """A request that is recorded, and the key of its hash."""

    def asked(recorded=True):
        request = gate.open_request("delete", ASKED)
        if recorded:
            record()
        return request.request_id, "{telemetry}:approvals:request:" + request.request_id

    return asked


def alarms():
    return list(AuditEntry.objects.filter(kind="approval.altered"))


@pytest.mark.parametrize("fields", [
    {"context": SWAPPED},
    {"context": SWAPPED, "digest": OTHER},
    {"agent_id": "somebody-else"},
    {"approval_type": "read"},
    {"digest": "0" * 64},
    {"deadline_ms": "4000000000000"},
])  # fmt: skip
@pytest.mark.parametrize("approved", [True, False])
def test_what_was_changed_in_redis_is_decided_by_nobody_and_recorded_once(
    gate, maria, decide, raw, ask, fields, approved
):
    request_id, key = ask()
    raw.hset(key, mapping=fields)
    for _ in range(2):
        with pytest.raises(AlteredRequest, match="not what the agent asked"):
            decide(maria, request_id, approved=approved)
    assert live_record(gate, request_id).status == "pending"
    assert not DecisionIntent.objects.exists()
    [alarm] = alarms()
    assert str(alarm.request_id) == request_id


def test_the_recorder_finds_it_by_itself_within_its_minute(gate, raw, ask, repair):
    request_id, key = ask()
    raw.hset(key, mapping={"context": SWAPPED, "digest": OTHER})
    for _ in range(2):
        repair()
    [alarm] = alarms()
    assert (str(alarm.request_id), alarm.agent_id) == (request_id, "deployer")


def test_before_it_is_recorded_the_bytes_and_their_field_are_compared(gate, maria, decide, record, raw, ask):
    request_id, key = ask(recorded=False)
    shown = live_record(gate, request_id).digest
    raw.hset(key, "context", SWAPPED)
    with pytest.raises(AlteredRequest):
        decide(maria, request_id, digest=shown)
    assert live_record(gate, request_id).status == "pending"


def test_swapped_with_its_digest_before_it_is_recorded_it_is_found_when_that_is_read(gate, record, raw, ask):
    request_id, key = ask(recorded=False)
    raw.hset(key, mapping={"context": SWAPPED, "digest": OTHER})
    record()
    assert ApprovalRecord.objects.get(pk=request_id).context == ""
    [alarm] = alarms()
    assert OTHER in alarm.details


def test_changed_between_reading_and_deciding_the_script_sees_the_bytes(gate, maria, raw, ask, monkeypatch):
    request_id, key = ask()
    digest, decide = live_record(gate, request_id).digest, decisions.deciding.decide

    def swapped_first(store, answer):
        raw.hset(key, "context", SWAPPED)
        return decide(store, answer)

    monkeypatch.setattr(decisions.deciding, "decide", swapped_first)
    decision = decisions.decide(gate._store, maria, request_id, approved=True, reason="", digest=digest)
    assert decision.outcome == "changed"
    assert live_record(gate, request_id).status == "pending"


def test_a_call_in_python_that_names_a_digest_is_held_to_the_bytes_too(gate, clean_redis, raw, ask):
    request_id, key = ask()
    digest = live_record(gate, request_id).digest
    raw.hset(key, "context", SWAPPED)
    assert gate.decide(request_id, True, "ann", digest=digest).outcome == "changed"
    raw.hset(key, "context", '{"path": "/tmp/x"}')
    assert open_store(clean_redis).read("HGET", key, "context") == b'{"path": "/tmp/x"}'
    right = live_record(gate, request_id).digest
    raw.hset(key, "digest", right)
    assert gate.decide(request_id, True, "ann", digest=right).accepted


# An id tells whose request it is


@pytest.fixture
def asked(gate):
    """A request under an id of its asker's choice."""

    def ask(request_id: str, agent: str = "deployer") -> str:
        store = gate._store
        store.run(request(store.keys, Question(request_id, agent, "deploy", b"{}", 60.0), 60_000))
        return request_id

    return ask


def test_ids_of_an_agent_begin_alike_and_are_uuids(gate):
    first, second = (gate.open_request("deploy").request_id for _ in range(2))
    other = ApprovalGate(gate.memory, "Deployer").open_request("deploy").request_id
    assert first != second
    assert first[:19] == second[:19] == id_prefix_of("deployer") != other[:19]
    assert (uuid.UUID(first).version, uuid.UUID(first).variant) == (8, uuid.RFC_4122)
    assert str(uuid.UUID(first)) == first
    assert [is_of_another(first, name) for name in ("deployer", "Deployer")] == [False, True]


def test_an_id_of_an_earlier_version_is_taken_as_it_is(asked, maria, decide):
    assert decide(maria, asked(str(uuid.uuid4()))).accepted


def test_who_asks_in_anothers_name_is_told_on_and_answered_by_nobody(asked, maria, decide, record, gate):
    request_id = asked(new_request_id("mallory"))
    record()
    with pytest.raises(AlteredRequest):
        decide(maria, request_id)
    assert live_record(gate, request_id).status == "pending"
    assert "approval.altered" in kinds_of(request_id)
