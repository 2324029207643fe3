"""Each notice once: claimed before it is sent, tried again where it was not taken, and never silently lost."""

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from django.db.models import F
from django.utils import timezone

from core.history import health
from core.history.notices import due, sending
from core.history.notices.delivery_status import newest_not_arrived, recent_notices
from core.models import Notice
from tests.history.notices.conftest import CANARY
from tests.receivers import drip_bytes, nobody_listens, status

pytestmark = pytest.mark.django_db(transaction=True)

State = Notice.State


@pytest.fixture
def ann(make_user):
    return make_user("ann", "approver", email="ann@example.org")


@pytest.fixture
def hook(channel, receiver):
    return channel("webhook", receiver.url)


@pytest.fixture
def told_by_hook(ann, hook, wish):
    return wish(ann, hook)


def rested() -> None:
    """The time of a rest goes by."""
    Notice.objects.filter(state=State.AGAIN).update(next_at=F("next_at") - timedelta(hours=1))


def states() -> list[str]:
    return list(Notice.objects.order_by("pk").values_list("state", flat=True))


def test_a_request_is_told_once_however_often_somebody_looks(told_by_hook, pending, receiver):
    asked = pending()
    assert sending.tell_people() == {State.SENT: 1}
    assert sending.tell_people() == {}
    [taken] = receiver.taken
    assert [one["id"] for one in taken.said["requests"]] == [str(asked.pk)]


def test_what_is_due_at_the_same_moment_is_one_message(told_by_hook, pending, receiver):
    for _ in range(30):
        pending()
    assert sending.tell_people() == {State.SENT: 30}
    [taken] = receiver.taken
    assert taken.said["text"] == "30 requests wait for an answer"


def test_two_that_look_at_the_same_time_send_one_message(told_by_hook, pending, receiver, monkeypatch):
    asked, both = pending(), threading.Barrier(2)
    found = due.find()

    def find_together():
        both.wait(20)
        return list(found)

    monkeypatch.setattr(due, "find", find_together)
    lookers = [threading.Thread(target=sending.tell_people) for _ in range(2)]
    for looker in lookers:
        looker.start()
    for looker in lookers:
        looker.join()
    assert [taken.said["requests"][0]["id"] for taken in receiver.taken] == [str(asked.pk)]
    assert states() == [State.SENT]


def test_what_was_not_taken_is_tried_again_under_the_same_id_until_it_is(told_by_hook, pending, receiver):
    receiver.answer = status(503)
    pending()
    assert sending.tell_people() == {State.AGAIN: 1}
    assert sending.tell_people() == {}  # it rests
    rested()
    receiver.answer = status(204)
    assert sending.tell_people() == {State.SENT: 1}
    first, second = receiver.taken
    assert first.headers["X-Telemetry-Id"] == second.headers["X-Telemetry-Id"]
    assert first.body == second.body


def test_what_is_never_taken_has_failed_in_the_end_and_is_named(
    told_by_hook, pending, channel, hook, receiver
):
    receiver.answer = status(500)
    pending()
    for _ in range(len(sending.RESTS)):
        assert sending.tell_people() == {State.AGAIN: 1}
        rested()
    assert sending.tell_people() == {State.FAILED: 1}
    rested()
    assert sending.tell_people() == {}
    assert len(receiver.taken) == len(sending.RESTS) + 1
    [bad] = newest_not_arrived()
    assert (bad.state, bad.error) == (State.FAILED, "it answers with 500")


def test_what_was_answered_while_it_rested_is_not_sent(told_by_hook, pending, receiver):
    receiver.answer = status(503)
    asked = pending()
    sending.tell_people()
    asked.status = "approved"
    asked.save()
    rested()
    sending.tell_people()
    assert states() == [State.NEEDLESS]
    assert len(receiver.taken) == 1


def test_what_will_never_be_taken_has_failed_at_once(told_by_hook, pending, receiver):
    receiver.answer = status(404)
    pending()
    assert sending.tell_people() == {State.FAILED: 1}
    assert len(receiver.taken) == 1


def test_what_was_not_answered_in_time_is_unknown_and_not_repeated(told_by_hook, pending, receiver, settings):
    settings.TELEMETRY_NOTICE_SECONDS = 0.3
    receiver.answer = lambda handler: threading.Event().wait(5)
    pending()
    assert sending.tell_people() == {State.UNKNOWN: 1}
    rested()
    assert sending.tell_people() == {}
    assert health.read().database.notices == {State.UNKNOWN: 1}


def test_a_channel_that_fails_holds_up_no_other(ann, channel, hook, wish, pending, receiver):
    wish(ann, hook, channel("webhook", nobody_listens()))
    pending()
    assert sending.tell_people() == {State.SENT: 1, State.AGAIN: 1}
    assert len(receiver.taken) == 1


def test_a_row_that_was_claimed_and_never_came_back_is_unknown(told_by_hook, pending, receiver):
    pending()
    [found] = due.find()
    [draft] = sending._new([found])
    assert sending._claim(draft)
    assert sending.tell_people() == {}  # its process may still send it
    Notice.objects.update(claimed_at=timezone.now() - sending.ABANDONED)
    assert sending.tell_people() == {State.UNKNOWN: 1}
    assert receiver.taken == []
    assert "died" in newest_not_arrived()[0].error


