"""The recorder: reads the outbox in order into SQL, each change exactly once, and ends what is due.

Its place in the outbox is committed in the transaction of what it wrote. A second recorder finds the place
moved and follows it, so it is a standby.
"""

import json
import logging
import math
import threading
import time

from django.conf import settings
from django.db import (
    DataError,
    Error,
    IntegrityError,
    close_old_connections,
    connections,
    reset_queries,
    transaction,
)

from core import failpoints
from core.approval_gates import ApprovalGate
from core.errors import StoreUnavailable
from core.history.agents.runs import LostRuns
from core.history.approvals.answerable import Unanswerable
from core.history.approvals.answers.release import AbandonedHolds
from core.history.approvals.repair import Repair
from core.history.approvals.rules import Rules
from core.history.audit.entries import Fact, append
from core.history.database.prepared import Query, Save
from core.history.recorder import registry
from core.history.recorder.heartbeat import Heartbeat
from core.history.recorder.registry import Batch, Records
from core.history.usage import rebuild as usage_rebuild
from core.models import ApprovalRecord, Cursor, DecisionIntent, SetAsideEntry
from core.store import approvals, outbox
from core.store.approvals import RequestRecord
from core.store.client import Store, open_store
from core.store.outbox import OutboxEntry
from core.values.approvals import OPEN, PENDING
from core.values.json import storable
from core.values.trouble import Trouble

logger = logging.getLogger(__name__)

CHECK_SECONDS = 2.0
PAUSE_SECONDS = 0.5
GATHER_SECONDS = 0.005
REBUILD_REST = 10
SHORTEST_WAIT_SECONDS = 0.02  # a record that says it is due and is not must not make a busy loop
CURSOR = Cursor.OUTBOX
# A server that is away, read-only or not migrated yet is waited for; whatever else goes wrong with an entry lies in it.
NOT_OF_THE_ENTRY = (Error, StoreUnavailable)
NOT_TAKEN = (DataError, IntegrityError)
_PLACE = Query(lambda name: Cursor.objects.select_for_update().filter(name=name), str)
_KEEP_PLACE = Save(Cursor, "position", "updated_at")


