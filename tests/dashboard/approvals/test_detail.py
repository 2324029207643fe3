"""Beside a request: what was approved before it, how its agent is, others of its kind, and what people say of it."""

import json
import re
import time
import uuid
from collections.abc import Iterator

import pytest
from django.utils import timezone

from core import ApprovalGate, CoordinationSignals, EventStreamer
from core.models import ApprovalComment, AuditEntry, Notice, NoticeChannel
from core.store.keys import Keys
from core.values.moments import milliseconds_of
from dashboard.display.tags import milliseconds
from tests.dashboard.conftest import UNKNOWN_ID
from tests.dashboard.display.markup import parse
from tests.dashboard.test_access_matrix import KINDS, SIGN_IN, status_of
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db


def part(client, request, name: str) -> str:
    """The text of a part of a request's page, on one line."""
    page = parse(client.get(f"/approvals/{getattr(request, 'request_id', request)}/").content.decode())
    found = page.with_class(name)
    return re.sub(r"\s+", " ", found[0].text).strip() if found else ""


def ended(gate, kind: str, context: dict, *, approved: bool = True, by: str = "tom") -> str:
    request_id = gate.open_request(kind, context).request_id
    gate.respond_to_approval(request_id, approved, by)
    at_ms = milliseconds(live_record(gate, request_id).ended_at)
    wait_until(lambda: milliseconds_of(gate._store.read("TIME")) > at_ms, "the next ends later")
    return request_id


# What was approved before


def test_a_page_says_what_differs_from_the_last_one_approved(gate, record, signed_in):
    ended(gate, "pay", {"amount": 10, "to": "ACME"})
    ended(gate, "pay", {"amount": 5, "to": "EVIL"}, approved=False)
    asked = gate.open_request("pay", {"amount": 2070.32, "to": "ACME", "note": "x"})
    record()
    client = signed_in("viewer")
    said = part(client, asked, "compared")
    assert "1 changed" in said
    assert "1 added" in said
    assert "by tom unverified" in said
    assert "10" in part(client, asked, "was")


def test_another_agents_approval_is_no_measure(gate, clean_redis, record, signed_in):
    ended(ApprovalGate(clean_redis, "another"), "pay", {"amount": 10})
    asked = gate.open_request("pay", {"amount": 10})
    record()
    assert part(signed_in("viewer"), asked, "compared").startswith("Nothing of this kind was approved")


def test_the_same_again_is_said_to_be_the_same(gate, record, signed_in):
    ended(gate, "pay", {"amount": 10})
    asked = gate.open_request("pay", {"amount": 10})
    record()
    assert part(signed_in("viewer"), asked, "compared").startswith("the same as the last one approved")


def test_one_that_ended_is_compared_with_what_was_approved_before_its_end(gate, record, signed_in):
    first = ended(gate, "pay", {"amount": 10})
    second = ended(gate, "pay", {"amount": 11})
    ended(gate, "pay", {"amount": 12})
    record()
    client = signed_in("viewer")
    assert part(client, first, "compared").startswith("Nothing of this kind")
    assert part(client, second, "was") == "10"


def test_a_text_that_retention_took_is_compared_with_no_more(gate, record, signed_in):
    from core.models import ApprovalRecord

    before = ended(gate, "pay", {"amount": 10})
    asked = gate.open_request("pay", {"amount": 11})
    record()
    ApprovalRecord.objects.filter(pk=before).update(context="")
    assert "cannot be compared" in part(signed_in("viewer"), asked, "compared")


# The agent that asks


def test_a_page_shows_how_the_agent_is_that_waits(gate, beat, clean_redis, record, signed_in):
    beat("deployer", task="rolling out checkout", progress=0.4)
    CoordinationSignals(clean_redis, agent_id="boss").signal("hurry", target_agent="deployer", payload={})
    EventStreamer(clean_redis).publish_event(
        "deploy_started", {"service": "checkout", "token": "abcdefgh"}, source="deployer"
    )
    asked = gate.open_request("deploy", {})
    record()
    said = part(signed_in("viewer"), asked, "joined")
    for word in (
        "alive",
        "rolling out checkout",
        "40 %",
        "hurry",
        "boss",
        "deploy_started",
        "checkout",
        "Spent",
    ):
        assert word in said
    assert "abcdefgh" not in said


def test_an_agent_that_nobody_heard_of_is_called_so(gate, record, signed_in):
    asked = gate.open_request("deploy", {})
    record()
    assert "unheard" in part(signed_in("viewer"), asked, "joined")


def test_a_part_that_cannot_be_read_is_named_and_the_rest_stands(gate, beat, raw, record, signed_in):
    beat("deployer", task="building")
    keys, asked = Keys(), gate.open_request("deploy", {})
    record()
    for key in (keys.agent_timeline("deployer"), keys.signals_inbox("deployer"), keys.event_types):
        raw.delete(key)
        raw.set(key, "no stream")
    said = part(signed_in("approver"), asked, "joined")
    assert "Not known now: what it said last, its signals, its events" in said
    assert "building" in said