@pytest.mark.parametrize("kind", ["slack", "teams", "ntfy", "webhook"])
def test_no_byte_of_a_context_is_in_any_notice(ann, channel, wish, pending, receiver, kind):
    wish(ann, channel(kind, receiver.url), remind_seconds=60)
    pending()
    pending(left=30)
    sending.tell_people()
    [taken] = receiver.taken
    assert CANARY.encode() not in taken.body
    assert CANARY not in str(taken.headers)


def test_a_mail_server_that_greets_a_byte_at_a_time_is_left_when_the_time_is_over(
    ann, channel, wish, pending, mail_server, settings
):
    settings.TELEMETRY_NOTICE_SECONDS = 0.4  # a limit that a test waits out
    mail_server.greet = drip_bytes
    wish(ann, channel("mail"))
    pending()
    assert sending.tell_people() == {State.AGAIN: 1}


def test_no_byte_of_a_context_is_in_a_mail(ann, channel, wish, pending, mail_server):
    wish(ann, channel("mail"))
    asked = pending()
    assert sending.tell_people() == {State.SENT: 1}
    [mail] = mail_server.mails
    assert str(asked.pk) in mail.replace("=\r\n", "").replace("=\n", "")
    assert CANARY not in mail


def test_a_mail_that_the_server_refuses_is_tried_again_and_one_in_the_dark_is_not(
    ann, channel, wish, pending, mail_server, settings
):
    wish(ann, channel("mail"))
    mail_server.after_data = "451 later"
    pending()
    assert sending.tell_people() == {State.AGAIN: 1}
    settings.TELEMETRY_NOTICE_SECONDS = settings.EMAIL_TIMEOUT = 0.5
    mail_server.after_data = ""
    rested()
    assert sending.tell_people() == {State.UNKNOWN: 1}
    assert len(mail_server.mails) == 2


@pytest.mark.parametrize("address", ["a@b.example\nBcc: eve@evil.example", "a@b.example\r\n\r\nNo", "a@b c"])
def test_an_address_that_holds_more_than_one_is_none(ann, channel, wish, pending, mail_server, address):
    type(ann).objects.filter(pk=ann.pk).update(email=address)
    wish(ann, channel("mail"))
    pending()
    assert sending.tell_people() == {State.FAILED: 1}
    assert "mail address is none" in Notice.objects.get().error
    assert mail_server.mails == []


def test_without_an_address_or_a_mail_server_the_reason_is_kept(ann, channel, wish, pending, settings):
    settings.EMAIL_HOST = ""
    wish(ann, channel("mail"))
    pending()
    assert sending.tell_people() == {State.FAILED: 1}
    assert "EMAIL_HOST" in Notice.objects.get().error


def test_apprise_is_used_only_where_a_setting_asks_for_it(ann, channel, wish, pending):
    wish(ann, channel("apprise", "json://127.0.0.1/x"))
    pending()
    assert sending.tell_people() == {State.FAILED: 1}
    assert "TELEMETRY_NOTICE_APPRISE" in Notice.objects.get().error


@pytest.mark.long
def test_apprise_sends_where_it_is_on(ann, channel, wish, pending, receiver, settings):
    pytest.importorskip("apprise")
    settings.TELEMETRY_NOTICE_APPRISE, settings.TELEMETRY_NOTICE_SECONDS = True, 30
    wish(ann, channel("apprise", receiver.url.replace("http:", "json:")))
    pending()
    assert sending.tell_people() == {State.SENT: 1}
    assert receiver.taken[0].said["title"] == "1 request waits for an answer"


def test_a_test_goes_to_each_channel_once_and_says_that_it_is_one(ann, told_by_hook, receiver):
    assert sending.ask_for_test(ann) == 1
    assert sending.tell_people() == {State.SENT: 1}
    assert sending.tell_people() == {}
    [taken] = receiver.taken
    assert (taken.said["requests"], taken.said["text"]) == ([], "A test: notices reach you")


def test_a_channel_whose_secret_was_sealed_under_another_key_says_so(told_by_hook, pending, settings):
    settings.SECRET_KEY = "another " * 10
    pending()
    assert sending.tell_people() == {State.FAILED: 1}
    assert "SECRET_KEY" in Notice.objects.get().error


def test_sql_has_neither_address_nor_secret_in_the_clear(hook, receiver):
    kept = str(vars(type(hook).objects.get()))
    assert receiver.url not in kept
    assert "a secret of 16" not in kept
    assert hook.host == "127.0.0.1"


def test_a_person_can_see_whether_they_were_told_also_by_a_channel_that_others_share(
    ann, make_user, told_by_hook, wish, hook, pending
):
    ben = make_user("ben", "approver")
    wish(ben, hook)
    asked = pending()
    sending.tell_people()
    assert [notice.request_id for notice in recent_notices(ann)] == [UUID(str(asked.pk))]
    assert [notice.request_id for notice in recent_notices(ben)] == [UUID(str(asked.pk))]


def test_what_ended_a_month_ago_is_deleted_unless_its_request_still_waits(told_by_hook, pending):
    pending()
    over = pending()
    sending.tell_people()
    Notice.objects.update(finished_at=timezone.now() - sending.KEPT - timedelta(days=1))
    over.status = "approved"
    over.save()
    assert sending.tidy() == 1
    assert sending.tell_people() == {}
