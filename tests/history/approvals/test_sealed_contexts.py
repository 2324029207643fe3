"""Contexts that are sealed in SQL: nothing of them stands there, and whoever may read them reads them as before."""

import secrets
import zipfile
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from core.history import exports
from core.history.approvals import sealing
from core.history.approvals.precedents import precedents_of
from core.history.approvals.terms import Scope
from core.history.backups import backup
from core.history.backups.restore import restore
from core.history.checks import check_context_key, check_sealed
from core.history.proof.verification import verify
from core.history.search import index
from core.history.search.find import SearchQuery, find
from core.models import ApprovalRecord, AuditEntry
from core.models.sealed import is_sealed, key_of, keys
from dashboard.approvals import known_names
from tests.history.audit.attacker import sql
from tests.history.audit.chain import assert_chain_is_whole
from tests.history.backups.emptied import empty_the_database

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = Path("/none")
CONTEXT = {"card": "4929-7731.canary", "to": "zebrastripes limited", "path": "/srv/quagga/okapi.py"}
PIECES = ("4929-7731", "canary", "zebr", "limited", "quagga", "okapi")


def forget_other_tests() -> None:
    """What they wrote and took away stands in SQLite's free pages and index until both are written anew."""
    index.rebuild()
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")


@pytest.fixture
def key(settings) -> bytes:
    forget_other_tests()
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    return settings.TELEMETRY_CONTEXT_KEYS[0]


@pytest.fixture
def ask(gate, record):
    """Ask, have it answered, and record: the id of the request."""

    def asked(context: dict | None = None, reason: str = "fine") -> str:
        request = gate.open_request("payment", context or CONTEXT)
        gate.respond_to_approval(request.request_id, True, "ann", reason)
        record()
        return str(request.request_id)

    return asked


