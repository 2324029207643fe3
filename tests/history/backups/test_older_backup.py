"""A backup from before decisions were signed has no column for it, and is restored: its rows have no signature."""

import json
from pathlib import Path

import pytest

from tests.history.backups.test_backup_across import command
from tests.history.backups.test_backup_refused import rewrite, with_new_sums
from tests.history.installation import Installation

pytestmark = [pytest.mark.long, pytest.mark.anywhere]

SIGNED = ("core_approvalrecord", "core_decisionintent")
FILL = """
import uuid
from django.contrib.auth.models import User
from django.utils import timezone
from core.models import ApprovalRecord, DecisionIntent
now, id_ = timezone.now(), uuid.uuid4()
about = dict(request_id=id_, agent_id="a", approval_type="k", digest="d" * 64, requested_at=now, deadline_at=now)
ApprovalRecord.objects.create(**about, timeout_seconds=1, context="{}", reason="kept", signature="gone")
DecisionIntent.objects.create(**about, decision_id=uuid.uuid4(), user=User.objects.create(username="maria"),
                              approved=True, not_after=now, created_at=now, signature="gone")
"""
LOOK = """
from core.models import ApprovalRecord, DecisionIntent
row, intent = ApprovalRecord.objects.get(), DecisionIntent.objects.select_related("user").get()
print(row.reason, row.context, repr(row.signature), intent.user.username, intent.approved, repr(intent.signature))
"""


def before_signatures(manifest: dict, parts: dict[str, bytes]) -> None:
    manifest["migrations"].remove("core.0015_decision_signature")
    for part in manifest["parts"]:
        if part["table"] in SIGNED:
            place, name = part["columns"].index("signature"), f"tables/{part['table']}.jsonl"
            del part["columns"][place]
            rows = [json.loads(line) for line in parts[name].splitlines()]
            parts[name] = b"".join(json.dumps(r[:place] + r[place + 1 :]).encode() + b"\n" for r in rows)
    with_new_sums(manifest, parts)


@pytest.fixture
def first_and_second(data_dir: Path, clean_redis: str) -> list[Installation]:
    folders = [data_dir / "first", data_dir / "second"]
    for folder in folders:
        folder.mkdir()
    return [Installation(folder, clean_redis) for folder in folders]


def test_it_is_restored_and_its_rows_have_no_signature(first_and_second, tmp_path):
    first, second = first_and_second
    path = tmp_path / "b.zip"
    first.run(command("migrate") + FILL + command("backup", str(path)))
    rewrite(path, before_signatures)
    restored = second.manage("restore", str(path))
    assert restored.returncode == 0, restored.stderr
    assert second.run(LOOK).split() == ["kept", "{}", "''", "maria", "True", "''"]


def test_one_that_lacks_another_column_is_refused(first_and_second, tmp_path):
    first, second = first_and_second
    path = tmp_path / "b.zip"
    first.run(command("migrate") + FILL + command("backup", str(path)))

    def without_digests(manifest: dict, parts: dict[str, bytes]) -> None:
        [part] = [part for part in manifest["parts"] if part["table"] == "core_approvalrecord"]
        part["columns"].remove("digest")

    rewrite(path, without_digests)
    restored = second.manage("restore", str(path))
    assert restored.returncode != 0
    assert "core_approvalrecord" in restored.stderr
