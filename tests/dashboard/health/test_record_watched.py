"""A damaged record, one that nobody verifies, and checkpoints that stopped: said where people look."""

import os
import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from core.history.audit import entries
from core.history.proof import checkpoints, verification
from core.models import AuditCheck
from tests.dashboard.health.test_health_page import words_of
from tests.dashboard.probes.test_probes import TOKEN, numbers

pytestmark = pytest.mark.django_db

WRONG = "entry #9 was changed<b>\u202e"


@pytest.fixture(autouse=True)
def checkpoint_file(clean_redis, settings, tmp_path):
    settings.TELEMETRY_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    return settings.TELEMETRY_CHECKPOINT_FILE


def append(days_ago: float) -> None:
    with transaction.atomic():
        at = timezone.now() - timedelta(days=days_ago)
        entries.append([entries.Fact(f"first:{days_ago}", "test", at)])


def verified(hours_ago: float, problems: int = 0) -> None:
    at = timezone.now() - timedelta(hours=hours_ago)
    found = {"at": at, "entries": 9, "problems": problems, "first_problem": WRONG if problems else ""}
    AuditCheck.objects.update_or_create(pk=1, defaults=found)


def test_a_new_record_need_not_be_verified_yet(signed_in):
    append(0.5)
    words = words_of(signed_in("approver"))
    assert "verify_audit" not in words
    assert "Verifiednot yet" in words


def test_a_record_that_nobody_verified_or_not_for_long_is_a_worry(signed_in):
    append(2)
    client = signed_in("approver")
    assert "The record was never verified" in words_of(client)
    verified(hours_ago=1)
    assert "verify_audit" not in words_of(client)
    verified(hours_ago=40)
    assert "The record was last verified on" in words_of(client)


def test_a_record_that_is_not_whole_is_said_on_health_and_in_the_metrics(signed_in, client, settings):
    settings.TELEMETRY_METRICS_TOKEN = TOKEN
    verified(hours_ago=1, problems=3)
    words = words_of(signed_in("approver"))
    assert "The record is not whole: entry #9 was changed<b>" in words
    assert "3 problems in all" in words
    said = numbers(client)
    assert said["telemetry_record_problems"] == 3
    assert 3000 < said["telemetry_record_verified_seconds"] < 4200
    assert "telemetry_checkpoint_seconds" not in said


@pytest.mark.parametrize("path", ["/", "/usage/", "/exports/", "/admin/", "/admin/core/auditentry/"])
def test_those_who_may_read_the_record_see_it_on_every_page_and_others_do_not(signed_in, path):
    verified(hours_ago=1, problems=1)
    page = signed_in("auditor").get(path).content.decode()
    alert = re.search(r'role="alert">(.*?)(?:</div>|</p>)', page)[1]
    assert "The record is not whole: entry #9 was changed&lt;b&gt;" in alert
    assert "\u202e" not in page
    health = signed_in("superuser").get("/health/").content.decode()
    assert health.count("The record is not whole") == 1
    assert "\u202e" not in health
    assert "The record is not whole" not in signed_in("viewer").get("/").content.decode()


def test_checkpoints_that_stopped_are_a_worry_and_a_record_that_stands_still_is_none(
    signed_in, client, settings, checkpoint_file
):
    settings.TELEMETRY_METRICS_TOKEN = TOKEN
    append(0.2)
    approver = signed_in("approver")
    assert "There is no checkpoint of the record" in words_of(approver)
    checkpoints.checkpoint()
    assert "checkpoint of the record" not in words_of(approver)
    hours_ago = timezone.now().timestamp() - 7200
    os.utime(checkpoint_file, (hours_ago, hours_ago))
    assert "The newest checkpoint of the record is more than an hour old" in words_of(approver)
    assert numbers(client)["telemetry_checkpoint_seconds"] > 7000
    lines = checkpoint_file.read_text()
    checkpoints.checkpoint()
    assert checkpoint_file.read_text() == lines
    assert not verification.read_state().checkpoint_old
    assert "checkpoint of the record" not in words_of(approver)


def test_a_failed_job_is_a_worry_until_a_later_run_of_it_succeeds(signed_in, raw):
    client = signed_in("approver")
    raw.zadd("rq:failed:telemetry-jobs", {"telemetry-prune-9": 1, "telemetry-backup-10": 1})
    assert "2 background jobs have failed" in words_of(client)
    raw.zadd("rq:finished:telemetry-jobs", {"telemetry-backup-9": 1, "telemetry-prune-10": 1})
    assert "1 background job has failed" in words_of(client)
    raw.zadd("rq:finished:telemetry-jobs", {"telemetry-backup-11": 1})
    assert "have failed" not in words_of(client)
    assert "has failed" not in words_of(client)
    export = "telemetry-export-{}-0000-4000-8000-000000000001"  # each is a job of its own
    raw.zadd("rq:failed:telemetry-jobs", {export.format("0f6a0f0a"): 1})
    raw.zadd("rq:finished:telemetry-jobs", {export.format("1f6a0f0a"): 1})
    assert "1 background job has failed" in words_of(client)
