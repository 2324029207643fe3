"""Verifying the record: every hash and link, the head, the guards, the requests, and the checkpoints outside.

And what is known of the last time that somebody did.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DataError, connections, transaction
from django.utils import timezone

from core.history.audit import guards
from core.history.audit.chain import START, ChainWalk, Link, span
from core.history.database.sqlite.base import exact_text
from core.history.proof.checkpoints import Checkpoint, CheckpointLine, read
from core.history.proof.requests import wrong_requests
from core.history.proof.rules import wrong_rules
from core.models import AuditCheck, AuditEntry, AuditHead
from core.values.json import storable
from core.values.malformed import ODD

ROWS_AT_ONCE = 2_000
SHOWN_PROBLEMS = 20
LAST_NUMBER = 2**63 - 1
VERIFICATION_OLD = timedelta(hours=36)
CHECKPOINT_OLD = timedelta(hours=1)

KEY_LOST = (
    "{count} texts of requests and rules are sealed with the key {key}, which this site does not have: they were not "
    "compared with their digests. Give it back in TELEMETRY_CONTEXT_KEY"
)

Progress = Callable[[int, int], None]


@dataclass
class VerificationResult:
    """What was found. `problems` holds the first twenty in words, `count` says how many there are."""

    entries: int = 0
    first: int = 0
    last: int = 0
    hash: str = START
    count: int = 0
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return self.count == 0

    def wrong(self, problem: str) -> None:
        """Note one thing that is wrong."""
        self.count += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(problem)


def _unseen(_done: int, _of: int) -> None:
    """Nobody looks how far it is."""


def verify(checkpoint_file: Path, progress: Progress = _unseen) -> VerificationResult:
    """Check the whole record in the database; reads it in short pieces, so that it goes on meanwhile."""
    verdict = VerificationResult()
    marks = _Marks(checkpoint_file, verdict)
    if not guards.lost_tables():
        head = _walk_database(verdict, marks, progress, DEFAULT_DB_ALIAS)
        marks.judge_end(head)
        unread: Counter[str] = Counter()
        for request_id, what in wrong_requests(unread):
            verdict.wrong(f"request {request_id}: {what}")
        for number, what in wrong_rules(unread):
            verdict.wrong(f"rule {number}: {what}")
        verdict.notices += [KEY_LOST.format(count=count, key=key) for key, count in unread.items()]
    for fault in guards.faults():
        verdict.wrong(f"the database no longer refuses changes: {fault}")
    return verdict


def verify_copy(checkpoint_file: Path | None = None, using: str = DEFAULT_DB_ALIAS) -> VerificationResult:
    """Check the chain of a record that is being copied: hashes, links, head.

    A copy may be older than the checkpoints: that it ends before them is a notice, and other entries are wrong.
    """
    verdict = VerificationResult()
    marks = _Marks(checkpoint_file, verdict) if checkpoint_file else None
    head = _walk_database(verdict, marks, _unseen, using)
    if marks:
        marks.note_end(head)
    return verdict


def _walk_database(
    verdict: VerificationResult, marks: "_Marks | None", progress: Progress, using: str
) -> int:
    """Every entry and the head; returns where the head stands."""
    head = AuditHead.objects.using(using).filter(pk=1).first() or AuditHead()
    if type(head.sequence) is not int:
        verdict.wrong("the head of the record holds no number")
        newest = (
            AuditEntry.objects.using(using).filter(sequence__lte=LAST_NUMBER).order_by("-sequence").first()
        )
        head = AuditHead(sequence=newest.sequence, hash=newest.hash) if newest else AuditHead()
    walk = ChainWalk()
    for link in links(until=head.sequence, using=using):
        _take(walk, link, verdict, marks)
        if walk.count % ROWS_AT_ONCE == 0:
            progress(walk.count, head.sequence)
    _check_head(walk, head, verdict, using)
    _close(verdict, walk)
    return head.sequence


def verify_lines(
    lines: Iterable[str], checkpoint_file: Path | None = None, *, selection: bool = False
) -> VerificationResult:
    """Check an exported record, or a part of one, without any database."""
    verdict = VerificationResult()
    marks = _Marks(checkpoint_file, verdict) if checkpoint_file else None
    walk = ChainWalk(selection=selection)
    for number, line in enumerate(lines, 1):
        try:
            link = Link.of_line(line)
        except ODD as error:
            verdict.wrong(f"line {number} is no audit entry: {error}")
            continue
        if not walk.count and link.sequence != 1:
            walk.begin_at(link)
            verdict.notices.append(f"begins at #{link.sequence}: what came before is not in this file")
        _take(walk, link, verdict, marks)
    if not walk.count:
        verdict.wrong("the file holds no entry")
    if marks:
        marks.note_end(walk.sequence)
    return _close(verdict, walk)


def keep(verdict: VerificationResult) -> None:
    """Store the result for pages to show."""
    found = {
        "at": timezone.now(),
        "entries": verdict.entries,
        "problems": verdict.count,
        "first_problem": verdict.problems[0] if verdict.problems else "",
    }
    with transaction.atomic():
        AuditCheck.objects.update_or_create(pk=1, defaults=found)


@dataclass(frozen=True)
class RecordState:
    """How the record was checked; times are None where there was none.

    problems: how many the last verification found, the first in words.
    began_at: of the first entry; what is younger need not be verified yet.
    """

    began_at: datetime | None
    verified_at: datetime | None
    problems: int
    first_problem: str
    checkpoint_at: datetime | None

    @property
    def verification_old(self) -> bool:
        """Whether nobody looked at the record for a day and a half."""
        return self._longer_ago(self.verified_at, VERIFICATION_OLD)

    @property
    def checkpoint_old(self) -> bool:
        """Whether nothing says how far the record is: a job says it every ten minutes, also where that is as far."""
        return self._longer_ago(self.checkpoint_at, CHECKPOINT_OLD)

    def _longer_ago(self, moment: datetime | None, limit: timedelta) -> bool:
        since = moment or self.began_at
        return since is not None and timezone.now() - since > limit


def read_state() -> RecordState:
    """Two queries, and a look at the file. DatabaseError when the database is away."""
    found = AuditCheck.objects.filter(pk=1).first()
    first = AuditEntry.objects.order_by("sequence").values_list("at", flat=True).first()
    return RecordState(
        began_at=first,
        verified_at=found.at if found else None,
        problems=found.problems if found else 0,
        first_problem=found.first_problem if found else "",
        checkpoint_at=_written_at(settings.TELEMETRY_CHECKPOINT_FILE),
    )


def _written_at(path: Path) -> datetime | None:
    """When a file was written or touched last; None when it cannot be seen."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


