"""Files of the record: asked for on a page, written by a job, fetched by whoever asked."""

import asyncio
import csv
import io
import os
from datetime import timedelta

import pytest
from django.db import connection
from django.test import AsyncClient
from django.utils import timezone

from core import jobs
from core.history import exports
from core.history.proof.verification import verify_lines
from core.models import AuditEntry, Export
from dashboard.exports import views
from tests.chosen_servers import DATABASE
from tests.dashboard.test_access_matrix import KINDS, SIGN_IN, status_of
from tests.history.audit.attacker import fill
from tests.waiting import PATIENCE
from tests.workers import work

pytestmark = pytest.mark.django_db

MAY = dict.fromkeys(KINDS, 403) | {
    "anonymous": SIGN_IN, "inactive": SIGN_IN, "auditor": 200, "superuser": 200,
}  # fmt: skip


@pytest.fixture(autouse=True)
def data_dir(clean_redis, settings, tmp_path):
    settings.TELEMETRY_DATA_DIR = tmp_path
    return tmp_path


def ask(client, kind: str = "audit") -> Export:
    assert client.post("/exports/ask/", {"kind": kind}).status_code == 302
    return Export.objects.order_by("-requested_at").first()


def content(response) -> list[list[str]]:
    """The cells of a file of CSV."""
    return list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode())))


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_take_the_record_away(signed_in, kind):
    client = signed_in(kind)
    assert status_of(client.get("/exports/")) == MAY[kind]
    asked = status_of(client.post("/exports/ask/", {"kind": "audit"}))
    assert asked == (302 if MAY[kind] == 200 else MAY[kind])
    assert Export.objects.count() == (MAY[kind] == 200)


def test_proof_of_some_days_is_taken_at_once_and_can_be_checked(signed_in):
    fill(40)
    client = signed_in("auditor")
    taken = client.post("/exports/proof/", {"from": "2026-03-01", "to": "2026-03-01"}).getvalue().decode()
    assert verify_lines(taken.splitlines()).whole
    assert taken.count("\n") == 40
    assert '"from":"2026-03-01","to":"2026-03-02"' in AuditEntry.objects.first().details.replace(" ", "")
    for days in ({"from": "yesterday"}, {"to": "2026-02-31"}, {"to": "soon"}):
        assert "Nothing was taken" in client.post("/exports/proof/", days, follow=True).content.decode()
    assert status_of(signed_in("approver").post("/exports/proof/")) == 403


def test_the_file_is_the_record_and_for_whoever_asked_alone(signed_in, gate, record):
    for _ in range(3):
        gate.open_request("deploy")
    record()
    client = signed_in("auditor")
    export = ask(client)
    address = f"/exports/{export.pk}/"
    assert "Waits for a worker" in client.get("/exports/").content.decode()
    assert client.get(address).status_code == 404
    work()
    assert f"{Export.objects.get().rows} rows" in client.get("/exports/").content.decode()
    response = client.get(address)
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"].startswith('attachment; filename="audit-')
    head, *rows = content(response)
    assert [row[head.index("kind")] for row in rows].count("approval.requested") == 3
    hashes = [row[head.index("hash")] for row in rows]
    assert hashes == list(AuditEntry.objects.order_by("sequence").values_list("hash", flat=True)[: len(rows)])
    assert signed_in("superuser").get(address).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_the_asynchronous_site_sends_the_file_in_pieces(signed_in, gate, record, monkeypatch):
    monkeypatch.setattr(views, "PIECE", 100)
    gate.open_request("deploy")
    record()
    client = signed_in("auditor")
    address = f"/exports/{ask(client).pk}/"
    work()
    whole = b"".join(client.get(address).streaming_content)
    other = AsyncClient()
    other.cookies = client.cookies

    async def pieces() -> list[bytes]:
        answer = await other.get(address)
        assert answer.is_async
        return [piece async for piece in answer.streaming_content]

    found = asyncio.run(pieces())
    assert b"".join(found) == whole
    assert max(map(len, found)) == 100


def test_requests_are_a_file_too_and_no_cell_is_a_formula(signed_in, gate, record):
    gate.respond_to_approval(gate.open_request("=1+1", {"a": 1}).request_id, False, "@ann", "-2+3")
    record()
    client = signed_in("auditor")
    export = ask(client, "approvals")
    work()
    head, row = content(client.get(f"/exports/{export.pk}/"))
    said = dict(zip(head, row, strict=True))
    assert (said["approval_type"], said["responder"], said["reason"]) == ("'=1+1", "'@ann", "'-2+3")
    assert said["context"] == '{"a":1}'


