"""How a held approval reaches Redis: the process that holds it releases it, and the recorder what is left of one.

Policy is asked again, the answer is signed, and its limit counts from then; the rest is the way of every decision.
"""

import heapq
import logging
import threading
import time
import uuid
from datetime import timedelta
from typing import Any

from django.db import Error, close_old_connections, transaction

from core import failpoints
from core.approvals.request import Decision
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreUnavailable
from core.history.approvals import alarms, quorum
from core.history.approvals.answers import edits, holds
from core.history.approvals.decisions import (
    INTENT_SECONDS,
    NotNoted,
    carry_out,
    exception,
    fresh_powers,
    sign_intent,
)
from core.history.approvals.policy import LACKING, REASON, Powers
from core.history.approvals.signing import CannotSign
from core.history.audit import entries
from core.models import DecisionIntent
from core.store.approvals import RequestRecord, read_request
from core.store.approvals.records import ReadResult
from core.store.client import Store, open_store
from core.values.approvals import EDITED, HELD, OPEN
from core.values.moments import at
from core.values.text import visible
from core.values.trouble import OnceAMinute

logger = logging.getLogger(__name__)

LEFT_ALONE = timedelta(seconds=2)  # then the process that held it is gone, and the recorder releases it
LATEST = timedelta(seconds=60)  # what nobody released by then takes no effect any more
SWEEP_SECONDS = 1.0
TOO_LATE = "Nobody could release it in time."
FORGOTTEN = "The telemetry server does not know the request any more."
NOT_ASKED = "The telemetry server does not hold what the agent asked."
MORE_PEOPLE = "More people must approve this now."
NOT_RELEASED = (Error, StoreUnavailable, DecisionUnconfirmed, MalformedRecord, NotNoted, CannotSign)


def release(store: Store, decision_id: uuid.UUID) -> Decision | None:
    """Bring a held approval to Redis; None where it is held no more, or may not be given any more (recorded).

    Raises what `decisions.decide` raises but NotAllowed and MalformedRecord: what cannot be read may not be given.
    Where it was not released, it stays held.
    """
    request_id = DecisionIntent.objects.filter(pk=decision_id, outcome=HELD).values_list("request_id").first()
    if request_id is None:
        return None
    read = read_request(store, str(request_id[0]))
    record = read.record if isinstance(read.record, RequestRecord) else None
    failpoints.reach("site.before_release")
    with transaction.atomic():
        intent = holds.locked(pk=decision_id)
        if intent is None:
            return None
        why, powers = _why_not(intent, read)
        if why or record is None:
            entries.append([holds.void(intent, why)])
        else:
            intent.outcome, intent.policy = OPEN, powers.version
            intent.not_after = min(read.now + timedelta(seconds=INTENT_SECONDS), record.deadline_at)
            sign_intent(intent, read.now)
            intent.save(update_fields=["outcome", "policy", "not_after", "signature"])
            verdict = powers.verdict(record)
            if verdict.why:  # once, also where that was so when it was given
                entries.append([exception(intent, verdict)])
    decision = None if why or record is None else carry_out(store, intent, record)
    holds.changed.send(holds.HeldDecision, request_id=str(intent.request_id))
    return decision


def _why_not(intent: DecisionIntent, read: ReadResult) -> tuple[str, Powers]:
    """Why a held approval takes no effect, '' where it may; and what its person may decide now."""
    record = read.record
    _user, powers = fresh_powers(intent.user)
    if intent.release_at is None or read.now > intent.release_at + LATEST:
        return TOO_LATE, powers
    if not isinstance(record, RequestRecord):
        return FORGOTTEN if record is None else NOT_ASKED, powers
    alarm = alarms.altered(record)
    if alarm is not None:
        entries.append([alarm])
        return NOT_ASKED, powers
    verdict = powers.verdict(record)
    brought = {*intent.brought.split(","), *([REASON] if visible(intent.reason) else [])}
    lacking = next((LACKING[need] for need in verdict.needs if need not in brought), "")
    why = lacking if verdict.allowed else verdict.why
    if not why and intent.answer == EDITED and not verdict.edits:
        why = edits.NOT_EDITED
    if not why and verdict.approvers > max(1, len(quorum.standing(record))):
        why = MORE_PEOPLE
    return why, powers


_said = OnceAMinute()


def _tried(store: Store, decision_id: uuid.UUID) -> None:
    """Release one, and log what came in between: then the recorder does it, or repair says what came of it."""
    try:
        release(store, decision_id)
    except NOT_RELEASED as error:
        if _said.may_say(decision_id):  # the recorder tries it each second
            logger.error("a held approval (%s) was not released: %s", decision_id, error)


class Releases:
    """Releases what this process holds, each at its time, in one thread that ends when nothing is left."""

    def __init__(self) -> None:
        self._due: list[tuple[float, uuid.UUID]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, decision_id: uuid.UUID, seconds: float) -> None:
        """Release it after so many seconds."""
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, decision_id))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="releasing", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while (decision_id := self._next()) is not None:
            try:
                _tried(open_store(), decision_id)
                close_old_connections()
            except Exception:  # the next one is released all the same
                logger.exception("a held approval (%s) was not released", decision_id)

    def _next(self) -> uuid.UUID | None:
        """The one whose time has come, once it has; None where nothing is left."""
        with self._changed:
            while self._due:
                left = self._due[0][0] - time.monotonic()
                if left <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(left)
            self._thread = None
            return None


_releases = Releases()


def soon(*, decision_id: uuid.UUID, seconds: float, **_signal: Any) -> None:
    """Release what this process has begun to hold when its time has come."""
    _releases.add(decision_id, seconds)


class AbandonedHolds:
    """What the recorder releases: approvals that a process held which is gone."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next = 0.0

    def sweep(self) -> None:
        """Release those that are left, where it is time to look: one query where none is held."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SWEEP_SECONDS
        try:
            found = list(DecisionIntent.objects.filter(outcome=HELD).values_list("pk", "release_at"))
            if not found:
                return
            now = at(self._store.time_ms())
            for decision_id, release_at in found:
                if release_at is None or now >= release_at + LEFT_ALONE:
                    _tried(self._store, decision_id)
        except (Error, StoreUnavailable) as error:
            if _said.may_say(type(error)):
                logger.error("held approvals are not looked at, tried again: %s", error)
