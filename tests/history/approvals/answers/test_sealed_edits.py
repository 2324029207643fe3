"""Changed arguments and the values in rules are sealed in SQL as contexts are, and count as before."""

import json
import secrets
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from core.history.approvals import decisions, rules
from core.history.approvals.answers import holds, release
from core.history.approvals.rules import RuleDraft
from core.history.approvals.sealing import SEALED
from core.history.approvals.signing import CannotSign
from core.history.approvals.terms import Scope, ValueTerm
from core.history.backups import backup
from core.history.backups.restore import restore
from core.history.checks import check_sealed
from core.history.proof.verification import verify
from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord, ApprovalType, AuditEntry, DecisionIntent, Rule
from core.models.sealed import is_sealed, key_of, keys
from tests.history.approvals.test_sealed_contexts import everything_in_sql, forget_other_tests
from tests.history.audit.attacker import sql
from tests.history.audit.chain import assert_chain_is_whole
from tests.history.backups.emptied import empty_the_database
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = Path("/none")
ASKED = {"to": "quagga limited", "amount": 2070}
WANTED = {**ASKED, "to": "okapi 4929-7731 limited"}
PIECES = ("quagga", "okapi", "4929-7731")


@pytest.fixture
def key(settings) -> bytes:
    forget_other_tests()
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    return settings.TELEMETRY_CONTEXT_KEYS[0]


@pytest.fixture
def edited(gate, maria, record):
    """A request that maria approved with changes, recorded: its id."""
    ApprovalType.objects.create(name="pay", edits=True)

    def approve() -> str:
        request = gate.open_request("pay", ASKED, understands=("edited",))
        digest, text = live_record(gate, request.request_id).digest, json.dumps(WANTED)
        about = {"approved": True, "reason": "less", "digest": digest, "edited": text}
        decisions.decide(gate._store, maria, request.request_id, **about)
        record()
        return str(request.request_id)

    return approve


@pytest.fixture
def rule(gate, maria, record):
    """A rule of maria's that looks at a value."""

    def make() -> Rule:
        first = gate.open_request("pay", {"to": "the first"})
        record()
        scope = Scope(True, "pay", "deployer", (ValueTerm(("to",), "is", "okapi 4929-7731 limited"),))
        return rules.make(gate._store, maria, RuleDraft(scope, "as ever", rules.LONGEST, 9, first.request_id))

    return make


def stored() -> list[str]:
    """What stands in each column that is sealed."""
    return [
        text
        for column in SEALED
        for text in column.model.objects.exclude(**{column.attname: ""}).values_list(
            column.attname, flat=True
        )
    ]


def pieces_in_sql() -> list[str]:
    said = everything_in_sql()
    return [piece for piece in PIECES if piece.encode() in said]


def test_with_a_key_nothing_of_them_stands_in_sql_and_all_count_as_before(key, edited, rule, gate, record):
    request_id, made = edited(), rule()
    assert pieces_in_sql() == []
    assert all(map(is_sealed, stored()))
    row, intent = ApprovalRecord.objects.get(pk=request_id), DecisionIntent.objects.get()
    assert json.loads(row.edited_to) == json.loads(intent.edited_to) == WANTED
    heard = gate.wait_for_decision(request_id, understands=("edited",))
    assert heard.edited == WANTED
    asked = gate.open_request("pay", {"to": WANTED["to"]})
    record()
    assert live_record(gate, asked.request_id).responder == f"rule {made.pk} of maria"
    assert verify(NOWHERE).problems == []
    [entry] = AuditEntry.objects.filter(kind="rule.made")
    assert "terms" not in json.loads(entry.details)
    assert_chain_is_whole()


def test_what_was_there_before_is_read_sealed_by_the_command_and_opened_again(
    settings, edited, rule, ask_again
):
    request_id, made = edited(), rule()
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    assert json.loads(ApprovalRecord.objects.get(pk=request_id).edited_to) == WANTED
    assert Rule.objects.get().terms == made.terms
    assert [one.id for one in check_sealed(["default"])] == ["core.W111"]
    call_command("seal_contexts", stdout=(said := StringIO()))
    assert "2 contexts sealed, and 3 changed arguments" in said.getvalue()
    assert all(map(is_sealed, stored()))
    assert check_sealed(["default"]) == []
    assert verify(NOWHERE).problems == []
    assert ask_again(request_id).outcome == "already_decided"
    older, settings.TELEMETRY_CONTEXT_KEYS = (
        settings.TELEMETRY_CONTEXT_KEYS,
        (secrets.token_bytes(32), *settings.TELEMETRY_CONTEXT_KEYS),
    )
    call_command("seal_contexts", stdout=StringIO())
    assert {key_of(text) for text in stored()} == {keys()[0].id}
    call_command("seal_contexts", "--open", stdout=StringIO())
    assert not any(map(is_sealed, stored()))
    assert older


