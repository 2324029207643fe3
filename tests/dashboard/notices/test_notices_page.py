"""One's own notices: what is set, a test, what was told; and what the admin and the health page show of channels."""

import json
from datetime import time
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from core.history.notices.channels import set_address
from core.models import AuditEntry, Escalation, Notice, NoticeChannel, NoticeWish, Team
from dashboard.notices import words

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

PAGE, TEST = "/account/notices/", "/account/notices/test/"
ADDRESS = "https://hooks.example.org/services/T0/secret-path"
SECRET = "a secret of 16 or more"


@pytest.fixture
def channel():
    made = NoticeChannel(name="ops room", kind="webhook")
    set_address(made, ADDRESS, SECRET)
    made.save()
    return made


def said(*channels: NoticeChannel, **changed: object) -> dict[str, object]:
    return {
        "kinds": "pay*\ndeploy\n",
        "agents": "",
        "channels": [channel.pk for channel in channels],
        "after_seconds": "300",
        "remind_seconds": "60",
        "digest_seconds": "0",
        "high_risk": "always",
        "quiet_from": "22:00",
        "quiet_to": "07:00",
        "time_zone": "Europe/Berlin",
        **changed,
    }


@pytest.fixture
def ann(make_user):
    return make_user("ann", "approver")


@pytest.fixture
def client(ann):
    opened = Client()
    opened.force_login(ann)
    return opened


def test_a_person_sets_what_they_want_to_be_told_of(ann, client, channel):
    assert client.post(PAGE, said(channel)).status_code == 302
    wish = NoticeWish.objects.get()
    assert (wish.person, wish.kinds, wish.agents) == (ann, "pay*\ndeploy", "*")
    assert (wish.after_seconds, wish.quiet_from, wish.time_zone) == (300, time(22), "Europe/Berlin")
    assert list(wish.channels.all()) == [channel]
    page = client.get(PAGE).content.decode()
    assert words.SAVED in page
    assert 'value="22:00"' in page


def test_a_chosen_channel_that_is_switched_off_just_now_stays_chosen_until_it_is_unticked(client, channel):
    other = NoticeChannel.objects.create(name="mail", kind="mail")
    client.post(PAGE, said(channel, other))
    NoticeChannel.objects.filter(pk=channel.pk).update(is_enabled=False)
    assert words.SWITCHED_OFF.format(name="ops room") in client.get(PAGE).content.decode()
    assert client.post(PAGE, said(channel, other, after_seconds="60")).status_code == 302
    assert set(NoticeWish.objects.get().channels.all()) == {channel, other}
    client.post(PAGE, said(other))
    assert list(NoticeWish.objects.get().channels.all()) == [other]
    assert "ops room" not in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet_to": ""},
        {"time_zone": "Mars/Olympus"},
        {"after_seconds": "7"},
        {"high_risk": "never"},
        {"channels": ["9999"]},
        {"kinds": "a\x00b"},
        {"kinds": "x" * 9000},
        {"quiet_from": "25:00"},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_shown_beside_its_field_and_not_saved(signed_in, channel, wrong):
    response = signed_in("approver").post(PAGE, said(channel, **wrong))
    assert response.status_code == 200
    assert "Nothing was saved" in response.content.decode()
    assert not NoticeWish.objects.exists()


def test_nobody_is_let_in_who_is_not_signed_in():
    assert "/sign-in/" in Client().get(PAGE)["Location"]
    assert "/sign-in/" in Client().post(TEST)["Location"]


def test_looking_changes_nothing(signed_in, channel):
    client = signed_in("approver")
    assert client.get(PAGE).status_code == 200
    assert client.get(TEST).status_code == 405
    assert (NoticeWish.objects.count(), Notice.objects.count()) == (0, 0)


def test_a_test_is_put_in_once_a_minute_for_each_chosen_channel(signed_in, channel):
    client = signed_in("approver")
    assert words.NO_CHANNEL in client.post(TEST, follow=True).content.decode()
    client.post(PAGE, said(channel))
    page = client.post(TEST, follow=True).content.decode()
    assert words.TESTED.format(count="1 channel") in page
    assert words.TOO_OFTEN in client.post(TEST, follow=True).content.decode()
    [asked] = Notice.objects.all()
    assert (asked.step, asked.state, asked.channel) == ("test", Notice.State.AGAIN, channel)


def told(person, channel, **fields) -> Notice:
    return Notice.objects.create(
        key=str(uuid4()),
        request_id=uuid4(),
        agent="<b>builder",
        approval_type="deploy",
        step="first",
        channel=channel,
        person=person,
        message=uuid4(),
        claimed_at=timezone.now(),
        finished_at=timezone.now(),
        **fields,
    )


