"""Who is told of what, and when: delay, reminder, quiet hours, digest, high risk, rights, escalation, nobody."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from core.history.notices import due
from core.history.notices.texts import FIRST, HANDED, NOBODY, REMINDER
from core.history.notices.wishes import is_quiet, matches
from core.models import (
    AgentOwner,
    ApprovalType,
    Ballot,
    DecisionGrant,
    Escalation,
    HandOver,
    Notice,
    NoticeWish,
    Team,
    Vote,
)
from core.store.keys import Keys
from tests.receivers import nobody_listens

pytestmark = pytest.mark.django_db


def steps(now: datetime | None = None) -> list[tuple[str, str]]:
    return [(one.person.get_username(), one.step.partition("-")[0]) for one in due.find(now)]


@pytest.fixture
def ann(make_user):
    return make_user("ann", "approver", email="ann@example.org")


@pytest.fixture
def hook(channel):
    return channel("webhook", "https://hooks.example/a")


def test_a_request_is_told_once_it_has_waited_as_long_as_this_person_wants(ann, hook, wish, pending):
    wish(ann, hook, after_seconds=60)
    pending(ago=59)
    assert steps() == []
    assert steps(timezone.now() + timedelta(seconds=2)) == [("ann", FIRST)]


def test_it_is_told_again_before_its_deadline(ann, hook, wish, pending):
    wish(ann, hook, after_seconds=60, remind_seconds=60)
    pending(ago=100, left=59)
    assert steps() == [("ann", REMINDER)]


def test_where_the_first_notice_would_come_after_the_reminder_there_is_the_reminder_alone(
    ann, hook, wish, pending
):
    wish(ann, hook, after_seconds=300, remind_seconds=30)
    pending(ago=30, left=31)
    assert steps() == []
    assert steps(timezone.now() + timedelta(seconds=2)) == [("ann", REMINDER)]


@pytest.mark.parametrize(
    ("lines", "name", "wanted"),
    [("*", "x", True), ("pay", "pay", True), ("pay", "payment", False), ("pay*", "payment", True),
     ("a\n  pay  \n", "pay", True), ("Pay", "pay", False), ("", "pay", False)],
)  # fmt: skip
def test_kinds_and_agents_are_names_or_beginnings(lines, name, wanted):
    assert matches(lines, name) is wanted


def test_only_the_kinds_and_agents_that_they_want(ann, hook, wish, pending):
    wish(ann, hook, kinds="pay*", agents="shop")
    pending("payment", "shop")
    pending("payment", "builder")
    pending("deploy", "shop")
    assert [one.asked.agent_id for one in due.find()] == ["shop"]


@pytest.mark.parametrize(
    ("hour", "quiet"), [(20, False), (21, True), (23, True), (4, True), (6, False), (12, False)]
)
def test_quiet_hours_go_over_midnight_in_the_persons_own_zone(hour, quiet):
    wish = NoticeWish(quiet_from=time(22), quiet_to=time(7), time_zone="Europe/Berlin")
    assert is_quiet(wish, datetime(2027, 1, 10, hour, 30, tzinfo=UTC)) is quiet  # an hour later there


def test_quiet_hours_follow_the_clocks_of_summer():
    wish = NoticeWish(quiet_from=time(22), quiet_to=time(7), time_zone="Europe/Berlin")
    assert is_quiet(wish, datetime(2027, 7, 10, 20, 30, tzinfo=UTC))


def around(now: datetime) -> dict:
    there = now.astimezone(UTC)
    return {
        "quiet_from": (there - timedelta(hours=1)).time(),
        "quiet_to": (there + timedelta(hours=1)).time(),
        "time_zone": "UTC",
    }


def test_what_still_waits_when_quiet_hours_end_is_told_then(ann, hook, wish, pending):
    wish(ann, hook, **around(timezone.now()))
    pending(left=3 * 3600)
    assert steps() == []
    assert steps(timezone.now() + timedelta(hours=1, minutes=1)) == [("ann", FIRST)]


@pytest.mark.parametrize(
    ("how", "told_early", "told_at_night"),
    [("like_others", False, False), ("at_once", True, False), ("always", True, True)],
)
def test_high_risk_is_told_as_they_want(ann, hook, wish, pending, how, told_early, told_at_night):
    ApprovalType.objects.create(name="pay", high_risk=True)
    mine = wish(ann, hook, after_seconds=3600, high_risk=how)
    pending("p\u0430y", ago=1)  # with a Cyrillic letter it is as risky as it looks
    pending("deploy", ago=1)
    assert [one.asked.approval_type for one in due.find()] == (["p\u0430y"] if told_early else [])
    for name, value in around(timezone.now()).items():
        setattr(mine, name, value)
    mine.save()
    assert bool(due.find()) is told_at_night


def told_now(*found: due.Due) -> None:
    for one in found:
        Notice.objects.create(
            key=one.key,
            request_id=one.asked.request_id,
            channel=one.channel,
            person=one.person,
            message=one.asked.request_id,
            step=one.step,
            claimed_at=timezone.now(),
        )


def test_after_a_message_the_next_ones_wait_for_the_digest_but_reminders_do_not(ann, hook, wish, pending):
    wish(ann, hook, digest_seconds=600, remind_seconds=60)
    pending()
    told_now(*due.find())
    pending()
    soon = pending(left=30)
    assert {(one.asked.request_id, one.step) for one in due.find()} == {(soon.pk, REMINDER)}
    later = timezone.now() + timedelta(seconds=400)
    assert [one for one in due.find(later) if one.step == FIRST] == []
    Notice.objects.update(claimed_at=timezone.now() - timedelta(seconds=601))
    assert len([one for one in due.find() if one.step == FIRST]) == 1


def test_on_a_channel_that_several_share_the_digest_counts_what_was_told_there_for_whomever(
    ann, make_user, hook, wish, pending
):
    for person in (ann, make_user("ben", "approver")):
        wish(person, hook, digest_seconds=600)
    pending()
    told_now(*due.find())
    pending()
    assert steps() == []


def test_nobody_is_told_of_what_they_may_not_answer(make_user, hook, wish, pending):
    looks, owns = make_user("looks", "viewer"), make_user("owns", "approver")
    for person in (looks, owns):
        wish(person, hook)
    AgentOwner.objects.create(agent="builder", person=owns)
    make_user("another", "approver")
    pending(agent="builder")
    assert steps() == []
    pending(agent="shop")
    assert steps() == [("owns", FIRST)]


def test_whoever_has_voted_is_not_told_any_more(ann, make_user, hook, wish, pending):
    ApprovalType.objects.create(name="deploy", approvers=2)
    make_user("ben", "approver")
    wish(ann, hook)
    asked = pending()
    ballot = Ballot.objects.create(pk=asked.pk)
    Vote.objects.create(ballot=ballot, user=ann, digest="0", policy=1, created_at=timezone.now())
    assert steps() == []


def test_a_channel_that_several_chose_is_told_once_and_mail_goes_to_each(
    ann, make_user, channel, hook, wish, pending
):
    mail, ben = channel("mail"), make_user("ben", "approver", email="ben@example.org")
    wish(ann, hook, mail)
    wish(ben, hook, mail)
    pending()
    assert sorted((one.channel.kind, one.person.get_username()) for one in due.find()) == [
        ("mail", "ann"),
        ("mail", "ben"),
        ("webhook", "ann"),
    ]


def test_when_nobody_answers_the_next_team_is_told_by_mail_if_they_chose_nothing(
    ann, make_user, channel, pending
):
    channel("mail")
    ben, eve = (
        make_user("ben", "approver", email="ben@example.org"),
        make_user("eve", email="eve@example.org"),
    )
    team = Team.objects.create(name="second line")
    team.people.set([ben, eve])  # eve may not answer
    Escalation.objects.create(approval_type="deploy", after_seconds=300, team=team)
    pending(ago=299)
    assert steps() == []
    assert steps(timezone.now() + timedelta(seconds=2)) == [("ben", "escalation")]


@pytest.mark.parametrize("in_quiet_hours", [False, True])
def test_escalation_keeps_to_quiet_hours_unless_it_says_otherwise(ann, hook, wish, pending, in_quiet_hours):
    wish(ann, hook, kinds="nothing", **around(timezone.now()))
    team = Team.objects.create(name="second line")
    team.people.add(ann)
    Escalation.objects.create(after_seconds=60, team=team, in_quiet_hours=in_quiet_hours)
    pending()
    assert bool(steps()) is in_quiet_hours


def test_administrators_hear_at_once_of_what_nobody_may_answer(ann, make_user, channel, pending):
    channel("mail")
    make_user("root", "administrator", email="root@example.org")
    DecisionGrant.objects.all().delete()
    DecisionGrant.objects.create(approval_type="pay")
    pending("pay", ago=0)
    pending("deploy", ago=0)
    assert [(one.person.get_username(), one.step, one.asked.approval_type) for one in due.find()] == [
        ("root", NOBODY, "deploy")
    ]


def test_administrators_hear_by_a_channel_that_is_in_use_again_of_what_nobody_may_answer(
    make_user, hook, wish, pending
):
    wish(make_user("root", "administrator"), hook)
    hook.is_enabled = False
    hook.save()
    pending(ago=0)
    assert steps() == []
    hook.is_enabled = True
    hook.save()
    assert steps() == [("root", NOBODY)]


def test_fewer_people_than_must_approve_are_nobody(ann, make_user, channel, pending):
    channel("mail")
    make_user("root", "administrator", email="root@example.org")
    ApprovalType.objects.create(name="pay", approvers=2)
    pending("pay", ago=0)
    assert steps() == [("root", NOBODY)]
    make_user("ben", "approver")
    assert steps() == []


def test_what_has_ended_in_redis_is_not_told_although_the_record_does_not_know_it(
    ann, hook, wish, pending, raw
):
    wish(ann, hook)
    pending()
    assert steps() == [("ann", FIRST)]
    raw.delete(Keys().approvals_pending)
    assert steps() == []


def test_where_redis_is_away_the_record_alone_says_what_waits(ann, hook, wish, pending, settings):
    wish(ann, hook)
    pending()
    settings.REDIS_URL = nobody_listens().replace("http", "redis").replace("/hook", "")
    assert steps() == [("ann", FIRST)]


def handed(request, giver: str, **to):
    return HandOver.objects.create(
        request_id=request.pk, giver=giver, name="x", created_at=timezone.now(), **to
    )


def test_whom_it_was_handed_to_hears_at_once_but_not_who_handed_it_over(ann, make_user, channel, pending):
    channel("mail")
    ben = make_user("ben", "approver", email="ben@example.org")
    vera = make_user("vera", "viewer", email="vera@example.org")
    night = Team.objects.create(name="night")
    night.people.add(ann, ben, vera)
    handed(pending(ago=1), "ann", person=ben)
    handed(pending(ago=1), "ann", team=night)
    handed(pending(ago=1), "ann", person=ann)
    assert steps() == [("ben", HANDED), ("ben", HANDED)]


def test_what_was_handed_over_in_quiet_hours_is_told_when_they_end(ann, hook, wish, pending):
    wish(ann, hook, kinds="pay", **around(timezone.now()))
    handed(pending(ago=1, left=3 * 3600), "tom", person=ann)
    assert steps() == []
    assert steps(timezone.now() + timedelta(hours=2)) == [("ann", HANDED)]


def test_ten_requests_cost_as_many_queries_as_one(ann, make_user, channel, hook, wish, pending):
    mail = channel("mail")
    for name in ("ben", "eve"):
        wish(make_user(name, "approver", email=f"{name}@example.org"), hook, mail)
    pending()
    with CaptureQueriesContext(connection) as one:
        due.find()
    for _ in range(9):
        pending()
    with CaptureQueriesContext(connection) as ten:
        assert len(due.find()) == 30
    assert len(ten) == len(one)
