"""Whether the rows of requests say what the audit entries say of them: past the software a row can be changed."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef

from core.history.approvals.signing import forged
from core.history.audit.kinds import details_of
from core.history.database.locks import without_statement_limit
from core.models import ApprovalRecord, AuditEntry
from core.models.sealed import missing_key
from core.values.approvals import ENDS, OF_INTENTS, PENDING
from core.values.digests import edited_digest, request_digest
from core.values.malformed import ODD
from core.values.signature import Said, said_as

ROWS_AT_ONCE = 300  # each may have 256 KiB of context
TRIES = 3
ASKED = "approval.requested"
STATUS_OF_KIND = {f"approval.{status}": status for status in ENDS}
# What of a row an entry speaks of: no times, since PostgreSQL knows some that Python does not.
COMPARED = (
    *("agent_id", "approval_type", "context", "digest", "status", "responder", "reason", "channel"),
    *("decision_id", "signature", "answer", "edited_to"),
)
TOLD_OF_END = ("reason", "channel", "decision_id", "signature", "answer")


class Told(NamedTuple):
    """What one audit entry says of a request; `details` is its JSON text."""

    kind: str
    actor: str
    agent_id: str
    details: str


def differences(row: ApprovalRecord, told: Iterable[Told]) -> list[str]:
    """In words, what of this row is not what its entries say. What a damaged entry does not say is not asked for."""
    found: list[str] = []
    end: tuple[str, str, dict[str, Any]] | None = None
    asked, repaired = False, set()
    for entry in told:
        details = details_of(entry.details) or {}
        if entry.kind == ASKED:
            asked = True
            found += _asked_otherwise(row, entry, details)
        elif entry.kind in STATUS_OF_KIND:
            end = (STATUS_OF_KIND[entry.kind], entry.actor, details)
        elif entry.kind == "record.repaired":
            repaired.add(details.get("is"))
    if not asked and end is None:
        return ["the record knows nothing of it"]
    # A key that is lost is said elsewhere: nobody changed anything.
    if row.context and not missing_key(row.context) and _digest_of(row) != row.digest:
        found.append("its context, agent or kind is not what its digest was made of")
    return found + _ended_otherwise(row, end, repaired)


def _asked_otherwise(row: ApprovalRecord, entry: Told, details: dict[str, Any]) -> list[str]:
    return _others(
        digest=(row.digest, details.get("digest", row.digest)),
        agent=(row.agent_id, entry.agent_id),
        kind=(row.approval_type, details.get("approval_type", row.approval_type)),
    )


def _ended_otherwise(
    row: ApprovalRecord, end: tuple[str, str, dict[str, Any]] | None, repaired: set[Any]
) -> list[str]:
    status, actor, details = end or (PENDING, "", {})
    if row.status != status:
        return [] if row.status in repaired else [f"it is {row.status} there, and {status} in the record"]
    if end is None:
        return []
    said = {name: (getattr(row, name), details[name]) for name in TOLD_OF_END if name in details}
    if row.edited_to and not missing_key(row.edited_to):
        said["changed arguments"] = (_digest_of_edited(row), details.get("edited_digest"))
    return _others(responder=(row.responder, actor), **said) + _signed_otherwise(row, status, actor, details)


def _signed_otherwise(row: ApprovalRecord, status: str, actor: str, details: dict[str, Any]) -> list[str]:
    """Who can make every hash anew has no key: what a person said they cannot change."""
    names = ("digest", "answer", "edited_digest", "reason", "signature")
    digest, answer, edited, reason, written = (str(details.get(name, "")) for name in names)
    if not written or details.get("channel") not in OF_INTENTS:
        return []
    why = forged(Said(str(row.pk), digest, said_as(status, answer, edited), actor, reason), written)
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
        row = ApprovalRecord.objects.filter(pk=request_id).first()
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
        rows = ApprovalRecord.objects.order_by("pk").only(*COMPARED).iterator(ROWS_AT_ONCE)
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


def _told_of(ids: list[uuid.UUID]) -> dict[uuid.UUID, list[Told]]:
    found: dict[uuid.UUID, list[Told]] = defaultdict(list)
    # Not asked by kind: the database would go through the index of kinds, which leads to every entry.
    entries = AuditEntry.objects.filter(request_id__in=ids).order_by()
    rows = entries.values_list("sequence", "request_id", *Told._fields)
    for _, request_id, *said in sorted(rows, key=lambda row: f"{row[0]!s:>20}"):  # a damaged one is no number
        found[request_id].append(Told(*said))
    return found