def test_the_mailbox_is_read_by_a_server_that_forgot_the_script(
    gate, beat, raw, clean_redis, record, signed_in
):
    beat("deployer")
    CoordinationSignals(clean_redis, agent_id="boss").signal("hurry", target_agent="deployer", payload={})
    asked = gate.open_request("deploy", {})
    record()
    raw.script_flush()
    assert "hurry" in part(signed_in("viewer"), asked, "joined")


def test_an_ended_request_asks_nobody_how_the_agent_is(gate, beat, record, signed_in):
    beat("deployer")
    request_id = ended(gate, "deploy", {})
    record()
    assert part(signed_in("viewer"), request_id, "joined") == ""


# Others of its kind


def test_a_page_lists_how_others_of_its_kind_ended(gate, clean_redis, record, signed_in):
    other = ApprovalGate(clean_redis, "another")
    ended(other, "deploy", {}, by="ann")
    ended(gate, "pay", {}, by="nobody of this kind")
    ended(gate, "deploy", {}, approved=False, by="tom")
    asked = gate.open_request("deploy", {})
    record()
    said = part(signed_in("viewer"), asked, "lately")
    assert said.index("Denied") < said.index("Approved")
    assert "by ann" in said
    assert "another" in said
    assert "not collected" in said
    assert "nobody of this kind" not in said


# Comments


def post(client, request, text: str):
    return client.post(f"/approvals/{request.request_id}/comment/", {"comment": text})


def test_a_comment_stands_beside_the_request_and_in_the_record(gate, record, signed_in):
    client, asked = signed_in("viewer"), gate.open_request("deploy", {})
    response = post(client, asked, " ask Tom <b>first</b>\r\nplease \u202e")
    assert response.status_code == 302
    said = part(client, asked, "comments")
    assert "ask Tom <b>first</b> please ⟦U+202E⟧" in said
    assert "the viewer" in said
    [entry] = AuditEntry.objects.filter(kind="approval.commented")
    assert (entry.actor, str(entry.request_id), entry.agent_id) == (
        "the viewer",
        asked.request_id,
        "deployer",
    )
    assert json.loads(entry.details)["why"].startswith("ask Tom")
    assert "Comment" in part(client, asked, "history")


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u2060", "x" * 2_001, "a\x00b"])
def test_what_is_no_comment_is_not_kept(gate, signed_in, text):
    client, asked = signed_in("viewer"), gate.open_request("deploy", {})
    assert post(client, asked, text).status_code == 302
    assert "Nothing was kept" in client.get(f"/approvals/{asked.request_id}/").content.decode()
    assert not ApprovalComment.objects.exists()
    assert not AuditEntry.objects.filter(kind="approval.commented").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_may_see_a_request_may_say_something_of_it(gate, signed_in, kind):
    wanted = {"anonymous": SIGN_IN, "inactive": SIGN_IN, "no group": 403}.get(kind, 302)
    assert status_of(post(signed_in(kind), gate.open_request("deploy", {}), "fine")) == wanted
    assert ApprovalComment.objects.count() == (wanted == 302)


def test_of_an_unknown_request_nobody_can_say_anything(clean_redis, signed_in):
    response = signed_in("viewer").post(f"/approvals/{UNKNOWN_ID}/comment/", {"comment": "x"})
    assert response.status_code == 404
    assert not ApprovalComment.objects.exists()


def test_the_page_lists_who_was_told_and_what_came_of_it(gate, record, signed_in, make_user):
    client, asked = signed_in("viewer"), gate.open_request("deploy", {})
    record()
    assert "Nobody so far" in part(client, asked, "notified")
    channel, now = NoticeChannel.objects.create(name="night watch", kind="slack"), timezone.now()
    for name, state, error in (("ann", "sent", ""), ("ben", "failed", "its host was not found")):
        Notice.objects.create(
            key=name, request_id=asked.request_id, step="first", channel=channel, person=make_user(name),
            message=uuid.uuid4(), state=state, error=error, claimed_at=now, finished_at=now,
        )  # fmt: skip
    said = part(client, asked, "notified")
    for words in (
        "ann by night watch",
        "sent (waits)",
        "ben by night watch",
        "failed (waits): its host was not found",
    ):
        assert words in said


def test_others_who_look_at_the_request_see_a_comment_at_once(gate, signed_in, open_socket):
    client, asked = signed_in("approver"), gate.open_request("deploy", {})
    socket = open_socket(client, f"/ws/approvals/{asked.request_id}/")
    assert "hx-partial" in socket.recv(PATIENCE)

    def came() -> bool:
        post(client, asked, "look at the amount")  # again: a process that just began to listen may miss one
        return any("look at the amount" in text for text in heard(socket))

    wait_until(came, "the comment is on the page")


def heard(socket) -> Iterator[str]:
    """What came within a second."""
    end = time.monotonic() + 1
    while (left := end - time.monotonic()) > 0:
        try:
            yield socket.recv(left)
        except TimeoutError:
            return
