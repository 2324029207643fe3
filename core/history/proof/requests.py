"""Whether the rows of requests say what the audit entries say of them: past the software a row can be changed."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, QuerySet, TextField
from django.db.models.functions import Cast

from core.history.approvals.signing import forgery_reason
from core.history.audit.kinds import details_of
from core.history.database.locks import without_statement_limit
from core.models import ApprovalRecord, AuditEntry
from core.models.sealed import missing_key
from core.values.approvals import ENDS, OF_INTENTS, PENDING
from core.values.digests import edited_digest, request_digest
from core.values.malformed import ODD
from core.values.signature import SignaturePayload, signed_status

ROWS_AT_ONCE = 300  # each may have 256 KiB of context
TRIES = 3
ASKED, COLLECTED = "approval.requested", "approval.collected"
STATUS_OF_KIND = {f"approval.{status}": status for status in ENDS}
# What of a row an entry speaks of. Times are read as texts, since PostgreSQL knows some that Python does not.
COMPARED = (
    *("agent_id", "approval_type", "context", "digest", "status", "responder", "reason", "channel"),
    *("decision_id", "signature", "answer", "edited_to"),
)
TIMES = {f"{name}_text": Cast(name, TextField()) for name in ("requested_at", "ended_at", "collected_at")}
TOLD_OF_END = ("reason", "channel", "decision_id", "signature", "answer")


class AuditStatement(NamedTuple):
    """What one audit entry says of a request; `details` is its JSON text, `moment` the time as it stands there."""

    kind: str
    actor: str
    agent_id: str
    details: str
    moment: Any


def compared() -> "QuerySet[ApprovalRecord]":
    """Rows as `differences` compares them."""
    return ApprovalRecord.objects.annotate(**TIMES)


def differences(row: ApprovalRecord, told: Iterable[AuditStatement]) -> list[str]:
    """In words, what of this row is not what its entries say. What a damaged entry does not say is not asked for."""
    found: list[str] = []
    end: tuple[AuditStatement, dict[str, Any]] | None = None
    asked, collected, repaired = False, False, set()
    for entry in told:
        details = details_of(entry.details) or {}
        if entry.kind == ASKED:
            asked = True
            found += _asked_otherwise(row, entry, details)
        elif entry.kind in STATUS_OF_KIND:
            end = (entry, details)
        elif entry.kind == COLLECTED:
            collected = True
        elif entry.kind == "record.repaired":
            repaired.add(details.get("is"))
    if not asked and end is None:
        return ["the record knows nothing of it"]
    # A key that is lost is said elsewhere: nobody changed anything.
    if row.context and not missing_key(row.context) and _digest_of(row) != row.digest:
        found.append("its context, agent or kind is not what its digest was made of")
    if _time(row, "collected_at") and not collected:
        found.append("it was collected there, and not in the record")
    return found + _ended_otherwise(row, end, repaired)


def _asked_otherwise(row: ApprovalRecord, entry: AuditStatement, details: dict[str, Any]) -> list[str]:
    asked_at = _time(row, "requested_at")
    if asked_at == _time(row, "ended_at"):  # its end alone was told at first, and stands for both
        asked_at = entry.moment
    return _others(
        digest=(row.digest, details.get("digest", row.digest)),
        agent=(row.agent_id, entry.agent_id),
        kind=(row.approval_type, details.get("approval_type", row.approval_type)),
        **{"time of asking": (asked_at, entry.moment)},
    )


def _time(row: ApprovalRecord, name: str) -> Any:
    """As `compared` read it, or as the row has it where its entries have theirs so too."""
    text = f"{name}_text"
    return getattr(row, text if hasattr(row, text) else name)


def _ended_otherwise(
    row: ApprovalRecord, end: tuple[AuditStatement, dict[str, Any]] | None, repaired: set[Any]
) -> list[str]:
    status = STATUS_OF_KIND[end[0].kind] if end else PENDING
    if row.status != status:
        return [] if row.status in repaired else [f"it is {row.status} there, and {status} in the record"]
    if end is None:
        return []
    entry, details = end
    said = {name: (getattr(row, name), details[name]) for name in TOLD_OF_END if name in details}
    said |= {
        "time of the end": (_time(row, "ended_at"), entry.moment),
        "responder": (row.responder, entry.actor),
    }
    if row.edited_to and not missing_key(row.edited_to):
        said["changed arguments"] = (_digest_of_edited(row), details.get("edited_digest"))
    return _others(**said) + _signed_otherwise(row, status, entry.actor, details)


def _signed_otherwise(row: ApprovalRecord, status: str, actor: str, details: dict[str, Any]) -> list[str]:
    """Who can make every hash anew has no key: what a person said they cannot change."""
    names = ("digest", "answer", "edited_digest", "reason", "signature")
    digest, answer, edited, reason, written = (str(details.get(name, "")) for name in names)
    if not written or details.get("channel") not in OF_INTENTS:
        return []
    why = forgery_reason(
        SignaturePayload(str(row.pk), digest, signed_status(status, answer, edited), actor, reason), written
    )
    return [f"in the record {why}"] if why else []


def _others(**pairs: tuple[Any, Any]) -> list[str]:
    return [
        f"its {name} is not the one in the record" for name, (ours, told) in pairs.items() if ours != told
    ]


def _digest_of(row: ApprovalRecord) -> str:
    try:
        return request_digest(row.agent_id, row.approval_type, row.context.encode())
    except ODD:  # it is no text
        return ""


def _digest_of_edited(row: ApprovalRecord) -> str:
    try:
        return edited_digest(row.edited_to.encode())
    except ODD:
        return ""


def wrong_of(request_id: uuid.UUID) -> list[str]:
    """The differences of one request as it stands now."""
    found: list[str] = []
    for _ in range(TRIES):  # both may have been written between the two questions
        row = compared().filter(pk=request_id).first()
        if row is None:
            return []
        found = differences(row, _told_of([request_id])[request_id])
        if not found:
            break
    return found


def wrong_requests(unread: Counter[str]) -> Iterator[tuple[str, str]]:
    """Id and difference, in words, for every request whose row is not what the record says.

    unread: gets, by id of the key that is missing, how many texts could not be compared.
    """
    with without_statement_limit():
        rows = compared().order_by("pk").only(*COMPARED).iterator(ROWS_AT_ONCE)
        while piece := list(islice(rows, ROWS_AT_ONCE)):
            told = _told_of([row.pk for row in piece if isinstance(row.pk, uuid.UUID)])
            for row in piece:
                unread.update(filter(None, map(missing_key, (row.context, row.edited_to))))
                if not isinstance(row.pk, uuid.UUID):
                    yield str(row.pk), "its id is none"
                elif differences(row, told[row.pk]):
                    yield from ((str(row.pk), what) for what in wrong_of(row.pk))
        kept = ApprovalRecord.objects.filter(pk=OuterRef("request_id"))
        told_alone = AuditEntry.objects.filter(~Exists(kept), kind__in=[ASKED, *STATUS_OF_KIND]).order_by(
            "request_id"
        )
        for request_id in told_alone.values_list("request_id", flat=True).distinct().iterator():
            yield str(request_id), "the record tells of it, and its row is gone"


def _told_of(ids: list[uuid.UUID]) -> dict[uuid.UUID, list[AuditStatement]]:
    found: dict[uuid.UUID, list[AuditStatement]] = defaultdict(list)
    # Not asked by kind: the database would go through the index of kinds, which leads to every entry.
    entries = (
        AuditEntry.objects.filter(request_id__in=ids).order_by().annotate(moment=Cast("at", TextField()))
    )
    rows = entries.values_list("sequence", "request_id", *AuditStatement._fields)
    for _, request_id, *said in sorted(rows, key=lambda row: f"{row[0]!s:>20}"):  # a damaged one is no number
        found[request_id].append(AuditStatement(*said))
    return found
