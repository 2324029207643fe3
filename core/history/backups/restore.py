"""Restoring a backup into an empty installation: whole and verified, in one transaction, or not at all."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.core.management import call_command
from django.db import DataError, IntegrityError, transaction
from django.db.migrations import Migration

from core import failpoints
from core.history.audit import entries
from core.history.backups import tables
from core.history.backups.backup import LEFT_OUT
from core.history.backups.file import Backup, Manifest, opened
from core.history.backups.tables import INDEXING, CannotCopy, Progress
from core.history.people.actor import acted
from core.history.proof import verification
from core.history.proof.verification import VerificationResult
from core.history.search import index as search
from core.models import ApprovalRecord

ELSEWHERE = "restore into a data directory or a DATABASE_URL where nothing is yet, and start nothing before"


@dataclass(frozen=True)
class RestoreResult:
    """What stands there now. `notices` are what the verification noted, in words."""

    manifest: Manifest
    notices: list[str]


def restore(
    path: Path,
    checkpoint_file: Path,
    progress: Progress,
    expect: tables.Expect = lambda rows: None,
) -> RestoreResult:
    """Restore the backup at `path`, verify it, and note that in the record. CannotCopy when nothing was changed.

    The checkpoint file is compared with, and not written.
    """
    with opened(path) as backup:
        manifest = backup.manifest
        expect(3 * manifest.rows + manifest.rows_of(ApprovalRecord))
        later = _later_migrations(manifest)
        tables.refuse_unfit("this installation", ELSEWHERE)
        backup.refuse_other_tables(tables.in_order(LEFT_OUT), tables.added_by(later))
        backup.check(progress)
        # Also where all are there: a process that was killed may not have come to what follows the last one.
        call_command("migrate", verbosity=0, interactive=False)
        try:
            with transaction.atomic():
                verdict = _bring_in(backup, checkpoint_file, progress)
                tables.fill_from_rows(later)
                entries.append([acted("record.restored", **_told_of(manifest))])
                failpoints.reach("restore.before_commit")
        except (DataError, IntegrityError, OverflowError, UnicodeEncodeError) as error:
            raise CannotCopy(f"the backup holds rows that no database takes: {error}") from error
        if later:  # an older backup knows the permissions of its own tables alone
            call_command("migrate", verbosity=0, interactive=False)
        search.rebuild_after_copy(partial(progress, INDEXING))
    return RestoreResult(manifest, verdict.notices)


def _later_migrations(manifest: Manifest) -> list[Migration]:
    """Those that came after the backup, in order. CannotCopy unless each of them leaves rows as they are."""
    ours, theirs, keeping = tables.migrations()[1], set(manifest.migrations), tables.keeping_rows()
    missing = ours - theirs - keeping.keys()
    if theirs - ours:
        raise CannotCopy(
            f"the backup is of a newer version ({manifest.version}) with migrations that this one does not "
            f"know ({', '.join(sorted(theirs - ours)[:5])}): install version {manifest.version} and restore there"
        )
    if missing:
        raise CannotCopy(
            f"the backup is of an older version ({manifest.version}), before {', '.join(sorted(missing)[:5])}: "
            f"install version {manifest.version}, restore there, and then upgrade"
        )
    return [keeping[name] for name in sorted(ours - theirs)]


def _bring_in(backup: Backup, checkpoint_file: Path, progress: Progress) -> VerificationResult:
    everything, held = tables.in_order(), tables.in_order(LEFT_OUT)
    tables.hold(everything)
    tables.refuse_rows("this installation", ELSEWHERE)
    tables.clear_made_by_migrate()
    sums = {table: tables.write(table, backup.rows(table), progress) for table in held}
    tables.set_numbers(held, backup.manifest.numbers)
    tables.refuse_other_sums(sums, progress=progress)
    verdict = verification.verify_copy(checkpoint_file)
    _refuse_other_chain(backup.manifest, verdict)
    return verdict


def _refuse_other_chain(manifest: Manifest, found: VerificationResult) -> None:
    """The chain must be the one that the backup speaks of. One that was broken then may be restored as it is."""
    said = manifest.chain
    if (found.entries, found.hash, found.count) == (said.entries, said.hash, said.problems):
        return
    why = (
        found.problems[-1]
        if found.problems
        else f"#{found.entries} with hash {found.hash} is its newest entry"
    )
    raise CannotCopy(f"the record is not the one that the backup speaks of: {why}")


def _told_of(manifest: Manifest) -> dict[str, str | int]:
    return {
        "what": f"a backup of {manifest.made_at} with {manifest.chain.entries} entries",
        "made_at": manifest.made_at,
        "version": manifest.version,
        "entries": manifest.chain.entries,
        "head": manifest.chain.hash,
    }
