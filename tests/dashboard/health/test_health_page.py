"""How the site itself is doing: who sees it, what it says, and the button that records a change again."""

import json
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.test import Client
from django.utils import timezone

from core import jobs
from core.history import health
from core.history.recorder.recorder import Recorder
from core.models import AuditEntry, SetAsideEntry
from core.store import recorder as recorder_state
from core.store.client import open_store
from tests.dashboard.display.markup import parse
from tests.dashboard.test_access_matrix import KINDS, SIGN_IN, status_of
from tests.dashboard.test_page_cost import cost_of
from tests.history.recorder.test_retry import confirm_collection
from tests.servers import faulty_server
from tests.waiting import PATIENCE

pytestmark = pytest.mark.django_db

OUTBOX = "{telemetry}:outbox"
EVERYBODY = [*KINDS, "maintainer"]
SEE = dict.fromkeys(EVERYBODY, 200) | {
    "anonymous": SIGN_IN, "inactive": SIGN_IN, "no group": 403, "viewer": 403,
}  # fmt: skip
RETRY = dict.fromkeys(EVERYBODY, 403) | {
    "anonymous": SIGN_IN, "inactive": SIGN_IN, "maintainer": 302, "superuser": 302,
}  # fmt: skip


def sign(url: str, **said: object) -> None:
    """A recorder's word."""
    fields = {"recorded": True, "trouble": "", "replaced": False, "set_aside": 0, "error": ""} | said
    store = open_store(url)
    store.run(recorder_state.sign(store.keys, "host:1", **fields))


@pytest.fixture
def aside(gate, raw, record) -> SetAsideEntry:
    """The collection of a request that comes a little too early."""
    request = gate.open_request("deploy")
    [(position, asked)] = raw.xrange(OUTBOX)
    raw.xdel(OUTBOX, position)
    confirm_collection(raw, request.request_id)
    raw.xadd(OUTBOX, {"type": "collected", "request_id": request.request_id, "collected_ms": "5000"})
    raw.xadd(OUTBOX, asked)
    record()
    return SetAsideEntry.objects.get()


def words_of(client: Client) -> str:
    return " ".join(parse(client.get("/health/").content.decode()).text.split())


@pytest.mark.parametrize("kind", EVERYBODY)
def test_who_sees_the_page_and_who_records_again(signed_in, aside, kind):
    client = signed_in(kind)
    assert status_of(client.get("/health/")) == SEE[kind]
    assert status_of(client.post(f"/health/set-aside/{aside.pk}/retry/")) == RETRY[kind]
    aside.refresh_from_db()
    assert (aside.repaired_at is not None) == (RETRY[kind] == 302)


def test_recording_again_takes_the_change_into_the_record_and_says_so(signed_in, aside):
    client = signed_in("maintainer")
    assert "Record again" in words_of(client)
    page = client.post(f"/health/set-aside/{aside.pk}/retry/", follow=True).content.decode()
    assert "It is in the record now." in page
    assert "Set aside" not in page
    again = client.post(f"/health/set-aside/{aside.pk}/retry/", follow=True).content.decode()
    assert "already" in again
    assert AuditEntry.objects.filter(kind="record.repaired", actor="the maintainer").count() == 1


def test_what_still_makes_no_sense_says_why(signed_in, raw, record, gate):
    gate.open_request("deploy")
    raw.xadd(OUTBOX, {"type": "<b>exploded</b>"})
    record()
    aside = SetAsideEntry.objects.get()
    page = signed_in("superuser").post(f"/health/set-aside/{aside.pk}/retry/", follow=True).content.decode()
    assert "still cannot be recorded" in page
    assert "<b>exploded" not in page
    assert "&lt;b&gt;exploded" in page