class Recorder:
    """One reader of the outbox. `run` until told to stop, or `step` once."""

    def __init__(self, memory: object = None) -> None:
        self._store: Store = open_store(memory)
        self._gate = ApprovalGate(self._store)
        self._line = self._store.line()
        self._repair = Repair(self._store)
        self._rules = Rules(self._store)
        self._unanswerable = Unanswerable(self._store)
        self._abandoned = AbandonedHolds(self._store)
        self._asked: list[RequestRecord] = []
        self._heartbeat = Heartbeat(self._store)
        self._lost_runs = LostRuns(self._store)
        self._installation = ""
        self._position = "0"
        self._rebuild_after = 0.0

    def run(self, stop: threading.Event) -> None:
        """Record until `stop` is set. Trouble with Redis or the database is logged and waited out."""
        try:
            self._run(stop)
        finally:
            self._line.close()
            connections.close_all()  # those of this thread

    def cut(self) -> None:
        """Let a wait for the outbox end, after `stop` was set; fit for a signal handler, and for any thread."""
        self._line.cut()

    def _run(self, stop: threading.Event) -> None:
        trouble = Trouble(logger)
        while not stop.is_set():
            try:
                self._heartbeat.went_well(self.step(CHECK_SECONDS))
                trouble.ends("recording again")
                reset_queries()  # with DEBUG, Django keeps the text of thousands, and ours are long
            except Exception as error:
                if stop.is_set() and isinstance(error, StoreUnavailable):
                    return  # its wait was cut
                trace = None if isinstance(error, NOT_OF_THE_ENTRY) else error
                trouble.begins("not recording: %s", error, level=logging.ERROR, trace=trace)
                self._heartbeat.went_wrong(error)
                self._installation = ""
                self._line.close()
                close_old_connections()
                stop.wait(PAUSE_SECONDS)

    def step(self, seconds: float = 0.0) -> int:
        """End what is due, then record what came, waiting at most `seconds` for it; returns how many entries."""
        if outbox.current_installation(self._store) != self._installation or not self._installation:
            self._begin()
        self._mend()
        entries = self._read(seconds)
        if entries:
            failpoints.reach("recorder.after_read")
            if not self._commit(entries):
                return 0
            failpoints.reach("recorder.after_commit")
            self._store.run(outbox.committed(self._store.keys, self._position))
            self._rules.answer(self._asked)
        if len(entries) < outbox.BATCH:
            self._rules.sweep()
            self._unanswerable.look()
            self._heartbeat.unanswerable = self._unanswerable.count
            self._abandoned.sweep()
            self._look_for_lost_runs()  # all that was said is in SQL: now for those who say nothing
            self._rebuild_touched_days()
        return len(entries)

    def _read(self, seconds: float) -> list[OutboxEntry]:
        """What came; one that waits for it takes what follows at once with it, so that they are one commit.

        Meanwhile the site notes the very decision that woke us: on SQLite it would have to wait for our commit.
        """
        entries = outbox.read_after(self._line, self._position, self._longest_wait(seconds))
        if seconds and 0 < len(entries) < outbox.BATCH:
            time.sleep(GATHER_SECONDS)
            entries = outbox.read_after(self._line, self._position, 0.0)
        return entries

    def _mend(self) -> None:
        """One part of a round of repairs, when one is due."""
        if not self._repair.due:
            return
        try:
            self._repair.step(self._position)
        except StoreUnavailable:
            raise
        except Exception as error:
            # What cannot be mended must not keep the rest from being recorded.
            logger.error("not repaired, tried again in a minute: %s: %s", type(error).__name__, error)
            self._repair.postpone()

    def _longest_wait(self, seconds: float) -> float:
        # First the repairs: a request whose end SQL knows must not end as timed out.
        if self._repair.due:
            return 0.0 if self._repair.first_round else min(self._sweep(), 0.0)
        return min(seconds, self._sweep())

    def _sweep(self) -> float:
        """End what is due; returns the seconds until the next deadline."""
        due = outbox.next_deadline_seconds(self._store)
        if due is not None and due <= 0:
            try:
                self._gate.clear_expired_requests()
                failpoints.reach("recorder.after_sweep")
            except StoreUnavailable as error:
                # What cannot be ended must not keep the rest from being recorded.
                logger.error("a request that is due could not be ended: %s", error)
            due = outbox.next_deadline_seconds(self._store)
        return math.inf if due is None else max(SHORTEST_WAIT_SECONDS, due)

    def _look_for_lost_runs(self) -> None:
        try:
            self._lost_runs.look()
        except Error:
            raise
        except Exception as error:
            logger.error("nobody can be found lost: %s: %s", type(error).__name__, error)

    def _rebuild_touched_days(self) -> None:
        """Make totals of Redis right where SQL knows better, a tenth of the time at most."""
        began = time.monotonic()
        if began < self._rebuild_after:
            return
        try:
            usage_rebuild.rebuild_touched_days(self._store)
        except (Error, StoreUnavailable) as error:
            logger.error("totals of days are not made anew, tried again: %s", error)
        self._rebuild_after = time.monotonic() + REBUILD_REST * (time.monotonic() - began)

    def _begin(self) -> None:
        """Find our place, and notice a server whose data is not the one we knew."""
        outbox.load_scripts(self._store)
        approvals.set_limits(
            self._store,
            waiting=settings.TELEMETRY_WAITING_REQUESTS,
            a_minute=settings.TELEMETRY_REQUESTS_A_MINUTE,
            values=settings.TELEMETRY_CONTEXT_VALUES,
            levels=settings.TELEMETRY_CONTEXT_LEVELS,
            event_types=settings.TELEMETRY_EVENT_TYPES,
        )
        self._lost_runs.begin()
        installation, _new = outbox.installation(self._store)
        cursor = Cursor.objects.filter(name=CURSOR).first()
        if cursor is not None and cursor.installation not in ("", installation):
            # Before the cursor says so: a recorder that is killed here must do it at its next start.
            self._end_lost_requests()
            failpoints.reach("recorder.after_lost")
        with transaction.atomic():
            cursor, _created = Cursor.objects.select_for_update().get_or_create(name=CURSOR)
            astray = outbox.is_astray(self._store, cursor.position)
            if astray:
                # Nothing comes after it. What is told twice is recorded once.
                logger.critical("outbox entry %s has an id of no time: all is read anew", cursor.position)
            if astray or cursor.installation != installation:
                cursor.installation, cursor.position = installation, "0"
                cursor.save()
            self._position = cursor.position
        self._installation = installation
        self._repair.begin(
            older=outbox.numbers(outbox.committed_position(self._store)) < outbox.numbers(self._position)
        )
        self._rules.begin()
        self._unanswerable.begin()
        if self._position != "0":
            # A recorder that was killed after its commit could not tell watchers of it.
            self._store.run(outbox.committed(self._store.keys, self._position))

    def _end_lost_requests(self) -> None:
        """Redis was replaced or emptied: what SQL knew as pending and Redis does not have ends as cancelled.

        What somebody tried to decide is for the repair, which comes next: that may have taken effect.
        """
        logger.critical("Redis was emptied or replaced: its pending requests are ended as cancelled")
        self._heartbeat.redis_was_replaced()
        tried = DecisionIntent.objects.filter(outcome=OPEN).values("request_id")
        pending = ApprovalRecord.objects.filter(status=PENDING).exclude(pk__in=tried)
        known = [str(request_id) for request_id in pending.values_list("pk", flat=True)]
        found = approvals.read_records(self._store, known) if known else []
        for request_id, record in zip(known, found, strict=True):
            if record is None:
                self._store.run(approvals.cancel_lost(self._store.keys, request_id))

    def _commit(self, entries: list[OutboxEntry]) -> bool:
        """Record a batch in one transaction; False when another recorder was faster."""
        records = registry.read_ahead(self._store, entries)
        with transaction.atomic():
            cursor = _PLACE.one(CURSOR) or Cursor()  # where somebody removed it, it is made anew
            if (cursor.position, cursor.installation) != (self._position, self._installation):
                self._position = cursor.position
                if cursor.installation != self._installation:
                    self._installation = ""
                return False
            facts = self._record_all(entries, records)
            cursor.position = entries[-1].position
            _KEEP_PLACE.run(cursor)
            append(facts)
            failpoints.reach("recorder.before_commit")
        self._position, self._asked = entries[-1].position, list(records.bodies.values())
        return True

    def _record_all(self, entries: list[OutboxEntry], records: Records) -> list[Fact]:
        """The effects of a batch, at once; where one cannot be written, one by one, and that one is set aside."""
        try:
            with transaction.atomic():
                batch = registry.batch_of(entries, records)
                facts = [fact for entry in entries for fact in self._record(entry, records, batch)]
                batch.write()
                return facts
        except Exception as error:
            if not _lies_in_an_entry(error):
                raise
            return [fact for entry in entries for fact in self._record(entry, records)]

    def _record(self, entry: OutboxEntry, records: Records, batch: Batch | None = None) -> list[Fact]:
        def set_aside_part(part: str, text: str, error: Exception) -> None:
            self._set_aside(f"{entry.position}/{part}", {**entry.fields, "calls": text}, error)

        try:
            if batch is not None and registry.is_audited(entry):
                return batch.take(entry)
            with transaction.atomic():
                return registry.record(entry, records, set_aside_part)
        except Exception as error:
            if not _lies_in_an_entry(error):
                raise
            self._set_aside(entry.position, entry.fields, error)
            return []

    def _set_aside(self, position: str, fields: dict[str, str], error: Exception) -> None:
        said = storable(f"{type(error).__name__}: {error}")
        logger.error("outbox entry %s set aside: %s", position, said)
        SetAsideEntry.objects.get_or_create(
            installation=self._installation,
            position=position,
            defaults={
                "fields": storable(json.dumps(fields, ensure_ascii=False)),
                "error": said,
            },
        )
        failpoints.reach("recorder.in_set_aside")


def _lies_in_an_entry(error: Exception) -> bool:
    return isinstance(error, NOT_TAKEN) or not isinstance(error, NOT_OF_THE_ENTRY)