def test_written_twice_it_is_one_file_and_one_entry_in_the_record(signed_in, gate, record):
    gate.open_request("deploy")
    record()
    export = ask(signed_in("auditor"), "approvals")
    assert jobs.export(str(export.pk)) == 1
    first = exports.path_of(export).read_bytes()
    assert jobs.export(str(export.pk)) == 1
    assert exports.path_of(export).read_bytes() == first
    assert [path.suffix for path in exports.path_of(export).parent.iterdir()] == [".csv"]
    [entry] = AuditEntry.objects.filter(kind="record.exported")
    assert entry.actor == "the auditor"


def test_after_a_day_it_is_gone(signed_in, data_dir):
    client = signed_in("auditor")
    export = ask(client)
    work()
    Export.objects.update(requested_at=timezone.now() - timedelta(days=1, minutes=1))
    assert client.get(f"/exports/{export.pk}/").status_code == 404
    assert "You asked for none" in client.get("/exports/").content.decode()
    left = exports.path_of(export).with_suffix(".1.part")
    left.touch()
    os.utime(left, (1, 1))
    assert jobs.tidy_exports() == 2
    assert list((data_dir / "exports").iterdir()) == []
    assert jobs.tidy_exports() == 0
    assert jobs.export(str(export.pk)) == 0


def test_three_at_a_time_are_enough(signed_in):
    client = signed_in("auditor")
    for _ in range(5):
        client.post("/exports/ask/", {"kind": "audit"})
    assert Export.objects.count() == 3
    assert "Three of your files" in client.get("/exports/").content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_many_requests_at_once_three_are_taken(signed_in, person, background):
    user = person("auditor")

    def ask_for_one() -> bool:
        try:
            return bool(jobs.request_export(user, "audit"))
        except exports.TooManyExports:
            return False
        finally:
            connection.close()

    asked = [background(ask_for_one) for _ in range(10)]
    assert sum(future.result(PATIENCE) for future in asked) == Export.objects.count() == 3


@pytest.mark.parametrize("fate", ["failed", "lost"])
def test_those_that_failed_or_whose_jobs_are_lost_keep_nobody_from_asking_again(
    signed_in, data_dir, raw, fate
):
    client = signed_in("auditor")
    (data_dir / "exports").write_text("a file where the folder should be")
    for _ in range(3):
        ask(client)
    if fate == "failed":
        work()
    else:
        raw.flushall()
        Export.objects.update(requested_at=timezone.now() - jobs.PUT_IN_WITHIN)
    assert "could not be written" in client.get("/exports/").content.decode()
    ask(client)
    assert Export.objects.count() == 4


def test_an_unknown_kind_is_refused(signed_in):
    client = signed_in("auditor")
    page = client.post("/exports/ask/", {"kind": "passwords"}, follow=True).content.decode()
    assert "there is no export of" in page
    assert not Export.objects.exists()


def test_without_a_queue_nothing_is_started_and_it_says_so(signed_in, settings):
    client = signed_in("auditor")
    settings.TELEMETRY_SITE_REDIS_URL = "redis://127.0.0.1:1"
    page = client.post("/exports/ask/", {"kind": "audit"}, follow=True).content.decode()
    assert "Nothing was started" in page
    assert not Export.objects.exists()


def test_one_that_failed_says_so(signed_in, data_dir):
    client = signed_in("auditor")
    (data_dir / "exports").write_text("a file where the folder should be")
    ask(client)
    work()
    assert "could not be written" in client.get("/exports/").content.decode()
    assert jobs.queue().failed_job_registry.count == 1


def test_how_far_it_is_is_on_the_page(signed_in):
    client = signed_in("auditor")
    export = ask(client)
    [state] = jobs.export_states([export])
    assert state.state == "waiting"
    job = jobs.queue().fetch_job(f"telemetry-export-{export.pk}")
    job.set_status("started")
    job.meta.update(done=2000, total=5000)
    job.save_meta()
    page = client.get("/exports/").content.decode()
    assert "2,000 of 5,000 rows" in page
    assert 'hx-trigger="every 2s"' in page


@pytest.mark.skipif(DATABASE != "postgresql", reason="PostgreSQL alone ends statements that take long")
def test_reading_a_long_record_is_not_ended_as_a_statement_that_takes_too_long(signed_in):
    fill(exports.ROWS_AT_ONCE)
    export = ask(signed_in("auditor"))
    limits: list[str] = []

    def progress(_done: int, _of: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            limits.append(cursor.fetchone()[0])

    exports.write(export, progress)
    assert limits == ["0", "30s"]  # while it reads, and afterwards