def links(after: int = -1, until: int | None = None, using: str = DEFAULT_DB_ALIAS) -> Iterator[Link]:
    """Entries in order as they stand in the database, in pieces of two thousand.

    Not through the model: a row that was damaged must be named, and not end the reading.
    """
    while piece := read_piece(after, until, using):
        yield from piece
        after = piece[-1].sequence


def read_piece(after: int, until: int | None = None, using: str = DEFAULT_DB_ALIAS) -> list[Link]:
    """Up to two thousand entries after this sequence, and not after `until`."""
    columns = "sequence, event_id, kind, at, actor, agent_id, request_id, details, previous_hash, hash"
    most = "" if until is None else f"AND sequence <= {int(until)} "
    where = (
        f"FROM {AuditEntry._meta.db_table} WHERE sequence > %s {most}ORDER BY sequence LIMIT {ROWS_AT_ONCE}"
    )
    with connections[using].cursor() as cursor, exact_text(using):
        try:
            cursor.execute(f"SELECT {columns} {where}", [after])
            return [_link(row) for row in cursor.fetchall()]
        except DataError:  # PostgreSQL knows times that Python does not: they are read as text
            known = "CASE WHEN at > '0002-01-01' AND at < '9998-01-01' THEN at END"
            cursor.execute(
                f"SELECT {columns.replace('at,', f'{known}, CAST(at AS text),', 1)} {where}", [after]
            )
            found = [(*row[:3], row[4] if row[3] is None else row[3], *row[5:]) for row in cursor.fetchall()]
            return [_link(row) for row in found]


def _link(row: tuple[Any, ...]) -> Link:
    sequence, event_id, kind, at, actor, agent_id, request_id, details, previous_hash, own_hash = row
    if isinstance(at, str):  # SQLite keeps times as text without a zone, and ids without dashes
        at = at.replace(" ", "T", 1) + "+00:00"
    elif isinstance(at, datetime):
        at = at.astimezone(UTC).isoformat()
    if request_id is not None:
        request_id = str(request_id)
        if len(request_id) == 32:
            cuts = (0, 8, 12, 16, 20, 32)
            request_id = "-".join(request_id[a:b] for a, b in pairwise(cuts))
    return Link(sequence, event_id, kind, at, actor, agent_id, request_id, details, previous_hash, own_hash)


