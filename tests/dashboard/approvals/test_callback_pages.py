"""Whether an agent was told how its request ended, for people: on the page of the request and on that of health."""

import ipaddress
import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from core.history.callbacks import sending
from core.history.notices.sealing import seal
from core.models import AuditEntry, Callback
from tests import receivers

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
KEY = "whsec_" + "A" * 43 + "="


@pytest.fixture
def receiver(settings):
    settings.TELEMETRY_NOTICE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    with receivers.receiving() as receiver:
        yield receiver


@pytest.fixture
def told(gate, record, receiver):
    """A request that was approved, and whose agent is told at an address with a secret in it."""
    request_id = gate.open_request("deploy").request_id
    url = f"{receiver.url}/in/s3cret?key=hidden"
    Callback.objects.create(
        id=uuid.uuid4(),
        request_id=request_id,
        sealed_url=seal(url),
        sealed_secret=seal(KEY),
        host="127.0.0.1",
    )
    gate.respond_to_approval(request_id, True, "maria")
    record()
    return request_id


def page_of(client, request_id):
    return (
        client.get(f"/approvals/{request_id}/")
        .content.decode()
        .partition('id="callback"')[2]
        .partition("</section>")[0]
    )


def test_its_page_says_what_became_of_it_and_shows_the_address_without_its_secrets(
    told, receiver, client, make_user
):
    client.force_login(make_user("vera", "viewer"))
    receiver.answer = receivers.status(500)
    sending.tell()
    page = page_of(client, told)
    assert "Not taken so far" in page
    assert "1 try" in page
    assert "it answers with 500" in page
    assert receiver.url.removesuffix("/hook") + "/…" in page
    assert "s3cret" not in page
    assert "hidden" not in page
    assert "Send it again" not in page


def test_whoever_decides_sends_it_again_and_the_record_says_so(told, receiver, client, make_user):
    sending.tell()
    client.force_login(make_user("vera", "viewer"))
    assert client.post(f"/approvals/{told}/send-again/").status_code == 403
    client.force_login(make_user("olga", "approver"))
    page = page_of(client, told)
    assert "Taken" in page
    assert "Send it again" in page
    assert client.post(f"/approvals/{told}/send-again/").status_code == 302
    assert sending.tell() == {"sent": 1}
    first, second = receiver.taken
    assert json.loads(first.body) == json.loads(second.body)
    [entry] = AuditEntry.objects.filter(kind="callback.sent_again")
    assert (entry.actor, str(entry.request_id), json.loads(entry.details)["was"]) == ("olga", told, "sent")
    assert "s3cret" not in str(entry.details)


def test_what_has_not_ended_is_not_sent(gate, record, client, make_user):
    request_id = gate.open_request("deploy").request_id
    record()
    Callback.objects.create(id=uuid.uuid4(), request_id=request_id, sealed_url=seal("https://a.example/"))
    client.force_login(make_user("olga", "approver"))
    answer = client.post(f"/approvals/{request_id}/send-again/", follow=True).content.decode()
    assert "Nothing was sent" in answer
    assert Callback.objects.get().state == "waiting"
    assert not AuditEntry.objects.filter(kind="callback.sent_again").exists()


def test_health_counts_and_lists_what_was_not_taken(told, receiver, client, make_user):
    client.force_login(make_user("mona", "maintainer"))
    assert "Callbacks to agents" not in client.get("/health/").content.decode()
    receiver.answer = receivers.status(500)
    sending.tell()
    page = client.get("/health/").content.decode()
    assert "Callbacks to agents not taken so far: 1." in page
    assert f'href="/approvals/{told}/#callback"' in page
    Callback.objects.update(state="over", finished_at=timezone.now() - timedelta(days=2))
    assert "Callbacks to agents" not in client.get("/health/").content.decode()
