"""Instances by the Agent Approval Protocol, and the receivers that are told what ended."""

import base64
import hashlib
import hmac
import ipaddress
import json
import os
import threading
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from core import ApprovalGate
from core.api.throttle import Throttle
from core.history.callbacks import messages, sending
from core.history.people.tokens import FLEET_LENGTH, TokenSpec
from core.history.protocol import instances as kept
from core.history.protocol.values import digest_of
from core.models import AgentToken, Callback, ProtocolInstance
from telemetry_site.asgi import door
from tests import receivers
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
EXAMPLE = """{
  "id": "f4b96ac4-404d-4f6a-9a03-a0565edc4922",
  "type": "request.resolved",
  "instance_id": "b29a43a7-1949-4b9f-9d61-b7ae66f85d31",
  "request_id": "7ab8c8ec-7b2d-4fd6-9b52-752f9515eb71",
  "created_at": "2026-09-16T12:02:00Z"
}"""


class Harness:
    """A receiver as the protocol wants one: it knows a secret, checks signatures and answers challenges."""

    def __init__(self, receiver):
        self.receiver, self.key = receiver, os.urandom(32)
        self.secret = "whsec_" + base64.b64encode(self.key).decode()
        self.events, self.verified, self.status, self.headers = [], 0, 204, {}
        receiver.answer = self.answer

    def answer(self, handler):
        taken = self.receiver.taken[-1]
        said, heads = taken.said, {name.lower(): value for name, value in taken.headers.items()}
        signed = f"{heads['webhook-id']}.{heads['webhook-timestamp']}.".encode() + taken.body
        mac = base64.b64encode(hmac.new(self.key, signed, hashlib.sha256).digest()).decode()
        assert heads["webhook-signature"] == f"v1,{mac}"
        assert heads["webhook-id"] == said["id"]
        if said["type"] == "webhook.verification":
            self.verified += 1
            body = json.dumps({"challenge": said["challenge"]}).encode()
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)
            return
        self.events.append(taken)
        receivers.status(self.status, **self.headers)(handler)

    @property
    def delivery(self):
        registration = str(uuid.uuid4())
        return {
            "type": "webhook",
            "url": self.receiver.url,
            "registration_id": registration,
            "signing_secret": self.secret,
        }


@pytest.fixture
def harness(settings):
    settings.TELEMETRY_NOTICE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    with receivers.receiving() as receiver:
        yield Harness(receiver)


def post(client, body, key=""):
    return client.post("/instances", json=body, headers={"Idempotency-Key": key or str(uuid.uuid4())})


def patch(client, instance, body, key=""):
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    return client.patch(f"/instances/{instance}", json=body, headers=headers)


