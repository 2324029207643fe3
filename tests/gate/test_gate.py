"""One face for both ways: asked over Redis or over HTTP, everything is told alike."""

import asyncio
import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from core import (
    AlreadyCollected,
    ApprovalRequest,
    AsyncGate,
    MalformedRecord,
    StoreRefused,
    StoreUnavailable,
    TooLarge,
)
from core.api import asking
from core.approvals.waiting import Hearing, Pending
from core.gate import Gate, http
from core.gate.conversion import plain, seconds_of
from core.gate.over_redis import OverRedis
from core.store.approvals import set_limits
from core.store.client import open_store
from core.store.keys import new_request_id
from tests.api.model_stub import Handler, model
from tests.waiting import PATIENCE, beside

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
REQUEST = new_request_id("deployer")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("approved", [True, False])
def test_who_asks_hears_what_people_say(gate, people, asked, approved):
    answer = beside(lambda: gate.ask("deploy", {"version": "4.2"}, timeout="2h"))
    request = asked()
    assert (request.agent_id, request.context, request.timeout_seconds) == (
        "deployer",
        {"version": "4.2"},
        7200,
    )
    people.decide(request.request_id, approved, "maria", "as agreed")
    said = answer.result(PATIENCE)
    assert (said.approved, said.status) == (approved, "approved" if approved else "denied")
    assert (said.responder, said.reason, said.request_id) == ("maria", "as agreed", request.request_id)
    assert (said.edited, said.verified, said.away) == ({}, None, False)


def test_nobody_answers_and_it_is_told_as_a_timeout(gate):
    said = gate.ask("deploy", timeout=0.3)
    assert (said.approved, said.status, said.responder) == (False, "timeout", "system")


def test_the_same_key_is_the_same_request_in_another_process_and_after_its_end(gate, way, people, asked):
    first = gate.open("deploy", {"version": "1"}, key="thread-7:call-1", timeout=60)
    with Gate(**way) as restarted:
        answer = beside(lambda: restarted.ask("deploy", {"version": "1"}, key="thread-7:call-1"))
        assert asked().request_id == first.id
        people.decide(first.id, True, "maria")
        assert answer.result(PATIENCE).approved
        again = restarted.ask("deploy", {"version": "1"}, key="thread-7:call-1")
        assert (again.approved, again.request_id) == (True, first.id)
        with pytest.raises(ValueError, match="key"):
            restarted.ask("deploy", {"version": "2"}, key="thread-7:call-1")
    assert [one.request_id for one in gate.find(key="thread-7:call-1")] == [first.id]


def test_what_is_opened_is_waited_for_found_and_withdrawn(gate, people):
    request = gate.open("deploy", {"version": "1"}, timeout=60)
    assert gate.wait(request, 0) is None
    assert gate.find(status="pending")[0].request_id == request.id
    assert gate.find(status="pending")[0].key == ""
    assert gate.cancel(request) is True
    assert gate.cancel(request) is False
    assert gate.wait(request).status == "cancelled"
    assert gate.wait("0" * 8).status == "unknown"


def test_what_has_large_contexts_is_found_part_by_part_and_whole(gate, monkeypatch):
    monkeypatch.setattr(asking, "BYTES_AT_ONCE", 2)
    opened = [gate.open("deploy", {"number": number}).id for number in range(5)]
    gate.cancel(opened[1])
    assert sorted(one.id for one in gate.find()) == sorted(opened)
    assert sorted(one.id for one in gate.find(status="pending")) == sorted({*opened} - {opened[1]})


def test_an_approval_is_claimed_once(gate, people):
    request = gate.open("deploy", timeout=60)
    assert gate.claim(request, "run-1") is None
    people.decide(request.id, True, "maria")
    assert gate.claim(request, "run-1").approved
    assert gate.claim(request, "run-1").approved
    with pytest.raises(AlreadyCollected) as used:
        gate.claim(request, "run-2")
    assert used.value.collected_by == "run-1"


def test_a_bad_question_is_an_error_that_names_it_and_stores_nothing(gate):
    for bad in (
        {"timeout": "soon"},
        {"timeout": "9" * 400 + "s"},
        {"timeout": -1},
        {"understands": "edited"},
        {"context": {"x": object()}},
        {"default": "no", "timeout": 0.1},
    ):
        with pytest.raises((TypeError, ValueError), match=next(iter(bad))):
            gate.ask("deploy", **bad)
    assert gate.find() == []


