"""Admins who save, people who decide and a recorder, all at once: no deadlock, no lock lost, one chain."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client

from core import ApprovalGate
from core.history.recorder import Recorder
from core.models import ApprovalRecord, DecisionIntent, SetAsideEntry, UsageHour
from core.usage_history import history
from core.usage_tracker import UsageTracker
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


def somebody_waits() -> bool:
    """Whether another connection waits for a lock; SQLite does not tell."""
    if connection.vendor == "sqlite":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
        return cursor.fetchone() is not None


def test_a_recorder_waits_for_a_reset_of_usage_and_no_call_is_lost(
    clean_redis, transactional_db, tmp_path, background
):
    tracker, recorder = (
        UsageTracker(tmp_path / "usage", memory=clean_redis, price_book=book()),
        Recorder(clean_redis),
    )
    tracker.track_llm_call(**call(call_id="before"))
    tracker.flush()
    assert recorder.step() == 1
    tracker.track_llm_call(**call(call_id="meanwhile"))
    tracker.flush()
    with transaction.atomic():
        history("reset()").reset(datetime(2000, 1, 1, tzinfo=UTC))  # forgets nothing, and makes all sums anew
        step = background(recorder.step)
        wait_until(somebody_waits, "the recorder waits")
    assert step.result(30) == 1
    assert sum(UsageHour.objects.values_list("calls", flat=True)) == 2
    assert not SetAsideEntry.objects.exists()
    tracker.close()
