"""Admins who save, people who decide and a recorder, all at once: no deadlock, no lock lost, one chain."""

import uuid
from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test import Client

from core import ApprovalGate
from core.history.approvals.effects import prune_bodies
from core.history.automation import effects as automation
from core.history.recorder.recorder import Recorder
from core.models import (
    ApprovalRecord,
    AuditEntry,
    Cursor,
    DecisionIntent,
    SetAsideEntry,
    TaskRouting,
    UsageHour,
)
from core.usage.history import history
from core.usage_tracker import UsageTracker
from tests.chosen_servers import DATABASE
from tests.core.usage.usage_help import book, call
from tests.history.audit.chain import assert_chain_is_whole
from tests.waiting import PATIENCE, wait_until

ROUNDS = 6
# SQLite lets one write after the other: what might wait for each other there is PostgreSQL's.
IN_A_LINE = pytest.mark.long if DATABASE == "sqlite" else lambda test: test


@pytest.fixture
def person(make_user, transactional_db):
    return lambda number: make_user(f"person-{number}", "approver", is_staff=True, is_superuser=True)


class Admin:
    """Somebody who works in the admin, and the answers that were none of those that a person can live with."""

    def __init__(self, user: User) -> None:
        self.client = Client(raise_request_exception=False)
        self.client.force_login(user)
        self.bad: list[str] = []

    def post(self, path: str, **data: object) -> None:
        """302: done. 200: the form says what is wrong. 409: somebody else was faster. Else it is noted."""
        answer = self.client.post(f"/admin/auth/{path}/", data)
        if answer.status_code not in (200, 302, 409):
            self.bad.append(f"{path}: {answer.status_code} {answer.content.decode()[:2000]}")

    def save(self, subject: User, name: str, groups: list[int]) -> None:
        flags = {"is_active": "on", "is_staff": "on", "is_superuser": "on", "_save": "Save"}
        joined = {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
        self.post(f"user/{subject.pk}/change", username=name, groups=groups, **flags, **joined)


def rename(admin: Admin, subject: User, groups: list[int]) -> None:
    for turn in range(ROUNDS):
        admin.save(subject, f"renamed-{subject.pk}-{turn}", groups[turn % 2 :])


def regroup(admin: Admin, subject: User, groups: list[int], passing: list[int]) -> None:
    """Also into groups that somebody is deleting."""
    for turn in range(2 * ROUNDS):
        admin.save(subject, subject.username, [*groups[turn % 2 :], *passing[-1:]])


def make_and_delete_groups(admin: Admin, subject: User, passing: list[int]) -> None:
    for turn in range(2 * ROUNDS):
        group = Group.objects.create(name=f"passing {turn}")
        group.user_set.add(subject)
        passing.append(group.pk)
        admin.post(f"group/{group.pk}/change", name=f"still passing {turn}")
        admin.post(f"group/{group.pk}/delete", post="yes")


def make_and_delete_people(admin: Admin, groups: list[int]) -> None:
    for turn in range(ROUNDS):
        new = User.objects.create_user(f"passing-{turn}")
        new.groups.set(groups)
        admin.save(new, f"still-passing-{turn}", groups[:1])
        admin.post(f"user/{new.pk}/delete", post="yes")


def decide_all(decide, user: User, ids: list[str]) -> list[str]:
    return [decide(user, request_id).outcome for request_id in ids]


@IN_A_LINE
def test_admins_who_rename_regroup_and_delete_people_who_decide_and_a_recorder_never_deadlock(
    clean_redis, person, decide, background, running, caplog
):
    people = [person(number) for number in range(8)]
    groups = list(Group.objects.values_list("pk", flat=True))
    gate = ApprovalGate(clean_redis, "deployer")
    ids = [gate.open_request("deploy", timeout=120).request_id for _ in range(ROUNDS)]
    admins, passing = [Admin(user) for user in people[:6]], []
    running(Recorder(clean_redis))
    # In a ring: each renames the one who renames the next; and those who decide meanwhile.
    saving = [
        background(rename, admins[0], people[1], groups),
        background(rename, admins[1], people[2], groups),
        background(rename, admins[2], people[6], groups),
        background(regroup, admins[3], people[0], groups, passing),
        background(make_and_delete_groups, admins[4], people[0], passing),
        background(make_and_delete_people, admins[5], groups),
    ]
    deciding = [background(decide_all, decide, people[n], ids[:: 1 if n % 2 else -1]) for n in (0, 1, 6, 7)]
    for future in saving:
        future.result(60)
    assert [why for admin in admins for why in admin.bad] == []
    outcomes = [outcome for future in deciding for outcome in future.result(60)]
    assert sorted(outcomes) == ["accepted"] * ROUNDS + ["already_decided"] * 3 * ROUNDS
    wait_until(lambda: ApprovalRecord.objects.filter(status="approved").count() == ROUNDS, "all is recorded")
    wait_until(lambda: not DecisionIntent.objects.filter(outcome="open").exists(), "all is settled")
    assert [line for line in caplog.messages if "deadlock" in line or "not recording" in line] == []
    renamed = AuditEntry.objects.filter(kind="account.changed", details__contains="renamed-").count()
    assert renamed >= ROUNDS
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
    assert step.result(PATIENCE) == 1
    assert sum(UsageHour.objects.values_list("calls", flat=True)) == 2
    assert not SetAsideEntry.objects.exists()
    tracker.close()


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def old_requests() -> None:
    ended = {"status": "approved", "requested_at": LONG_AGO, "deadline_at": LONG_AGO, "ended_at": LONG_AGO}
    ApprovalRecord.objects.bulk_create(
        ApprovalRecord(request_id=uuid.uuid4(), context="{}", timeout_seconds=1.0, **ended) for _ in range(20)
    )


def old_routings() -> None:
    said = {"task_type": "build", "strategy": "s", "assigned_to": "a", "confidence": 0.5}
    TaskRouting.objects.bulk_create(TaskRouting(routing_id=f"r{n}", at=LONG_AGO, **said) for n in range(20))


@pytest.mark.parametrize(
    ("table", "fill", "prune"),
    [(ApprovalRecord, old_requests, prune_bodies), (TaskRouting, old_routings, automation.prune)],
)
def test_pruning_and_a_recorder_that_writes_the_same_old_rows_in_another_order_wait_for_each_other(
    transactional_db, background, table, fill, prune
):
    fill()
    keys = list(table.objects.values_list("pk", flat=True))
    Cursor.objects.create(name=Cursor.OUTBOX)
    with transaction.atomic():
        Cursor.objects.select_for_update().get(name=Cursor.OUTBOX)
        list(table.objects.select_for_update().filter(pk=keys[10]))
        pruning = background(prune, datetime.now(UTC), 30)
        wait_until(somebody_waits, "pruning waits")
        assert len(list(table.objects.select_for_update().order_by("-pk"))) == 20
    assert pruning.result(PATIENCE) == 20
