"""No entry of the outbox ends the recorder: whatever one says, that one is set aside and the next is recorded."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone

from core.history.approvals import effects
from core.history.approvals.answers import extensions
from core.history.proof.verification import verify
from core.history.recorder import registry
from core.history.recorder.recorder import Recorder
from core.history.recorder.retry import record_again
from core.models import ApprovalRecord, DecisionIntent, LLMCall, SetAsideEntry
from core.store.client import open_store
from core.store.recorder import read_heartbeat
from core.usage.call import Call, shipped_bytes
from tests.history.audit.chain import assert_chain_is_whole
from tests.history.recorder.test_recorder_poison import ASKED, ENDED
from tests.live_record import live_record
from tests.waiting import wait_until

OUTBOX = "{telemetry}:outbox"
NOW = "1790000000000"
A_SURROGATE = '{"\\ud800":"\\ud800"}'
NUMBERS = {
    "beyond 64 bit": str(2**64),
    "of 5,000 digits": "9" * 5000,
    "below 64 bit": str(-(2**70)),
    "a float": "1.5",
    "infinite": "Infinity",
    "nan": "NaN",
    "true": "true",
    "a text": '"1"',
    "null": "null",
    "a list": "[1]",
}
A_THOUSAND_LEVELS = {"list": "[" * 1000 + "]" * 1000, "object": '{"a":' * 1000 + "1" + "}" * 1000}


def a_call(call_id: str = "c") -> Call:
    return Call(
        call_id=call_id, us=1_790_000_000_000_000, workflow="w", stage="", tier="cheap", model="m", provider="p",
        agent_id="", user="", cost=5, input=1, output=1, cache_read=0, cache_write=0, hit=False, cache_type="",
        prompt_hit=False, duration_ms=1, book=1, uncached=1, baseline=1,
    )  # fmt: skip


def told(call_id: str = "c") -> dict:
    return json.loads(shipped_bytes(a_call(call_id)))


def a_run(**fields: str) -> dict:
    return {
        **{"type": "agent_started", "run_id": str(uuid.uuid4()), "agent_id": "a", "instance": "i"},
        **{"started_ms": NOW, "stopped_ms": NOW, "resumed_ms": NOW, "display_name": "x", "metadata": "{}"},
        **{"previous_beat_ms": "", "previous": "", "status": "s", "progress": "0.5", "task": "t", **fields},
    }


def calls(text: str, **fields: str) -> dict:
    return {"type": "llm_calls", "shipped_ms": NOW, "calls": text, **fields}


def an_end(**fields: str) -> dict:
    return {**ENDED, "request_id": str(uuid.uuid4()), "ended_ms": NOW, **fields}


def a_request(**fields: str) -> dict:
    return {**ASKED, "request_id": str(uuid.uuid4()), "requested_ms": NOW, "deadline_ms": NOW, **fields}


def work(kind: str, text: str) -> dict:
    return {"type": "automation", "kind": kind, "recorded_ms": NOW, "record": text}


RECORDS = {
    "task_routing": {
        "routing_id": "r",
        "task_type": "t",
        "strategy": "s",
        "assigned_to": "a",
        "confidence": 1,
    },
    "test_execution": {"execution_id": "e", "suite": "s", "passed": 1, "duration_seconds": 1},
    "coverage": {"coverage_id": "c", "suite": "s", "lines_covered": 1, "lines_total": 2},
    "file_test": {"file_test_id": "f", "file_path": "p", "passed": 1},
    "agent_assignment": {"assignment_id": "a", "agent_id": "a", "task_type": "t"},
}
TIMES = [
    *[(a_request, name) for name in ("requested_ms", "deadline_ms")],
    *[(an_end, "ended_ms"), (a_run, "started_ms")],
]


def with_number(record: dict, name: str, number: str) -> str:
    return json.dumps({**record, name: "@"}).replace('"@"', number)


def poison() -> dict[str, dict]:
    """Each by a name of its own."""
    found: dict[str, dict] = {
        "surrogates in metadata": a_run(metadata=A_SURROGATE),
        "metadata that is no object": a_run(metadata="[]"),
        "surrogates for calls": calls(f"[{A_SURROGATE}]"),
        "surrogates as a record": work("coverage", A_SURROGATE),
        "an unknown kind": work("a party", "{}"),
        "progress beyond every float": a_run(type="agent_stopped", progress="1e309"),
        "a NUL in a status": a_run(type="agent_stopped", status="\0"),
        "no run": {name: value for name, value in a_run().items() if name != "run_id"},
        "a run without an id": a_run(run_id="me"),
        "calls without a time": {"type": "llm_calls", "calls": "[]"},
        "a reset at no time": {"type": "usage_reset"},
        "a reset of another world": {"type": "usage_reset", "reset_ms": "9" * 17},
        "a type that is no text": {b"type": b"\xff\xfe", b"run_id": b"\xff"},
        "names that are no text": {b"\xff": b"\xff", b"type": b"agent_started", b"agent_id": b"\xed\xa0\x80"},
        "a timeout beyond every float": a_request(timeout_seconds="1e309"),
        "a responder too long": an_end(responder="r" * 256),
    }
    for kind, text in A_THOUSAND_LEVELS.items():
        found[f"calls, {kind}"] = calls(text if kind == "list" else f"[{text}]")
        found[f"metadata, {kind}"] = a_run(metadata=text)
        found[f"record, {kind}"] = work("coverage", text)
    for record_kind, record in RECORDS.items():
        for name, value in record.items():
            without = json.dumps({**record, name: None})
            found[f"{record_kind} without {name}"] = work(record_kind, without)
            for number, text in NUMBERS.items():
                fine = isinstance(value, str) and number == "a text"
                if not fine and not (value == 1 and "float" in number and "duration" in name):
                    found[f"{record_kind}: {name} {number}"] = work(
                        record_kind, with_number(record, name, text)
                    )
    for make, name in TIMES:
        for year, ms in {"1": "-62135596800000", "1969": "-1", "2300": "10413792000000", "x": "x"}.items():
            found[f"{name} in the year {year}"] = make(**{name: ms})
    return found


def test_whatever_an_entry_says_it_alone_is_set_aside(gate, raw, record):
    before = gate.open_request("deploy")
    wrong = poison()
    positions = {raw.xadd(OUTBOX, fields): name for name, fields in wrong.items()}
    after = gate.open_request("deploy")
    assert record() == len(positions) + 2
    set_aside_ones = {aside.position.split("/")[0] for aside in SetAsideEntry.objects.all()}
    assert [name for position, name in positions.items() if position not in set_aside_ones] == []
    assert {str(row.pk) for row in ApprovalRecord.objects.all()} == {before.request_id, after.request_id}
    assert LLMCall.objects.count() == 0
    assert assert_chain_is_whole() == 2


def test_a_lone_surrogate_does_not_end_the_recorder_that_runs(
    transactional_db, gate, raw, running, clean_redis
):
    running(Recorder(clean_redis))
    raw.xadd(OUTBOX, a_run(metadata=A_SURROGATE))
    request = gate.open_request("deploy")
    wait_until(lambda: ApprovalRecord.objects.filter(pk=request.request_id).exists(), "it goes on")
    aside = SetAsideEntry.objects.get()
    assert "lone surrogate" in aside.error
    assert "\\ud800" in aside.error + aside.fields


def test_of_ten_calls_the_one_that_is_wrong_is_set_aside_alone_and_the_rest_recorded(raw, record, maria):
    for number, (name, wrong) in enumerate(
        [("workflow", '"\\ud800"'), ("\\ud800", "1"), *[("cost", text) for text in NUMBERS.values()]]
    ):
        batch = [json.dumps(told(f"{number}-{place}")) for place in range(10)]
        batch[4] = with_number(told(f"{number}-4"), json.loads(f'"{name}"'), wrong)
        raw.xadd(OUTBOX, calls(f"[{','.join(batch)}]"))
        record()
        if name == "\\ud800":  # a key that nobody asks for
            assert LLMCall.objects.filter(call_id=f"{number}-4").delete()[0] == 1
        assert LLMCall.objects.count() == 9 * (number + 1), (name, wrong[:20])
    for aside in SetAsideEntry.objects.all():
        assert aside.position.endswith("/4")
        assert record_again(aside.pk, maria).outcome == "refused"
    assert SetAsideEntry.objects.count() == 1 + len(NUMBERS)


@pytest.mark.parametrize("field", ["input", "output", "cache_read", "cache_write", "us", "book", "baseline"])
def test_a_number_beyond_every_column_is_the_fault_of_its_call_alone(raw, record, field):
    texts = [with_number(told(f"{place}"), field, str(10 ** (9 * place))) for place in (2, 3)]
    raw.xadd(OUTBOX, calls(f"[{json.dumps(told('fine'))},{','.join(texts)}]"))
    record()
    assert LLMCall.objects.filter(call_id="fine").exists()
    assert LLMCall.objects.count() + SetAsideEntry.objects.count() == 3
    assert SetAsideEntry.objects.count() >= 1


def raising(error: Exception) -> Callable[..., None]:
    def effect(*_said: object) -> None:
        raise error

    return effect


def test_an_error_that_nobody_thought_of_sets_its_entry_aside(gate, raw, record, monkeypatch):
    wrong = raising(AttributeError("nobody thought of that \ud800"))
    monkeypatch.setitem(registry.HANDLERS, "llm_calls", wrong)
    raw.xadd(OUTBOX, calls("[]"))
    gate.open_request("deploy")
    assert record() == 2
    assert ApprovalRecord.objects.count() == 1
    assert "nobody thought of that \\ud800" in SetAsideEntry.objects.get().error


def test_an_error_in_the_work_on_requests_sets_aside_its_entry_alone(gate, raw, record, monkeypatch):
    monkeypatch.setitem(effects.STEPS, "collected", raising(RuntimeError("not that either")))
    request = gate.open_request("deploy")
    raw.xadd(OUTBOX, {"type": "collected", "request_id": request.request_id, "collected_ms": NOW})
    assert record() == 2
    assert ApprovalRecord.objects.count() == 1
    assert "RuntimeError" in SetAsideEntry.objects.get().error


def test_what_is_set_aside_did_nothing_to_the_row(gate, raw, record, maria):
    """What lacks a word is found out before anything of it is worked out: a row without its entry would be a lie."""
    ended = gate.open_request("deploy")
    gate.respond_to_approval(ended.request_id, True, "ann")
    hears = gate.open_request("deploy", timeout=60, understands=("extended",))
    extensions.extend(gate._store, maria, hears.request_id, 5, live_record(gate, hears.request_id).digest)
    for position, fields in raw.xrange(OUTBOX):
        lacking = {"ended": "digest", "more_time": "extended_ms"}.get(fields["type"])
        if lacking:
            raw.xdel(OUTBOX, position)
            raw.xadd(OUTBOX, {name: value for name, value in fields.items() if name != lacking})
    assert record() == 4
    assert SetAsideEntry.objects.count() == 2
    assert set(ApprovalRecord.objects.values_list("status", "timeout_seconds")) == {
        ("pending", 300.0),
        ("pending", 60.0),
    }
    assert verify(Path("/none")).problems == []


def test_what_is_odd_in_a_row_keeps_no_change_from_being_recorded(gate, record, maria, decide, clean_redis):
    """As where somebody wrote into the database past the software: the round of repairs is given up, and said so."""
    decide(maria, gate.open_request("deploy").request_id)
    record()
    ApprovalRecord.objects.update(status="no word")
    DecisionIntent.objects.update(decision_id=uuid.uuid4(), outcome="open", accepted_at=timezone.now())
    request = gate.open_request("deploy")
    recorder = Recorder(clean_redis)
    for _ in range(2):
        recorder.step()
    assert ApprovalRecord.objects.filter(pk=request.request_id).exists()


def test_the_loop_survives_an_error_of_its_own_and_tells_its_health(
    transactional_db, gate, running, clean_redis, monkeypatch
):
    recorder = Recorder(clean_redis)
    monkeypatch.setattr(recorder, "step", raising(RuntimeError("of its own")))
    running(recorder)
    store = open_store(clean_redis)
    wait_until(lambda: read_heartbeat(store).state == "troubled", "it says so")
    request = gate.open_request("deploy")
    monkeypatch.undo()
    wait_until(lambda: ApprovalRecord.objects.filter(pk=request.request_id).exists(), "it goes on")
    wait_until(lambda: read_heartbeat(store).recording, "it is well again")