def test_a_context_that_is_too_large_is_refused_at_once_and_for_good(gate):
    set_limits(open_store(), waiting=0, a_minute=0, values=2)
    said = gate.ask("deploy", {"a": [1, 2]}, timeout=60, default=True)
    assert (said.approved, said.status, said.away) == (False, "unavailable", False)
    assert "ask with less of it" in said.reason
    with pytest.raises(TooLarge, match="ask with less of it"):
        gate.open("deploy", {"a": [1, 2]})


def test_a_key_of_a_request_that_cannot_be_read_is_a_no_and_no_site_that_is_away(gate, raw, way):
    request = gate.open("deploy", key="release-7")
    raw.hset("{telemetry}:approvals:request:" + request.id, "requested_ms", "noon")
    said = [
        gate.ask("deploy", key="release-7", timeout=60, default=True),
        asyncio.run(AsyncGate(**way).ask("deploy", key="release-7", timeout=60, default=True)),
    ]
    assert [(one.approved, one.status, one.away) for one in said] == [(False, "unavailable", False)] * 2
    for call in (lambda: gate.open("deploy", key="release-7"), lambda: gate.wait(request.id, 0)):
        with pytest.raises(MalformedRecord, match=request.id):
            call()


def test_a_token_that_is_not_good_is_refused_and_not_taken_for_a_site_that_is_away(site):
    said = Gate(site, token="agt_wrong").ask("deploy", timeout=60, default=True)
    assert (said.approved, said.status, said.away) == (False, "unavailable", False)
    assert "token" in said.reason
    with pytest.raises(StoreRefused, match="token"):
        Gate(site, token="agt_wrong").find()


@pytest.mark.parametrize("where", ["http://127.0.0.1:9", "redis://127.0.0.1:9"])
def test_a_site_that_is_away_is_a_no_unless_the_agent_says_otherwise(where):
    gate = Gate(where, token="agt_x" if where.startswith("http") else None, agent="deployer")
    said = gate.ask("deploy", timeout=0.3)
    assert (said.approved, said.status, said.away) == (False, "unavailable", True)
    said = gate.ask("deploy", timeout=0.3, default=True)
    assert (said.approved, said.status, said.away) == (True, "unavailable", True)


@pytest.mark.parametrize(
    "where", [{"where": "http://127.0.0.1:9", "token": "agt_x"}, {"where": "redis://127.0.0.1:9"}]
)
def test_a_look_at_a_site_that_is_away_takes_no_longer_than_it_was_given(where):
    gate = Gate(**where, agent="deployer")
    for look in (lambda: gate.wait(REQUEST, 0.1), lambda: gate.claim(REQUEST, "run-1")):
        assert isinstance(beside(look).exception(PATIENCE), StoreUnavailable)


@pytest.mark.parametrize("understands", ["", "extended"])
def test_who_waits_to_the_end_hears_that_redis_is_away_whatever_it_understands(understands):
    request = ApprovalRequest(REQUEST, "deploy", "deployer", {}, datetime.now(UTC), 1.0)
    pending = Pending(request, time.monotonic() + 0.1, Hearing(understands=understands))
    said = OverRedis("redis://127.0.0.1:9", "deployer").wait(pending, float("inf"))
    assert (said.approved, said.status, said.away) == (False, "unavailable", True)


class Page(Handler):
    """Somebody else at the address of the site, such as the page of a network that wants a password."""

    def do_GET(self) -> None:
        self.posted()
        self.send("<h1>Welcome</h1>", "text/html")

    do_POST = do_GET

    def do_CONNECT(self) -> None:
        self.server.heard.append(self.headers["Proxy-Authorization"])
        self.send_error(502)


def test_what_is_no_site_is_nobody_who_could_be_asked():
    with model(Page, "") as page, Gate(page.url, token="agt_x") as gate:
        assert gate.ask("deploy", timeout=0.3).status == "unavailable"
        with pytest.raises(StoreUnavailable, match="no site"):
            gate.find()