def test_a_get_records_nothing_and_a_post_needs_its_token(signed_in, aside, person):
    assert signed_in("maintainer").get(f"/health/set-aside/{aside.pk}/retry/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("superuser"))
    assert strict.post(f"/health/set-aside/{aside.pk}/retry/").status_code == 403
    assert signed_in("approver").get("/health/set-aside/99/retry/").status_code == 405
    aside.refresh_from_db()
    assert aside.repaired_at is None


def test_an_unknown_entry_is_not_there(clean_redis, signed_in):
    assert signed_in("maintainer").post("/health/set-aside/99/retry/").status_code == 404


def test_those_who_may_not_record_again_get_no_button(signed_in, aside):
    assert "Record again" not in words_of(signed_in("approver"))


def test_the_page_says_what_is_well(clean_redis, signed_in, raw):
    sign(clean_redis)
    raw.config_set("appendonly", "yes")
    raw.sadd("rq:workers:telemetry-jobs", "somebody")
    try:
        words = words_of(signed_in("approver"))
    finally:
        raw.config_set("appendonly", "no")
    assert "Everything works" in words
    assert "Recording" in words
    assert "refuses new requests" in words


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"trouble": "OperationalError: disk full", "error": "disk full"}, "The recorder cannot record"),
        ({"set_aside": 3}, "No worker runs: background jobs wait. Start manage.py worker."),
    ],
)
def test_the_page_says_what_needs_a_look(clean_redis, signed_in, said, sentence):
    sign(clean_redis, **said)
    assert sentence in words_of(signed_in("approver"))


def test_the_page_says_that_the_clock_of_its_machine_is_wrong(clean_redis, signed_in, monkeypatch):
    client = signed_in("approver")
    for minutes, said in ((0, False), (5, True), (-5, True)):
        clock = SimpleNamespace(now=lambda ahead=minutes: timezone.now() + timedelta(minutes=ahead))
        monkeypatch.setattr(health, "timezone", clock)
        assert ("which serves this page, differ by" in words_of(client)) is said


@pytest.mark.django_db(transaction=True)
def test_the_page_tells_of_the_newest_backup_where_one_is_made_daily(
    clean_redis, signed_in, settings, tmp_path
):
    client = signed_in("approver")
    assert "backup" not in words_of(client)
    settings.TELEMETRY_BACKUP_DIR = tmp_path / "backups"
    assert "There is no backup yet" in words_of(client)
    settings.TELEMETRY_BACKUP_DIR.mkdir()
    (settings.TELEMETRY_BACKUP_DIR / "telemetry-20250101T000000Z.zip").touch()
    assert "The newest backup is more than a day and a half old" in words_of(client)
    jobs.backup()
    words = words_of(client)
    assert f"in {settings.TELEMETRY_BACKUP_DIR}" in words
    assert "The newest backup is more" not in words
    settings.TELEMETRY_BACKUP_DIR = tmp_path / "backups" / "telemetry-20250101T000000Z.zip"
    assert "The folder of the backups cannot be read" in words_of(client)


def test_the_page_tells_of_a_recorder_that_is_gone(clean_redis, signed_in, raw):
    client = signed_in("approver")
    assert "No recorder runs" in words_of(client)
    sign(clean_redis, error="it was the disk")
    raw.hset("{telemetry}:recorder", "active_ms", raw.time()[0] * 1000 - 60_000)
    words = words_of(client)
    assert "The recorder is silent" in words
    assert "it was the disk" in words
    assert "host:1" in words


def test_the_page_opens_while_redis_is_away(clean_redis, signed_in, settings):
    client = signed_in("approver")
    with faulty_server() as server:
        settings.REDIS_URL = settings.TELEMETRY_SITE_REDIS_URL = server.url
        server.hang()
        words = words_of(client)
    assert "Redis does not answer" in words
    assert "SQLite" in words or "PostgreSQL" in words


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({}, ""),
        ({"trouble": "x", "error": "x"}, "The recorder cannot record"),
        ({"set_aside": 1}, "1 change is set aside"),
        ({"set_aside": 2}, "2 changes are set aside"),
    ],
)
def test_the_live_page_has_an_alarm(clean_redis, signed_in, said, sentence):
    sign(clean_redis, **said)
    alarm = parse(signed_in("viewer").get("/").content.decode()).by_id("alarm")
    assert ("hidden" in alarm.attributes) == (not sentence)
    assert sentence in alarm.text