def code(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_the_signature_is_that_of_the_specification():
    key = messages.key_of("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    message_id = json.loads(EXAMPLE)["id"]
    said = messages.signature(message_id, "1789560121", EXAMPLE.encode(), key)
    assert said == "zgT2qt+QiEEonu9tmZqEuKzoa83SGE9ZcCgUHzqSPZ8="


def test_an_instance_asks_with_its_own_credential_until_it_is_deleted(provisioner, speaking, ask):
    made = post(provisioner, {"instance_name": "codex laptop"}, "k")
    assert made.status_code == 201
    instance, credential = made.json()["instance"], made.json()["credential"]
    assert instance == {"id": instance["id"], "name": "codex laptop"}
    replay = post(provisioner, {"instance_name": "codex laptop"}, "k")
    assert (replay.status_code, replay.json()) == (200, made.json())
    assert code(post(provisioner, {"instance_name": "other"}, "k")) == (409, "idempotency_conflict")
    agent = speaking("any", token=credential["token"])
    request_id = ask(agent).json()["id"]
    name = ApprovalGate().get_request(request_id).agent_id
    assert name == f"fleet codex laptop {instance['id'][:8]}"
    assert provisioner.get(f"/instances/{instance['id']}").json() == instance
    assert [provisioner.delete(f"/instances/{instance['id']}").status_code for _ in range(2)] == [204, 204]
    assert ApprovalGate().get_request(request_id).status == "cancelled"
    assert ask(agent).status_code == 401
    assert ApprovalGate(agent_id=name).find_requests(status="pending") == []
    assert code(provisioner.get(f"/instances/{instance['id']}")) == (404, "not_found")
    assert code(patch(provisioner, instance["id"], {"instance_name": "x"})) == (404, "not_found")
    assert code(post(provisioner, {"instance_name": "codex laptop"}, "k")) == (409, "instance_deleted")
    assert AgentToken.objects.get(agent=name).revoked_at


def test_a_fleets_beginning_stands_whole_in_the_names_of_its_instances(speaking):
    longest = "f" * FLEET_LENGTH
    made = post(speaking(longest, "provision", is_prefix=True), {"instance_name": "codex laptop"})
    instance = ProtocolInstance.objects.get()
    assert made.json()["instance"] == {"id": str(instance.pk), "name": "codex laptop"}
    assert instance.agent == f"{longest} {str(instance.pk)[:8]}"


def test_a_beginning_that_leaves_an_instance_no_name_of_its_own_provisions_nothing(speaking):
    too_long = "f" * (FLEET_LENGTH + 1)
    with pytest.raises(ValueError, match="with provision, agent must have 1 to 246 characters, not 247"):
        TokenSpec("fleet", too_long, True, ("provision",), 1).checked()
    assert TokenSpec("fleet", too_long, True, ("ask",), 1).checked()
    made_before = speaking("fleet", "provision", is_prefix=True)
    AgentToken.objects.update(agent=too_long)
    answer = post(made_before, {"instance_name": "codex laptop"})
    assert code(answer) == (403, "not_owned")
    assert "longer than 246 characters" in answer.json()["error"]["message"]
    assert not ProtocolInstance.objects.exists()


def test_another_fleets_instances_are_not_there(provisioner, speaking):
    instance = post(provisioner, {}).json()["instance"]["id"]
    other = speaking("others ", "provision", is_prefix=True)
    for answer in (
        other.get(f"/instances/{instance}"),
        patch(other, instance, {"instance_name": "mine"}),
        other.delete(f"/instances/{instance}"),
        provisioner.delete(f"/instances/{uuid.uuid4()}"),
    ):
        assert code(answer) == (404, "not_found")


def test_a_receiver_is_verified_once_and_its_secret_is_never_told(provisioner, harness):
    body = {"instance_name": "a", "delivery": harness.delivery}
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(post(provisioner, body, "k"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.text for answer in answers}) == 1
    assert harness.verified == 1
    assert ProtocolInstance.objects.count() == 1
    shown = answers[0].json()["instance"]["delivery"]
    assert shown == {name: body["delivery"][name] for name in ("type", "url", "registration_id")}
    assert harness.secret not in str(ProtocolInstance.objects.values())


def test_what_another_process_carries_out_under_the_key_is_not_waited_for(provisioner):
    body, token = {"instance_name": "a"}, AgentToken.objects.get()
    row, is_mine = kept.begin(token.pk, "create", "k", digest_of(body))
    assert is_mine
    busy = post(provisioner, body, "k")
    assert (code(busy), busy.headers["retry-after"]) == ((503, "dependency"), "1")
    assert "same key" in busy.json()["error"]["message"]
    kept.give_up(row)
    assert post(provisioner, body, "k").status_code == 201


def test_a_receiver_that_does_not_expect_us_makes_no_instance_and_changes_none(provisioner, harness):
    instance = post(provisioner, {"instance_name": "a", "delivery": harness.delivery}).json()["instance"]
    harness.receiver.answer = receivers.status(200)
    bad = {"instance_name": "b", "delivery": harness.delivery}
    assert code(post(provisioner, bad, "k")) == (422, "webhook_verification_failed")
    assert code(patch(provisioner, instance["id"], bad)) == (422, "webhook_verification_failed")
    assert provisioner.get(f"/instances/{instance['id']}").json() == instance
    assert ProtocolInstance.objects.count() == 1
    harness.receiver.answer = harness.answer
    assert post(provisioner, bad, "k").status_code == 201


def test_a_change_is_applied_once_and_never_over_a_later_one(provisioner, harness):
    instance = post(provisioner, {"instance_name": "a"}).json()["instance"]["id"]
    first = patch(provisioner, instance, {"instance_name": "b", "delivery": harness.delivery}, "k1")
    assert (first.status_code, first.json()["name"]) == (200, "b")
    removed = patch(provisioner, instance, {"delivery": None}, "k2")
    assert removed.json() == {"id": instance, "name": "b"}
    again = patch(provisioner, instance, {"delivery": None}, "k2")
    assert again.json() == removed.json()
    patch(provisioner, instance, {"instance_name": "c"})
    assert patch(provisioner, instance, {"delivery": None}, "k2").json() == removed.json()
    assert provisioner.get(f"/instances/{instance}").json() == {"id": instance, "name": "c"}


NO_RECEIVERS = [
    ({"url": "https://a:b@example.com/"}, "invalid_webhook_url"),
    ({"url": "https://example.com/#x"}, "invalid_webhook_url"),
    ({"url": "ftp://example.com/"}, "invalid_webhook_url"),
    ({"url": "http://example.com/"}, "invalid_webhook_url"),
    ({"url": "https://127.0.0.1:9/"}, "invalid_webhook_url"),
    ({"url": "https://[::ffff:169.254.169.254]/"}, "invalid_webhook_url"),
    ({"type": "socket"}, "unsupported_delivery_type"),
    ({"signing_secret": "whsec_short"}, "invalid_request"),
    ({"registration_id": "x"}, "invalid_request"),
]


def test_a_receiver_that_cannot_be_one_is_refused(provisioner):
    secret = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    for change, word in NO_RECEIVERS:
        delivery = {"type": "webhook", "url": "https://example.com/", "registration_id": str(uuid.uuid4())}
        answer = post(provisioner, {"delivery": {**delivery, "signing_secret": secret, **change}})
        assert code(answer) == (400, word)
        assert not ProtocolInstance.objects.exists()


def test_receivers_are_tried_so_often_in_a_minute(provisioner, harness, monkeypatch):
    monkeypatch.setattr(door.rooms["/api/aap/"]._registrar, "_verifying", Throttle(1))
    assert post(provisioner, {"delivery": harness.delivery}).status_code == 201
    answer = post(provisioner, {"delivery": harness.delivery})
    assert (code(answer), int(answer.headers["retry-after"]) > 0) == ((429, "too_many_registrations"), True)


# What is told


@pytest.fixture
def told_instance(provisioner, speaking, harness):
    made = post(provisioner, {"instance_name": "told", "delivery": harness.delivery}).json()
    return made["instance"]["id"], speaking("any", token=made["credential"]["token"])


def at_once():
    Callback.objects.filter(state="due").update(next_at=timezone.now() - timedelta(seconds=1))
    return sending.tell()


def recorded(request_id):
    def is_ended():
        sending.note_ended()
        return Callback.objects.filter(request_id=request_id, state="due").exists()

    wait_until(is_ended, "the end is recorded")


def test_an_end_is_told_until_it_is_taken_with_the_same_bytes(told_instance, ask, decide, recorder, harness):
    instance, agent = told_instance
    request_id = ask(agent).json()["id"]
    assert sending.tell() == {}
    decide(request_id)
    recorded(request_id)
    harness.status, harness.headers = 503, {"Retry-After": "40"}
    assert at_once() == {"due": 1}
    row = Callback.objects.get()
    assert row.next_at > timezone.now() + timedelta(seconds=30)
    assert sending.tell() == {}
    harness.status, harness.headers = 302, {"Location": harness.receiver.url}
    assert at_once() == {"due": 1}
    harness.status = 204
    assert at_once() == {"sent": 1}
    assert at_once() == {}
    bodies = {event.body for event in harness.events}
    assert (len(harness.events), len(bodies)) == (3, 1)
    said = harness.events[0].said
    decided = agent.get(f"/requests/{request_id}").json()["decision"]["decided_at"]
    assert said == {
        "id": said["id"], "type": "request.resolved", "instance_id": instance, "request_id": request_id,
        "created_at": decided,
    }  # fmt: skip


AFTER = ["9" * 400, "-1", "Wed, 21 Oct 2099 07:28:00 GMT", "1e9", ""]


@pytest.mark.parametrize(
    "after", ["\u00b2", *(pytest.param(after, marks=pytest.mark.long) for after in AFTER)]
)
def test_whatever_a_receiver_says_of_when_to_come_again_the_others_are_told(
    told_instance, ask, decide, recorder, harness, after
):
    _instance, agent = told_instance
    request_id = ask(agent).json()["id"]
    decide(request_id)
    recorded(request_id)
    harness.status, harness.headers = 503, {"Retry-After": after}
    assert at_once() == {"due": 1}
    assert Callback.objects.get().next_at < timezone.now() + timedelta(seconds=30)
    harness.status = 204
    assert at_once() == {"sent": 1}


def test_a_new_receiver_takes_over_and_a_removed_one_ends_it(
    told_instance, provisioner, ask, decide, recorder, harness
):
    instance, agent = told_instance
    first, second = ask(agent).json()["id"], ask(agent).json()["id"]
    decide(first)
    recorded(first)
    with receivers.receiving() as other:
        moved = Harness(other)
        assert patch(provisioner, instance, {"delivery": moved.delivery}).status_code == 200
        assert at_once() == {"sent": 1}
        assert (len(harness.events), len(moved.events)) == (0, 1)
        decide(second)
        recorded(second)
        patch(provisioner, instance, {"delivery": None})
        assert at_once() == {}
    assert Callback.objects.get(request_id=second).state == "over"


def test_who_deletes_an_instance_is_told_nothing_more(told_instance, provisioner, ask, recorder, harness):
    instance, agent = told_instance
    request_id = ask(agent).json()["id"]
    provisioner.delete(f"/instances/{instance}")
    from core.models import ApprovalRecord

    ended = ApprovalRecord.objects.filter(pk=request_id, status="cancelled")
    wait_until(ended.exists, "the end is recorded")
    assert at_once() == {}
    assert harness.events == []


def test_after_a_week_it_is_given_up(told_instance, ask, decide, recorder, harness):
    _instance, agent = told_instance
    request_id = ask(agent).json()["id"]
    decide(request_id)
    recorded(request_id)
    harness.status = 500
    Callback.objects.update(decided_at=timezone.now() - timedelta(hours=168))
    assert at_once() == {"over": 1}
    assert at_once() == {}


def test_an_agent_of_our_own_words_is_told_by_its_callback_url(agent, harness, decide, recorder):
    client = agent("deployer")
    token = client.headers["Authorization"].partition(" ")[2]
    harness.key = hashlib.sha256(token.encode()).digest()
    body = {"type": "deploy", "key": "k", "callback_url": harness.receiver.url}
    request_id = client.post("/requests", json=body).json()["id"]
    client.post("/requests", json={**body, "callback_url": "https://example.com/"})
    assert client.get(f"/requests/{request_id}").json()["callback"]["state"] == "waiting"
    decide(request_id, True, "go on")
    recorded(request_id)
    assert at_once() == {"sent": 1}
    said = harness.events[0].said
    assert (said["request_id"], said["status"], said["approved"]) == (request_id, "approved", True)
    assert (said["responder"], said["reason"]) == ("maria", "go on")
    assert client.get(f"/requests/{request_id}").json()["callback"]["state"] == "sent"


NO_CALLBACKS = [7, "", "ftp://a/", "http://example.com/", "https://u:p@example.com/"]


def test_a_bad_callback_url_is_refused_and_stores_nothing(agent):
    client = agent("deployer")
    for url in NO_CALLBACKS:
        answer = client.post("/requests", json={"type": "deploy", "callback_url": url})
        assert (answer.status_code, answer.json()["field"]) == (400, "callback_url")
        assert client.get("/requests").json() == {"requests": []}


def test_a_callback_into_the_sites_own_network_is_never_sent(agent, decide, recorder):
    client = agent("deployer")
    body = {"type": "deploy", "callback_url": "https://127.0.0.1:1/"}
    request_id = client.post("/requests", json=body).json()["id"]
    decide(request_id)
    recorded(request_id)
    assert at_once() == {"due": 1}
    assert "private network" in Callback.objects.get().error