def test_a_plain_port_that_is_asked_in_tls_says_so():
    with model(Page, "") as page, Gate(page.url.replace("http", "https"), token="agt_x") as gate:
        assert "a plain port needs http://" in gate.ask("deploy", timeout=0.1).reason


class Kept(Page):
    """Counts connections."""

    def setup(self) -> None:
        self.server.heard.append("connection")
        super().setup()

    def do_GET(self) -> None:
        self.posted()
        self.send('{"requests": []}', "application/json")


def test_a_connection_is_kept_and_not_used_after_it_was_idle_for_long(monkeypatch):
    with model(Kept, "") as site, Gate(site.url, token="agt_x") as gate:
        for idle, made in ((http.IDLE_SECONDS, 1), (http.IDLE_SECONDS, 1), (0.0, 2)):
            monkeypatch.setattr(http, "IDLE_SECONDS", idle)
            assert gate.find() == []
            assert len(site.heard) == made


class Busy(Page):
    """Has a moment of trouble, and then waits on."""

    def do_GET(self) -> None:
        self.server.heard.append(parse_qs(urlsplit(self.path).query)["wait"][0])
        if len(self.server.heard) < 4:
            self.send_response((202, 503, 202)[len(self.server.heard) - 1])
            self.end_headers()
            self.wfile.write(b'{"error": "unavailable"}')
            self.close_connection = True
        else:
            self.send('{"id": "", "status": "denied"}', "application/json")


@pytest.mark.parametrize("due", [600, -60])  # the later one was moved since
def test_after_trouble_one_look_is_taken_before_the_next_long_wait(due):
    request = ApprovalRequest(REQUEST, "deploy", "deployer", {}, datetime.now(UTC), 600.0)
    pending = Pending(request, time.monotonic() + due, Hearing())
    with model(Busy, "") as site, Gate(site.url, token="agt_x") as gate:
        assert gate._transport.wait(pending, float("inf")).status == "unknown"
    assert site.heard == ["25.000", "25.000", "0.000", "25.000"]


def test_trouble_in_the_time_that_people_gave_later_does_not_end_an_awaited_wait():
    request = ApprovalRequest(REQUEST, "deploy", "deployer", {}, datetime.now(UTC), 600.0)

    async def wait():
        async with AsyncGate(site.url, token="agt_x") as gate:
            return await gate._until(Pending(request, time.monotonic() - 60, Hearing()), None)

    with model(Busy, "") as site:
        assert asyncio.run(wait()).status == "unknown"
    assert site.heard == ["0.000"] * 4


class Garbled(Page):
    """Answers what is no request and no outcome."""

    def do_GET(self) -> None:
        self.posted()
        self.send('{"id": 7, "status": "approved", "approved": true}', "application/json")

    do_POST = do_GET


def test_a_site_that_says_what_cannot_be_read_is_a_no():
    request = ApprovalRequest(REQUEST, "deploy", "deployer", {}, datetime.now(UTC), 60.0)
    pending = Pending(request, time.monotonic() + 60, Hearing())
    with model(Garbled, "") as site, Gate(site.url, token="agt_x") as gate:
        said = [gate.ask("deploy", timeout=60, default=True), gate._transport.wait(pending, float("inf"))]
        with pytest.raises(MalformedRecord, match="no list of requests"):
            gate.find()
    assert [(one.approved, one.status, one.away) for one in said] == [
        (False, "unavailable", False),
        (False, "unknown", False),
    ]


class Mistaken(Page):
    """Answers with a yes to another request."""

    def do_GET(self) -> None:
        self.posted()
        request = {"id": new_request_id("deployer"), "type": "deploy", "agent": "deployer", "context": {}}
        request |= {
            "key": None,
            "asked_at": datetime.now(UTC).isoformat(),
            "timeout": 60,
            "status": "pending",
        }
        end = {"approved": True, "responder": "maria", "reason": "", "channel": "site", "status": "approved"}
        said = request if self.command == "POST" else request | end | {"ended_at": request["asked_at"]}
        self.send(json.dumps(said), "application/json")

    do_POST = do_GET


def test_a_yes_to_another_request_is_none():
    with model(Mistaken, "") as site, Gate(site.url, token="agt_x") as gate:
        said = gate.ask("deploy", timeout=60)
    assert (said.approved, said.status) == (False, "unknown")
    assert "of another request" in said.reason


