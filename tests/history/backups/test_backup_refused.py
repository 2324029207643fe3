"""What is no whole backup of this version is refused with its reason, and nothing of it stays."""

import hashlib
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from core.history.audit import entries
from core.history.backups.file import MOST_OF_LINE
from core.models import AuditEntry
from tests.history.backups.emptied import empty_the_database

LONG = pytest.mark.long  # told as another of these is
AUDIT = "tables/core_auditentry.jsonl"


@pytest.fixture
def backup_file(transactional_db, tmp_path):
    User.objects.create(username="maria")
    with transaction.atomic():
        entries.append([entries.Fact(f"n:{n}", "n", timezone.now(), actor="ann") for n in range(5)])
    call_command("backup", str(tmp_path / "b.zip"))
    empty_the_database()
    return tmp_path / "b.zip"


def rewrite(path: Path, change: Callable[[dict, dict[str, bytes]], None]) -> None:
    """Write the archive anew after `change(manifest, parts)`."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop("manifest.json"))
    change(manifest, parts)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.writestr("manifest.json", json.dumps(manifest))


def with_new_sums(manifest: dict, parts: dict[str, bytes]) -> None:
    """As somebody does who knows the format."""
    for part in manifest["parts"]:
        content = parts[f"tables/{part['table']}.jsonl"]
        part["sha256"] = hashlib.sha256(content).hexdigest()
        part["bytes"], part["rows"] = len(content), content.count(b"\n")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def no_archive(path: Path) -> None:
    path.write_text("CREATE TABLE")


def gone(path: Path) -> None:
    path.unlink()


def of_manifest(**changed: object) -> Callable[[Path], None]:
    return lambda path: rewrite(path, lambda manifest, _parts: manifest.update(changed))


def without_manifest(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(AUDIT, "")


def older(path: Path) -> None:
    rewrite(path, lambda manifest, _parts: manifest["migrations"].remove("core.0006_jobs_and_health"))


def newer(path: Path) -> None:
    rewrite(path, lambda manifest, _parts: manifest["migrations"].append("core.9999_later"))


def other_columns(path: Path) -> None:
    rewrite(path, lambda manifest, _parts: manifest["parts"][0]["columns"].append("more"))


def changed_part(path: Path) -> None:
    rewrite(path, lambda _m, parts: parts.update({AUDIT: parts[AUDIT].replace(b'"ann"', b'"bob"', 1)}))


def missing_part(path: Path) -> None:
    rewrite(path, lambda _m, parts: parts.pop(AUDIT))


def changed_cleverly(path: Path) -> None:
    def change(manifest, parts):
        parts[AUDIT] = parts[AUDIT].replace(b'"ann"', b'"bob"', 1)
        with_new_sums(manifest, parts)

    rewrite(path, change)


def cut_cleverly(path: Path) -> None:
    def change(manifest, parts):
        parts[AUDIT] = b"".join(parts[AUDIT].splitlines(keepends=True)[:-1])
        with_new_sums(manifest, parts)

    rewrite(path, change)


def no_row(path: Path) -> None:
    def change(manifest, parts):
        parts[AUDIT] += b"[1]\n"
        with_new_sums(manifest, parts)

    rewrite(path, change)


def too_large_a_number(path: Path) -> None:
    def change(manifest, parts):
        parts["tables/auth_group.jsonl"] = b'[%d,"x"]\n' % 2**64
        with_new_sums(manifest, parts)

    rewrite(path, change)


def of_nobody(path: Path) -> None:
    def change(manifest, parts):
        parts["tables/auth_user_groups.jsonl"] = b"[1,999,1]\n"
        with_new_sums(manifest, parts)

    rewrite(path, change)


def bomb(path: Path) -> None:
    def change(manifest, parts):
        parts[AUDIT] = b"[" + b" " * MOST_OF_LINE + b"]\n"
        with_new_sums(manifest, parts)

    rewrite(path, change)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (gone, "cannot be read as a backup"),
        pytest.param(no_archive, "cannot be read as a backup", marks=LONG),
        pytest.param(cut, "cannot be read as a backup", marks=LONG),
        pytest.param(without_manifest, "its manifest.json is missing or damaged", marks=LONG),
        (of_manifest(product="another"), "another program made it"),
        pytest.param(of_manifest(format=2), "has format 2, and this version reads 1", marks=LONG),
        (of_manifest(numbers=[]), "numbers is no object"),
        (of_manifest(numbers={"core_auditentry": [1]}), r"numbers holds \[1\], which is no whole number"),
        (of_manifest(numbers={"core_auditentry": 2**63}), "numbers is not from 0 to 9223372036854775807"),
        (of_manifest(version="\x1b[2J"), "characters that are not seen"),
        pytest.param(of_manifest(more=1), "missing or damaged", marks=LONG),
        pytest.param(
            older,
            r"of an older version \(0.1.0\), before core.0006_jobs_and_health: install version 0.1.0,",
            marks=LONG,
        ),
        (newer, r"of a newer version \(0.1.0\) with migrations that .* \(core.9999_later\): install"),
        (other_columns, "other tables or columns than this site: core_agentrun"),
        (changed_part, f"the backup is damaged: {AUDIT} is not what was written"),
        pytest.param(missing_part, f"the backup is damaged: {AUDIT}: ", marks=LONG),
        (changed_cleverly, "is not the one that the backup speaks of: entry #2 was changed"),
        pytest.param(
            cut_cleverly, "is not the one that the backup speaks of: .* missing at the end", marks=LONG
        ),
        (too_large_a_number, "rows that no database takes: .* (too large|out of range)"),
        (of_nobody, "rows that no database takes: .*constraint"),
        (bomb, f"{AUDIT}: line 1 does not end within"),
        (no_row, f"line 7 of {AUDIT} is no row"),
    ],
)
def test_it_is_refused_with_the_reason_and_nothing_of_it_stays(backup_file, damage, why):
    damage(backup_file)
    with pytest.raises(CommandError, match=f"^Nothing was restored: .*{why}"):
        call_command("restore", str(backup_file))
    assert (AuditEntry.objects.count(), User.objects.count()) == (0, 0)