@pytest.fixture
def ask_again(gate, maria):
    """The very same answer once more, as by a double click."""

    def again(request_id: str):
        about = {"approved": True, "reason": "less", "digest": live_record(gate, request_id).digest}
        count = DecisionIntent.objects.count()
        told = decisions.decide(gate._store, maria, request_id, edited=json.dumps(WANTED), **about)
        assert DecisionIntent.objects.count() == count  # it left nothing
        return told

    return again


def test_a_lost_key_is_named_and_nothing_unreadable_is_given_to_anybody(
    settings, key, edited, rule, gate, record, maria, client, raw
):
    request_id, made, lost = edited(), rule(), keys()[0].id
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    verdict = verify(NOWHERE)
    assert verdict.problems == []
    assert sum(lost in notice for notice in verdict.notices) == 1
    asked = gate.open_request("pay", {"to": WANTED["to"]})
    record()
    assert live_record(gate, asked.request_id).status == "pending"  # its rule cannot be read
    client.force_login(maria)
    assert f"sealed with the key {lost}" in client.get("/rules/").content.decode()
    for address in (f"/approvals/{request_id}/", f"/approvals/{made.request_id}/"):
        assert client.get(address).status_code == 200
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert page.count(f"sealed with the key {lost}") == 2  # what was asked, and what it was changed to
    assert [one.id for one in check_sealed(["default"])] == ["core.W110", "core.W111"][:1]
    name = f"{{telemetry}}:approvals:request:{request_id}"
    raw.hset(name, "status", "pending")  # a server from an older file
    told = decisions.decide(
        gate._store, maria, request_id, approved=False, reason="", digest=live_record(gate, request_id).digest
    )
    assert (told.outcome, raw.hget(name, "status")) == ("already_decided", "pending")


def test_ends_that_cannot_be_read_do_not_keep_a_round_of_the_repair_going(
    settings, key, edited, gate, raw, clean_redis, monkeypatch
):
    monkeypatch.setattr("core.history.approvals.repair.PART", 2)
    gone = [edited() for _ in range(3)]
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    for request_id in gone:  # a server from an older file
        raw.hset(f"{{telemetry}}:approvals:request:{request_id}", "status", "pending")
        raw.zadd("{telemetry}:approvals:pending", {request_id: 1e15})
    recorder = Recorder(clean_redis)
    for _part in range(10):
        recorder.step()
    assert not recorder._repair.due
    assert {live_record(gate, request_id).status for request_id in gone} == {"pending"}


def test_a_held_approval_with_changes_of_a_lost_key_is_not_signed(settings, key, edited, gate):
    settings.TELEMETRY_UNDO_SECONDS = 60
    holds.began.disconnect(release.soon)
    try:
        request_id = edited()
    finally:
        holds.began.connect(release.soon)
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    with pytest.raises(CannotSign, match="which this site does not have"):
        release.release(gate._store, DecisionIntent.objects.get().pk)
    assert live_record(gate, request_id).status == "pending"


def test_sealed_values_that_were_changed_or_copied_from_another_rule_are_named_and_open_nowhere(key, rule):
    one, other = rule(), rule()
    sql("UPDATE core_rule SET terms = '[]' WHERE id = %s", one.pk)
    assert verify(NOWHERE).problems == [f"rule {one.pk}: its values is not the one in the record"]
    [text] = Rule.objects.filter(pk=other.pk).values_list("terms", flat=True)
    sql("UPDATE core_rule SET terms = %s WHERE id = %s", text, one.pk)
    assert is_sealed(Rule.objects.get(pk=one.pk).terms)
    assert verify(NOWHERE).problems == [f"rule {one.pk}: its values is not the one in the record"]


def test_a_backup_holds_them_sealed_and_is_read_again_with_the_key(key, edited, rule, tmp_path):
    request_id, made, none = edited(), rule(), lambda _what, _rows: None
    taken = backup.take(tmp_path / "b.zip", none)
    empty_the_database()
    restore(taken.path, NOWHERE, none)
    assert json.loads(ApprovalRecord.objects.get(pk=request_id).edited_to) == WANTED
    assert Rule.objects.get().terms == made.terms
    assert all(map(is_sealed, stored()))
    assert pieces_in_sql() == []
    assert verify(NOWHERE).problems == []


def test_a_row_without_a_number_seals_nothing_for_no_place(key, maria):
    with pytest.raises(ValueError, match="has no number yet"):
        Rule(owner=maria, terms='[["to"]]').save()