def test_a_person_sees_what_they_were_told_and_what_others_were_not(ann, client, make_user, channel):
    mine = told(ann, channel, state="sent")
    others = told(make_user("ben"), channel, state="failed", error="it answers with 500")
    page = client.get(PAGE).content.decode()
    assert str(mine.request_id) in page
    assert "&lt;b&gt;builder" in page
    assert str(others.request_id) not in page


def test_the_health_page_names_what_did_not_arrive_and_the_channel(ann, signed_in, clean_redis, channel):
    told(ann, channel, state="failed", error="it answers with 500")
    told(ann, channel, state="unknown", error="the process died")
    told(ann, channel, state="sent")
    page = signed_in("maintainer").get("/health/").content.decode()
    assert words.trouble({"failed": 1, "unknown": 1}) in page
    assert "it answers with 500" in page
    assert page.count("by ops room to ann") == 2


@pytest.fixture
def admin(signed_in):
    return signed_in("superuser")


ADD = "/admin/core/noticechannel/add/"


@pytest.mark.django_db(transaction=True)  # the entry is written at the commit
def test_what_a_channel_is_called_with_goes_in_and_is_never_shown_again(admin):
    form = {"name": "ops", "kind": "slack", "address": ADDRESS, "secret": SECRET, "is_enabled": "on"}
    assert admin.post(ADD, form).status_code == 302
    made = NoticeChannel.objects.get()
    for page in (f"/admin/core/noticechannel/{made.pk}/change/", "/admin/core/noticechannel/"):
        shown = admin.get(page).content.decode()
        assert "secret-path" not in shown
        assert SECRET not in shown
    sealed = made.sealed_address
    assert admin.post(
        f"/admin/core/noticechannel/{made.pk}/change/",
        {"name": "ops 2", "kind": "slack", "address": "", "secret": "", "is_enabled": "on"},
    ).status_code == 302  # fmt: skip
    made.refresh_from_db()
    assert made.name == "ops 2"
    assert sealed  # kept, though sealed anew
    assert made.host == "hooks.example.org"
    facts = [
        json.loads(one.details)
        for one in AuditEntry.objects.filter(kind="policy.changed").order_by("sequence")
    ]
    assert [fact["what"] for fact in facts if "channel" in fact["what"]] == [
        "channel of notices ops",
        "channel of notices ops 2",
    ]
    assert not [word for word in ("secret", "sealed", sealed) if word in str(facts)]
    made.is_enabled = False
    made.save()  # by the shell, it is recorded too
    changed = json.loads(AuditEntry.objects.filter(kind="policy.changed").latest("sequence").details)
    assert (changed["before"]["is_enabled"], changed["now"]["is_enabled"]) == (True, False)


def test_a_secret_that_was_stored_goes_to_no_other_address(admin, channel):
    form = {"name": "ops", "is_enabled": "on", "address": "https://elsewhere.example.org/topic", "secret": ""}
    place = f"/admin/core/noticechannel/{channel.pk}/change/"
    assert admin.post(place, {**form, "kind": "webhook"}).status_code == 200
    channel.refresh_from_db()
    assert channel.host == "hooks.example.org"
    assert admin.post(place, {**form, "kind": "ntfy"}).status_code == 302
    channel.refresh_from_db()
    assert (channel.host, channel.sealed_secret) == ("elsewhere.example.org", "")


@pytest.mark.parametrize(
    ("kind", "address", "secret"),
    [
        ("slack", "", ""),
        ("webhook", ADDRESS, "short"),
        ("ntfy", "https://ntfy.example.org/", ""),
        ("teams", "ftp://x/", ""),
    ],
)
def test_a_channel_that_could_not_be_called_is_not_made(admin, kind, address, secret):
    form = {"name": "ops", "kind": kind, "address": address, "secret": secret, "is_enabled": "on"}
    assert admin.post(ADD, form).status_code == 200
    assert not NoticeChannel.objects.exists()


@pytest.mark.django_db(transaction=True)  # the entry is written at the commit
def test_escalation_is_set_in_the_admin_and_each_change_is_in_the_record(admin):
    team = Team.objects.create(name="second line")
    form = {"approval_type": "*", "agent": "*", "after_seconds": "300", "team": team.pk}
    assert admin.post("/admin/core/escalation/add/", form).status_code == 302
    assert Escalation.objects.get().team == team
    assert "after 300 s" in AuditEntry.objects.filter(kind="policy.changed").latest("sequence").details


def test_an_auditor_finds_who_was_told_of_a_request(ann, signed_in, channel):
    mine, other = told(ann, channel, state="sent"), told(ann, channel, state="failed")
    page = signed_in("auditor").get(f"/admin/core/notice/?q={mine.request_id}").content.decode()
    assert str(mine.request_id) in page
    assert str(other.request_id) not in page
    assert "ops room" in page