def _take(walk: ChainWalk, link: Link, verdict: VerificationResult, marks: "_Marks | None") -> None:
    if problem := walk.take(link):
        verdict.wrong(problem)
    if marks:
        marks.compare(link)


def _check_head(walk: ChainWalk, head: AuditHead, verdict: VerificationResult, using: str) -> None:
    if walk.sequence < head.sequence:
        gone = span(walk.sequence + 1, head.sequence)
        verdict.wrong(f"{gone} missing at the end: the head of the record stands at #{head.sequence}")
    elif head.hash != walk.hash:
        verdict.wrong(f"the head of the record holds another hash than entry #{walk.sequence}")
    rows, until = AuditEntry._meta.db_table, AuditHead._meta.db_table
    with connections[using].cursor() as cursor:
        # Questions of one statement each: the record may grow while it is verified.
        cursor.execute(
            f"SELECT MIN(sequence), COUNT(*) FROM {rows} "
            f"WHERE sequence > COALESCE((SELECT MAX(sequence) FROM {until}), 0)"
        )
        first, beyond = cursor.fetchone()
        cursor.execute(f"SELECT COUNT(*) FROM {rows} WHERE sequence <= %s", [head.sequence])
        (stored,) = cursor.fetchone()
    if beyond:
        verdict.wrong(f"{beyond} entries from #{first} on stand after the head of the record")
    if stored != walk.count:
        verdict.wrong(f"{stored} entries are stored where {walk.count} could be read one after another")


def _close(verdict: VerificationResult, walk: ChainWalk) -> VerificationResult:
    verdict.entries, verdict.hash = walk.count, storable(str(walk.hash))
    verdict.first, verdict.last = walk.first, walk.sequence
    return verdict


class _Marks:
    """The checkpoints beside the walk: what they knew must still stand."""

    def __init__(self, path: Path, verdict: VerificationResult) -> None:
        self._verdict = verdict
        self._hashes: dict[int, Checkpoint] = {}
        self._newest = Checkpoint("", 0, START)
        for line in self._lines(path):
            if line.checkpoint is not None:
                self._add(line.checkpoint, line.number)
            elif line.torn:
                verdict.notices.append(
                    f"line {line.number} of {path.name} was written in part and says nothing"
                )
            else:
                verdict.wrong(f"line {line.number} of {path.name} is no checkpoint")
        if not self._hashes:
            verdict.notices.append(
                f"there is no checkpoint in {path}: a cut end or a record written anew would not show"
            )

    def _lines(self, path: Path) -> Iterator[CheckpointLine]:
        try:
            yield from read(path)
        except OSError as error:
            self._verdict.wrong(f"the checkpoints cannot be read: {error}")

    def _add(self, found: Checkpoint, number: int) -> None:
        known = self._hashes.setdefault(found.count, found)
        if known.hash != found.hash:
            self._verdict.wrong(f"two checkpoints, of {known.at} and {found.at}, differ on #{found.count}")
        if found.count < self._newest.count:
            self._verdict.wrong(
                f"the checkpoint of {found.at} (line {number}) knew #{found.count}, "
                f"but that of {self._newest.at} before it #{self._newest.count}: the record had been cut"
            )
        else:
            self._newest = found

    def compare(self, link: Link) -> None:
        """Entry by entry: the hash must be the one that the checkpoint saw."""
        known = self._hashes.get(link.sequence)
        if known is not None and known.hash != link.hash:
            self._verdict.wrong(
                f"entry #{link.sequence} is not the one that the checkpoint of {known.at} saw: "
                "the record was written anew up to there or further"
            )

    def note_end(self, last: int) -> None:
        """A file may end before the record does, so that is said and not judged."""
        if self._newest.count > last:
            self._verdict.notices.append(
                f"ends at #{last}; the checkpoint of {self._newest.at} knew {self._newest.count} entries"
            )

    def judge_end(self, head: int) -> None:
        """The record must reach as far as any checkpoint."""
        if self._newest.count > head:
            self._verdict.wrong(
                f"the record was cut: the checkpoint of {self._newest.at} knew {self._newest.count} entries, "
                f"the head stands at #{head}"
            )