def everything_in_sql() -> bytes:
    """What whoever has the database has, free pages and indexes too."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            return connection.connection.serialize()
        found = b""
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT CAST(t AS text) FROM "{table}" t')
            found += "\n".join(text for (text,) in cursor.fetchall()).encode()
        return found


def column(request_id: str) -> str:
    return ApprovalRecord.objects.filter(pk=request_id).values_list("context", flat=True).get()


def found(query: str) -> list[str]:
    return [str(row.pk) for row in find(SearchQuery(query), 25).rows]


def pieces_in_sql() -> list[str]:
    said = everything_in_sql()
    return [piece for piece in PIECES if piece.encode() in said]


def test_with_a_key_no_piece_of_a_context_stands_in_the_database(key, ask):
    ask()
    assert pieces_in_sql() == []


def test_without_a_key_all_stands_in_clear_as_before(ask):
    assert column(ask()).startswith("{")
    assert pieces_in_sql() == list(PIECES)


def test_pages_search_rules_and_files_read_it_open(key, ask, maria, client):
    request_id = ask()
    client.force_login(maria)
    assert "okapi.py" in client.get(f"/approvals/{request_id}/").content.decode()
    shown = client.get("/record/?q=okapi.py").content.decode()
    assert request_id in shown
    assert "okapi.py</mark>" in shown
    assert precedents_of(Scope(True, "payment", "*", ())).looked == 1
    known_names._read_at = -known_names.SECONDS
    known_names.refresh()
    assert known_names.lookalikes("a", "payment", '{"to": "zebrastripes Iimited"}') != []
    rows = list(exports._rows("approvals"))
    assert "okapi.py" in rows[0][exports.COLUMNS["approvals"].index("context")]
    assert verify(NOWHERE).problems == []


@pytest.mark.parametrize(
    "query",
    [
        *("okapi", "okapi.py", "quagga/okapi.py", "4929-7731.canary", "7731.canary", "zebrastripes limited"),
        *("oka*", "zebras*", "quagga/oka*", "card", "payment okapi", "ann okapi", "fine okapi"),
    ],
)
def test_a_sealed_context_is_found_as_typed(key, ask, query):
    wanted = ask()
    ask({"amount": 1})
    assert found(query) == [wanted]


@pytest.mark.parametrize("query", ["okap", "okapi.p", "4929.7731", "zebrastripes other", "kapi"])
def test_what_was_not_asked_is_not_found(key, ask, query):
    ask()
    assert found(query) == []


def test_what_was_there_before_is_read_found_and_sealed_by_a_command(settings, ask):
    forget_other_tests()
    old = ask()
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    new = ask()
    assert sorted(found("okapi.py")) == sorted([old, new])
    assert ApprovalRecord.objects.get(pk=old).context == ApprovalRecord.objects.get(pk=new).context
    assert [one.id for one in check_sealed(["default"])] == ["core.W111"]
    call_command("seal_contexts", stdout=(said := StringIO()))
    assert said.getvalue().startswith("1 contexts sealed")
    assert pieces_in_sql() == []
    assert check_sealed(["default"]) == []
    assert sorted(found("okapi.py")) == sorted([old, new])
    assert verify(NOWHERE).problems == []
    assert AuditEntry.objects.filter(kind="contexts.sealed").count() == 1
    call_command("seal_contexts", stdout=(said := StringIO()))
    assert said.getvalue().startswith("0 contexts sealed")
    call_command("seal_contexts", "--open", stdout=(said := StringIO()))
    assert said.getvalue().startswith("2 contexts put back in clear")
    settings.TELEMETRY_CONTEXT_KEYS = ()
    call_command("search_index", "--rebuild", stdout=StringIO())
    assert column(old) == column(new) == ApprovalRecord.objects.get(pk=old).context
    assert sorted(found("okapi.py")) == sorted([old, new])
    assert_chain_is_whole()


@pytest.mark.parametrize("seconds", [sealing.HELD_SECONDS, -1.0])  # also with one text in each transaction
def test_keys_are_changed_one_after_the_other(settings, key, ask, monkeypatch, seconds):
    monkeypatch.setattr(sealing, "HELD_SECONDS", seconds)
    ids, newer = sorted([ask(), ask()]), secrets.token_bytes(32)
    settings.TELEMETRY_CONTEXT_KEYS = (newer, key)
    assert "okapi" in ApprovalRecord.objects.get(pk=ids[0]).context
    assert sorted(found("okapi.py")) == ids
    call_command("seal_contexts", stdout=StringIO())
    settings.TELEMETRY_CONTEXT_KEYS = (newer,)
    assert {key_of(column(request_id)) for request_id in ids} == {keys()[0].id}
    assert sorted(found("okapi.py")) == ids
    assert not any("sealed" in notice for notice in verify(NOWHERE).notices)


def test_a_lost_key_is_named_and_nothing_is_broken_or_empty(settings, key, ask, maria, client):
    request_id, lost = ask(), keys()[0].id
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    verdict = verify(NOWHERE)
    assert verdict.problems == []
    assert sum(lost in notice for notice in verdict.notices) == 1
    client.force_login(maria)
    page = client.get(f"/approvals/{request_id}/").content.decode()
    assert f"sealed with the key {lost}" in page
    assert "outside of this site" not in page
    assert client.get("/record/?q=payment").status_code == 200
    assert f"sealed with the key {lost}" in next(iter(exports._rows("approvals")))[-1]
    assert [one.id for one in check_sealed(["default"])] == ["core.W110"]
    stood = column(request_id)
    call_command("seal_contexts", stdout=StringIO(), stderr=(said := StringIO()))
    assert lost in said.getvalue()
    assert column(request_id) == stood
    settings.TELEMETRY_CONTEXT_KEYS = (key,)
    assert "okapi" in ApprovalRecord.objects.get(pk=request_id).context


@pytest.mark.parametrize("to", ["another row", "another text"])
def test_a_sealed_text_that_was_changed_or_copied_is_named(key, ask, to):
    one, other = ask(), ask({"amount": 5000})
    text = column(other) if to == "another row" else column(one)[:-8] + "AAAAAAAA"
    pk = one.replace("-", "") if connection.vendor == "sqlite" else one
    sql("UPDATE core_approvalrecord SET context = %s WHERE request_id = %s", text, pk)
    what = "its context, agent or kind is not what its digest was made of"
    assert verify(NOWHERE).problems == [f"request {one}: {what}"]


def test_what_the_recorder_writes_later_leaves_the_sealed_text_alone(key, gate, record):
    request = gate.open_request("payment", CONTEXT)
    record()
    stood = column(request.request_id)
    gate.respond_to_approval(request.request_id, False, "ann", "no")
    record()
    assert is_sealed(stood)
    assert column(request.request_id) == stood
    row = ApprovalRecord.objects.get(pk=request.request_id)
    row.save()
    assert is_sealed(column(request.request_id))
    assert row.context == ApprovalRecord.objects.get(pk=request.request_id).context


def test_a_backup_holds_them_sealed_and_is_read_again_with_the_key(key, ask, tmp_path):
    request_id, none = ask(), lambda _what, _rows: None
    taken = backup.take(tmp_path / "b.zip", none)
    with zipfile.ZipFile(taken.path) as file:
        said = b"".join(map(file.read, file.namelist()))
    assert [piece for piece in PIECES if piece.encode() in said] == []
    empty_the_database()
    restore(taken.path, NOWHERE, none)
    assert "okapi" in ApprovalRecord.objects.get(pk=request_id).context
    assert found("okapi.py") == [request_id]
    assert pieces_in_sql() == []
    assert verify(NOWHERE).problems == []


def test_without_a_key_the_command_says_what_to_set():
    with pytest.raises(CommandError, match="TELEMETRY_CONTEXT_KEY_FILE"):
        call_command("seal_contexts")


def test_the_deployment_check_names_what_stands_in_clear_and_an_open_file(settings, key, tmp_path):
    file = tmp_path / "keys"
    file.touch(mode=0o600)
    settings.TELEMETRY_CONTEXT_KEY_FILE = str(file)
    assert check_context_key() == []
    file.chmod(0o644)
    assert [one.id for one in check_context_key()] == ["core.W109"]
    settings.TELEMETRY_CONTEXT_KEYS = ()
    assert [one.id for one in check_context_key()] == ["core.I112"]