class Lost(Page):
    """Knows no such page, as what stands before a site says while that starts."""

    def do_GET(self) -> None:
        self.posted()
        self.send_error(404)

    do_POST = do_GET


def test_a_page_that_is_not_found_is_no_request_that_is_unknown():
    request = ApprovalRequest(REQUEST, "deploy", "deployer", {}, datetime.now(UTC), 0.1)
    pending = Pending(request, time.monotonic() - 60, Hearing())
    with model(Lost, "") as page, Gate(page.url, token="agt_x") as gate:
        assert gate.ask("deploy", timeout=0.1).away
        assert gate._transport.wait(pending, float("inf")).away


FORKING = """
import asyncio, os
from core import AsyncGate, Gate
gate, awaited = Gate(), AsyncGate()
asked = [gate.open("deploy", {"to": to}) for to in ("parent", "child")]
asyncio.run(awaited.find())
mine = asked[os.fork() == 0]
answer = gate.wait(mine)
found = asyncio.run(asyncio.wait_for(awaited.wait(mine), 60))
print(f"{mine.context['to']} {answer.approved} {answer.request_id == mine.id} {found.approved}\\n", end="")
"""


def test_a_forked_child_hears_its_own_answer_and_its_parent_the_other(
    site, token, people, asked, start_process
):
    environment = {**os.environ, "TELEMETRY_URL": site, "TELEMETRY_TOKEN": token}
    command = [sys.executable, "-c", FORKING]
    program = start_process(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    asked(2)
    for request in people.get_pending_approvals():
        people.decide(request.request_id, request.context["to"] == "child", "maria")
    said = program.communicate(timeout=PATIENCE)[0]
    assert sorted(said.splitlines()) == ["child True True True", "parent False True False"]


def test_a_proxy_that_wants_a_name_and_a_password_gets_those_of_the_environment(monkeypatch):
    with model(Page, "") as proxy, Gate("http://telemetry.example", token="agt_x") as gate:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//ann:s%40cret@"))
        with pytest.raises(StoreUnavailable):
            gate.find()
    assert set(proxy.heard) == {f"Basic {b64encode(b'ann:s@cret').decode()}"}


def test_an_address_that_does_not_answer_is_told_at_once_and_once(caplog):
    Gate("http://127.0.0.1:9", token="agt_x", agent="deployer").ask("deploy", timeout=0.4)
    [said] = [line.getMessage() for line in caplog.records if line.levelname == "WARNING"]
    assert "http://127.0.0.1:9" in said
    assert "TELEMETRY_URL" in said


def test_what_a_converter_leaves_has_its_usual_form(gate):
    def convert(value):
        if isinstance(value, Decimal):
            return float(value)
        raise TypeError

    request = gate.open("deploy", {"cost": Decimal("1.5"), "at": date(2026, 11, 26)}, convert=convert)
    assert request.context == {"cost": 1.5, "at": "2026-11-26"}
    with pytest.raises(TypeError, match="object, which has no form"):
        gate.open("deploy", {"x": object()}, convert=convert)


@dataclass
class Plan:
    at: datetime
    cost: Decimal
    folder: Path


def test_a_context_holds_what_agents_hold_in_one_form_for_each(gate):
    at = datetime(2026, 11, 26, 12, tzinfo=UTC)
    request = gate.open("deploy", {"plan": Plan(at, Decimal("1.10"), Path("/srv")), "tags": {"b", "a"}})
    assert request.context == {
        "plan": {"at": "2026-11-26T12:00:00+00:00", "cost": "1.10", "folder": "/srv"},
        "tags": ["a", "b"],
    }
    assert gate.open("deploy", Plan(at, Decimal(2), Path("/srv"))).context["cost"] == "2"


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (date(2026, 11, 26), "2026-11-26"),
        (timedelta(minutes=2), 120.0),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (b"\x00\xff", "AP8="),
        (frozenset({3, 1}), [1, 3]),
    ],
)
def test_every_form_is_the_documented_one(value, form):
    assert plain(value) == form


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("90s", 90), ("2h", 7200), ("1h 30m", 5400), ("1.5d", 129600), (7, 7), (timedelta(1), 86400)],
)
def test_how_long_is_said_in_words(words, seconds):
    assert seconds_of(words) == seconds


