"""Admins who save, people who decide and a recorder, all at once: no deadlock, no lock lost, one chain."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from core import ApprovalGate
from core.history.recorder import Recorder
from core.models import ApprovalRecord, DecisionIntent, UsageHour
from core.usage_history import history
from tests.core.usage_help import book, call
from tests.history.chain import assert_chain_is_whole
from tests.waiting import wait_until

ROUNDS = 6


@pytest.fixture
def person(make_user, transactional_db):
    return lambda number: make_user(f"person-{number}", "approver", is_staff=True, is_superuser=True)


def save_in_the_admin(admin: User, subject: User, groups: list[int]) -> None:
    """Rename and regroup the same people in both orders, as two admins might."""
    client = Client()
    client.force_login(admin)
    for turn in range(ROUNDS):
        data = {
            "username": subject.username,
            "first_name": f"{admin.pk}-{turn}",
            "groups": groups[turn % 2 :],
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "date_joined_0": "2026-01-01",
            "date_joined_1": "00:00:00",
            "_save": "Save",
        }
        response = client.post(f"/admin/auth/user/{subject.pk}/change/", data)
        assert response.status_code == 302, response.content.decode()


def decide_all(decide, user: User, ids: list[str]) -> list[str]:
    return [decide(user, request_id).outcome for request_id in ids]


def test_eight_threads_of_admin_saves_and_decisions_never_deadlock(
    clean_redis, person, decide, background, running
):
    people = [person(number) for number in range(8)]
    groups = list(Group.objects.values_list("pk", flat=True))
    gate = ApprovalGate(clean_redis, "deployer")
    ids = [gate.open_request("deploy", timeout=120).request_id for _ in range(ROUNDS)]
    running(Recorder(clean_redis))
    saving = [background(save_in_the_admin, people[n], people[(n + 1) % 4], groups) for n in range(4)]
    deciding = [background(decide_all, decide, people[n], ids[:: 1 if n % 2 else -1]) for n in range(4, 8)]
    for future in saving:
        future.result(60)
    outcomes = [outcome for future in deciding for outcome in future.result(60)]
    assert sorted(outcomes) == ["accepted"] * ROUNDS + ["already_decided"] * 3 * ROUNDS
    wait_until(lambda: ApprovalRecord.objects.filter(status="approved").count() == ROUNDS, "all is recorded")
    wait_until(lambda: not DecisionIntent.objects.filter(outcome="open").exists(), "all is settled")
    assert_chain_is_whole()


def test_a_reset_of_usage_beside_a_recorder_loses_no_call_and_doubles_none(
    clean_redis, transactional_db, tmp_path, background, running
):
    from django.utils import timezone

    from core.usage_tracker import UsageTracker

    running(Recorder(clean_redis))
    tracker = UsageTracker(tmp_path / "usage", memory=clean_redis, price_book=book())
    start = timezone.now()
    resets = background(lambda: [history("reset()").reset(start) for _ in range(20)])
    for number in range(300):
        tracker.track_llm_call(**call(call_id=f"call-{number}", workflow=f"w{number % 7}"))
        if number % 15 == 0:
            tracker.flush()
    tracker.flush()
    assert len(resets.result(60)) == 20
    wait_until(
        lambda: sum(UsageHour.objects.values_list("calls", flat=True)) == 300, "each call is counted once"
    )