def test_an_open_page_hears_of_the_alarm_and_of_its_end(clean_redis, signed_in, open_socket):
    socket = open_socket(signed_in("viewer"))

    def hear(words: str, hidden: bool) -> None:
        while True:
            text = socket.recv(PATIENCE)
            if "#alarm" in text and words in text and ("hidden" in text) == hidden:
                return

    hear("No recorder runs", hidden=False)
    sign(clean_redis)
    hear("", hidden=True)
    sign(clean_redis, set_aside=4)
    hear("4 changes are set aside", hidden=False)


@pytest.mark.parametrize("kind", EVERYBODY)
def test_who_puts_the_banner_away(signed_in, aside, kind):
    client = signed_in(kind)
    said = {"newest": str(aside.pk)}
    assert status_of(client.post("/health/set-aside/put-away/", said)) == RETRY[kind]
    aside.refresh_from_db()
    assert (aside.put_away_at is not None) == (RETRY[kind] == 302)


def test_a_banner_that_was_put_away_is_recorded_and_comes_back_for_a_new_one(
    clean_redis, signed_in, aside, raw, record
):
    client, recorder = signed_in("maintainer"), Recorder(clean_redis)

    def told() -> str:
        recorder._heartbeat._beat()
        return parse(client.get("/").content.decode()).by_id("alarm").text

    assert "1 change is set aside" in told()
    raw.xadd(OUTBOX, {"type": "exploded"})
    record()  # it came after the page was shown
    client.post("/health/set-aside/put-away/", {"newest": str(aside.pk)})
    assert "1 change is set aside" in told()
    newer = SetAsideEntry.objects.latest("pk")
    for _ in range(2):
        client.post("/health/set-aside/put-away/", {"newest": str(newer.pk)})
    assert "set aside" not in told()
    assert "set aside and not in the record" not in words_of(client)
    assert "Set aside 2" in words_of(client)
    entries = AuditEntry.objects.filter(kind="record.put_away").order_by("sequence")
    assert [(entry.actor, json.loads(entry.details)["named"]) for entry in entries] == [
        ("the maintainer", [aside.position]),
        ("the maintainer", [newer.position]),
    ]
    raw.xadd(OUTBOX, {"type": "exploded again"})
    record()
    assert "1 change is set aside" in told()
    assert client.post(f"/health/set-aside/{aside.pk}/retry/").status_code == 302


@pytest.mark.parametrize("newest", ["", "x", "-1", "²", "9" * 30, "9" * 5_000])
def test_what_names_no_entry_puts_nothing_away(signed_in, aside, newest):
    assert signed_in("maintainer").post("/health/set-aside/put-away/", {"newest": newest}).status_code == 302
    aside.refresh_from_db()
    assert aside.put_away_at is None
    assert SetAsideEntry.worrying().count() == 1


def test_the_page_costs_the_same_with_2_and_with_30_set_aside(gate, raw, record, signed_in):
    client = signed_in("maintainer")

    def cost_with(count: int) -> tuple[int, int]:
        for _ in range(count):
            raw.xadd(OUTBOX, {"type": "exploded"})
        record()
        return cost_of(client, "/health/")

    gate.open_request("deploy")
    few = cost_with(2)
    assert cost_with(28) == few
    assert few[0] <= 11
    assert few[1] <= 3


def test_a_large_change_is_shown_in_part(gate, raw, record, signed_in):
    gate.open_request("deploy")
    raw.xadd(OUTBOX, {"type": "exploded", "calls": "x" * 300_000})
    record()
    page = signed_in("maintainer").get("/health/").content.decode()
    assert "298,000 more characters" in page
    assert len(page) < 30_000
