"""From SQLite to PostgreSQL by one command: every row as it is, the chain unbroken, the recorder goes on."""

import json
import sqlite3
from contextlib import closing

import psycopg
import pytest
from django.core.management import CommandError, call_command

from core import ApprovalGate
from tests.history.installation import FILL, ODD, Installation

pytestmark = pytest.mark.anywhere  # both databases are in each test

RECORD = """
from core.history.recorder.recorder import Recorder
recorder = Recorder()
while recorder.step():
    pass
"""
LOOK = """
import json
from collections import Counter
from django.contrib.auth.models import User
from core.history.proof.verification import verify_copy
from core.models import ApprovalRecord, AuditEntry, SetAsideEntry
print(json.dumps({
    "problems": verify_copy().problems,
    "of_requests": AuditEntry.objects.filter(event_id__startswith="request:").count(),
    "repeated": [k for k, n in Counter(AuditEntry.objects.values_list("event_id", flat=True)).items() if n > 1],
    "records": dict(Counter(ApprovalRecord.objects.values_list("status", flat=True))),
    "set_aside": SetAsideEntry.objects.count(),
    "newest_user": User.objects.create(username="after the move").pk,
}))
"""


@pytest.fixture
def installation(data_dir, clean_redis):
    made = Installation(data_dir, clean_redis)
    assert made.manage("migrate", "-v", "0").returncode == 0
    return made


def rows_of(url: str, query: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()


def is_empty(url: str) -> bool:
    return rows_of(url, "SELECT 1 FROM core_auditentry UNION ALL SELECT 1 FROM auth_user") == []


def ask_and_answer(gate: ApprovalGate, count: int) -> None:
    for _ in range(count):
        request = gate.open_request("deploy", {ODD: [ODD, 1.5]})
        gate.respond_to_approval(request.request_id, True, "ann", ODD.strip())


def text_time(column: str) -> str:
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')"


@pytest.mark.long
def test_everything_is_moved_as_it_is_and_the_recorder_goes_on_where_it_was(installation, postgresql):
    gate, url = ApprovalGate(installation.environment["REDIS_URL"], "deployer"), postgresql.new_database()
    ask_and_answer(gate, 20)
    installation.run(FILL, ODD)
    installation.run(RECORD)
    ask_and_answer(gate, 5)  # of these nothing is in SQL yet
    before = {
        table: installation.rows(table) for table in ("core_auditentry", "auth_user", "core_websession")
    }
    moved = installation.manage("move_database", "--to", "-", said=url)
    assert moved.returncode == 0, moved.stderr
    assert before["core_auditentry"][-1][-1] in moved.stdout
    assert {table: installation.rows(table) for table in before} == before

    columns = "sequence, event_id, kind, {at}, actor, agent_id, details, previous_hash, hash"
    query = f"SELECT {columns} FROM core_auditentry ORDER BY sequence"
    with closing(sqlite3.connect(installation.file)) as source:
        kept = source.execute(query.format(at="substr(at || '.000000', 1, 26)")).fetchall()
    assert rows_of(url, query.format(at=text_time("at"))) == kept
    columns = f"session_data, {text_time('expire_date')}, session_key, {text_time('seen')}, account_id"
    sessions = rows_of(url, f"SELECT {columns} FROM core_websession")
    assert sessions == before["core_websession"]

    ask_and_answer(gate, 5)
    installation.run(RECORD, DATABASE_URL=url)
    seen = json.loads(installation.run(LOOK, DATABASE_URL=url))
    assert (seen["of_requests"], seen["problems"], seen["repeated"]) == (2 * 30, [], [])
    assert (seen["records"], seen["set_aside"], seen["newest_user"]) == ({"approved": 30}, 1, 8)

    again = installation.manage("move_database", "--to", url)
    assert again.returncode != 0
    assert "the target is not empty" in again.stderr


@pytest.mark.long
def test_an_installation_that_is_in_use_is_not_moved(installation, postgresql):
    url = postgresql.new_database()
    with closing(sqlite3.connect(installation.file)) as somebody:
        somebody.execute("SELECT count(*) FROM auth_user").fetchone()
        refused = installation.manage("move_database", "--to", url)
    assert refused.returncode != 0
    assert "stop the site first" in refused.stderr
    assert rows_of(url, "SELECT 1 FROM pg_tables WHERE schemaname = 'public'") == []


@pytest.mark.long
@pytest.mark.parametrize("place", ["migrate.after_one:9", "migrate.before_guards"])
def test_a_move_that_was_killed_while_it_made_the_tables_goes_on_with_them_at_the_next_try(
    installation, postgresql, place
):
    url = postgresql.new_database()
    installation.run(FILL, ODD)
    killed = installation.manage(
        "move_database", "--to", url, TELEMETRY_FAILPOINT=place, TELEMETRY_TESTING="1"
    )
    assert "Nothing was moved: " in killed.stderr
    assert rows_of(url, "SELECT count(*) FROM django_migrations")[0][0] > 7
    moved = installation.manage("move_database", "--to", url)
    assert moved.returncode == 0, moved.stderr
    seen = json.loads(installation.run(LOOK, DATABASE_URL=url))
    assert (seen["problems"], seen["set_aside"]) == ([], 1)
    checked = installation.manage("check", "--database", "default", "--fail-level", "ERROR", DATABASE_URL=url)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.long
def test_a_target_that_stands_at_migrations_of_a_newer_version_is_refused(installation, postgresql):
    url = postgresql.new_database()
    assert installation.manage("migrate", "-v", "0", DATABASE_URL=url).returncode == 0
    with psycopg.connect(url) as connection:
        names = "app, name, applied"
        connection.execute(f"INSERT INTO django_migrations ({names}) VALUES ('core', '9999_later', now())")
    refused = installation.manage("move_database", "--to", url)
    assert "migrations that this version does not know (core.9999_later)" in refused.stderr


@pytest.mark.long
@pytest.mark.parametrize(("error", "why"), [("a\0b", "has a NUL character"), ("x" * 90, "is longer than 40")])
def test_what_postgresql_cannot_keep_is_named_and_nothing_is_moved(installation, postgresql, error, why):
    url = postgresql.new_database()
    with closing(sqlite3.connect(installation.file)) as connection:
        row = (7, error, "1-1", "", "", "2026-01-01 00:00:00")
        names = "id, installation, position, fields, error, at"
        connection.execute(f"INSERT INTO core_setasideentry ({names}) VALUES (?, ?, ?, ?, ?, ?)", row)
        user = "'maria', '', '', '', '', 0, 1, 0, '2026-01-01'"
        columns = (
            "username, first_name, last_name, email, password, is_staff, is_active, is_superuser, date_joined"
        )
        connection.execute(f"INSERT INTO auth_user ({columns}) VALUES ({user})")
        connection.commit()
    refused = installation.manage("move_database", "--to", url)
    assert refused.returncode != 0
    assert f"installation of core_setasideentry 7 {why}" in refused.stderr
    assert is_empty(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "mysql://a@b/c",
        "sqlite:////tmp/x",
        "postgresql://u:secret@h:port/x",
        "postgresql://h/",
    ],
)
def test_an_address_that_is_no_postgresql_is_refused_without_being_repeated(url):
    with pytest.raises(CommandError, match=r"^--to ") as refusal:
        call_command("move_database", "--to", url or " ")
    assert "secret" not in str(refusal.value)
