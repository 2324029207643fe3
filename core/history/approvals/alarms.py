"""What is not so: Redis holds other bytes than were asked, or the outbox tells what nothing confirms.

Each is an entry of the record, once; the health page and the live pages count those of the last day.
"""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from core.history.approvals.answers import deadlines
from core.history.audit.entries import Fact, Refusal, about
from core.history.database.prepared import Query
from core.models import ApprovalRecord, AuditEntry
from core.store.approvals import RequestRecord
from core.store.keys import ENDED_TTL_MS, is_of_another
from core.store.outbox import OutboxEntry
from core.values.malformed import with_visible_nul
from core.values.moments import at

logger = logging.getLogger(__name__)

ALTERED = "approval.altered"
DOUBTED = "approval.doubted"
UNCONFIRMED = "approval.unconfirmed"
TOLD_OTHERWISE = "approval.told_otherwise"
KINDS = (ALTERED, DOUBTED, UNCONFIRMED, TOLD_OTHERWISE)
COUNTED = timedelta(days=1)
MAX_WHY = 500
ASKED = "requested"

ALTERED_SINCE = (
    "Nothing was decided, and nobody can decide this: what the telemetry server holds is not what the agent asked. "
    "Somebody changed it there. That is recorded, and whoever runs the site should look who can write to that server."
)


class AlteredRequest(Refusal):
    """Redis does not hold what was asked, so nobody can decide it."""


def is_altered(record: RequestRecord, digest: str | None, deadline_at: datetime | None = None) -> bool:
    """Whether a request in Redis is not what was asked: by its own field, and by what SQL heard, None if nothing.

    One under the mark of another agent is asked in a name that is not the asker's.
    """
    if is_of_another(record.request_id, record.agent_id):
        return True
    if record.digest != record.stored_digest or digest not in (None, record.digest):
        return True
    if deadline_at is None or record.deadline_at <= deadline_at:
        return False
    return not deadlines.explains(record.request_id, record.deadline_at)


def altered(record: RequestRecord) -> Fact | None:
    """The alarm where a request in Redis is not what was asked, else None: one query."""
    digest, deadline_at = next(iter(_ASKED.rows(UUID(record.request_id))), (None, None))
    if not is_altered(record, digest, deadline_at):
        return None
    return fact_of_altered(
        record.request_id, record.agent_id, digest or record.stored_digest[:64], record.digest
    )


def refuse_altered(record: RequestRecord) -> None:
    """AlteredRequest where a request in Redis is not what was asked."""
    alarm = altered(record)
    if alarm is not None:
        raise AlteredRequest(ALTERED_SINCE, alarm)


_ASKED = Query(lambda pk: ApprovalRecord.objects.filter(pk=pk).values_list("digest", "deadline_at"), UUID)


def fact_of_altered(request_id: str, agent_id: str, asked: str, found: str) -> Fact:
    """That Redis holds something else than was asked, by their digests; told once for each that it held."""
    logger.critical("request %s in Redis is not what was asked", request_id)
    return Fact(
        event_id=f"altered:{request_id}:{found[:16]}",
        kind=ALTERED,
        at=timezone.now(),
        actor="",
        agent_id=agent_id,
        request_id=request_id,
        details={"asked": asked, "found": found},
    )


def was_asked(request_id: str, said: Mapping[str, str], deadline_at: datetime, now: datetime) -> bool:
    """Whether a request that Redis does not have may have been asked all the same: it keeps none for ever."""
    kept_until = deadline_at + timedelta(milliseconds=ENDED_TTL_MS)
    return kept_until <= now and not is_of_another(request_id, said["agent_id"])


def is_another(row: ApprovalRecord, said: Mapping[str, str]) -> bool:
    """Whether the outbox says that something else was asked than stands in a row."""
    told = (said["agent_id"], said["approval_type"], said["digest"])
    return bool(row.digest) and told != (row.agent_id, row.approval_type, row.digest)


def fact_of_unconfirmed(request_id: str, entry: OutboxEntry, agent_id: str) -> Fact:
    """That the outbox tells of an end which no intent, no signature and no end of the request itself confirms.

    Or that it was asked, collected, given back its end, or not believed, of which the request itself knows nothing.
    """
    said = {name: entry.fields.get(name, "") for name in ("status", "responder", "channel")}
    if entry.type != "ended":
        said["what"] = entry.type
    if entry.type == ASKED:
        said |= {name: entry.fields[name] for name in ("approval_type", "digest")}
    logger.critical(
        "request %s: nothing confirms that it is %s", request_id, said.get("what", said["status"])
    )
    claim = hashlib.sha256("\n".join(said.values()).encode(errors="surrogatepass")).hexdigest()
    return Fact(
        event_id=f"unconfirmed:{request_id}:{claim[:16]}",
        kind=UNCONFIRMED,
        at=timezone.now(),
        actor="",  # nobody knows whose claim it is
        agent_id=agent_id,
        request_id=request_id,
        details={**said, "reason": with_visible_nul(_why(entry))[:MAX_WHY]},
    )


def _why(entry: OutboxEntry) -> str:
    return entry.fields.get("reason") or entry.fields.get("why", "")


def fact_of_told_otherwise(row: ApprovalRecord, heard: str) -> Fact:
    """That whoever waited may have read another end, which stands where waiters look first."""
    logger.critical("request %s is %s, and its waiters were told %s", row.pk, row.status, heard)
    event_id = f"told_otherwise:{row.pk}"
    return about(row, event_id, TOLD_OTHERWISE, "", stands=row.status, told=heard[:MAX_WHY])


def fact_of_doubted(row: ApprovalRecord, entry: OutboxEntry) -> Fact:
    """That an agent heard a yes which is not signed as it must be, and did not believe it."""
    logger.critical("request %s: its agent did not believe a yes", row.pk)
    why, moment = entry.fields.get("why", "")[:MAX_WHY], at(entry.fields["doubted_ms"])
    return about(row, f"doubted:{row.pk}", DOUBTED, row.agent_id, moment, why=why, status=row.status)


def count_recent() -> int:
    """How many alarms there were within a day."""
    return AuditEntry.objects.filter(kind__in=KINDS, at__gte=timezone.now() - COUNTED).count()