def test_a_fake_is_as_strict_as_a_site():
    gate = Gate.fake(edited={"rows": 1})
    assert gate.ask("delete", {"rows": 3}).status == "unavailable"
    assert Gate.fake("changes").ask("delete").status == "denied"
    for odd in ("yes", None, 1, []):
        with pytest.raises(ValueError, match="approve must be True, False or of"):
            Gate.fake(odd).ask("delete")
    request = gate.open("delete", {"rows": 3}, key="run-7", understands=("edited",))
    with pytest.raises(ValueError, match="key"):
        gate.ask("delete", {"rows": 4}, key="run-7")
    said = gate.wait(request, claim="run-1", understands=("edited",))
    assert (said.edited, said.collected_at) == ({"rows": 1}, None)
    with pytest.raises(AlreadyCollected):
        gate.wait(request, claim="run-2", understands=("edited",))
    assert next(one.id for one in gate.find(status="approved")) == request.id
    assert gate.cancel(request) is False


def test_a_fake_answers_at_once_and_keeps_what_it_was_asked():
    gate = Gate.fake(approve=lambda kind, context: context["rows"] < 10, reason="by size")
    assert gate.ask("delete", {"rows": 3}).approved
    assert gate.ask("delete", {"rows": 30}).status == "denied"
    assert gate.asked == [("delete", {"rows": 3}), ("delete", {"rows": 30})]
    assert Gate.fake("timeout").ask("delete").status == "timeout"
    edits = Gate.fake(edited={"rows": 1})
    assert edits.ask("delete", {"rows": 3}, understands=("edited",)).edited == {"rows": 1}


def test_what_it_is_opened_with_is_checked(monkeypatch):
    with pytest.raises(ValueError, match="token"):
        Gate("https://telemetry.example")
    with pytest.raises(ValueError, match="token"):
        Gate("redis://localhost", token="agt_x", agent="a")
    with pytest.raises(ValueError, match="agent"):
        Gate("redis://localhost").ask("deploy")
    for address in (
        *("https://me:secret@telemetry.example", "https://telemetry.example:port", "https://["),
        *("HTTPS://telemetry.example/a b", f"https://{'a' * 64}.example"),
    ):
        with pytest.raises(ValueError, match="address"):
            Gate(address, token="agt_x")
    with pytest.raises(TypeError, match="token"):
        Gate("https://telemetry.example", token=7)
    for where in (7, "telemetry.example"):
        with pytest.raises((TypeError, ValueError), match="where must be https://"):
            Gate(where, agent="a")
    monkeypatch.setenv("TELEMETRY_URL", "telemetry.example")
    with pytest.raises(ValueError, match="TELEMETRY_URL must be https://"):
        Gate(agent="a")


def test_what_a_call_is_given_is_checked_alike_on_both_ways(gate):
    for call, name in (
        (lambda: gate.wait(None), "request"), (lambda: gate.cancel(7), "request"),
        (lambda: gate.find(key=""), "key"), (lambda: gate.find(key=7), "key"),
        (lambda: gate.find(status="open"), "status"), (lambda: gate.find(agent=""), "agent"),
        (lambda: gate.wait(REQUEST, "soon"), "timeout"), (lambda: gate.beat(task="\ud800"), "task"),
        (lambda: gate.beat(progress=float("nan")), "progress"), (lambda: gate.stop(""), "status"),
    ):  # fmt: skip
        with pytest.raises((TypeError, ValueError), match=f"^{name} "):
            call()
    assert gate.wait("../requests", "2s").status == "unknown"
    assert gate.cancel("\ud800") is False
    request = gate.open("deploy", key="once a day")
    assert [(one.id, one.key) for one in gate.find()] == [(request.id, "once a day")]


def test_an_approval_of_other_arguments_reaches_who_understands_it(gate, people, edited_by_people):
    answer = beside(lambda: gate.ask("deploy", {"version": "1"}, timeout=60, understands=("edited",)))
    edited_by_people({"version": "2"})
    said = answer.result(PATIENCE)
    assert (said.approved, said.edited) == (True, {"version": "2"})
