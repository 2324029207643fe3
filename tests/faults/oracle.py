"""Says whether anything was lost, doubled or contradicted: from the agents' synced logs and the database alone."""

import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from core.models import (
    ApprovalRecord,
    ApprovalType,
    AuditEntry,
    Cursor,
    DecisionIntent,
    SetAsideEntry,
    Vote,
)
from core.store import approvals, outbox
from core.store.client import open_store
from tests.history.audit.chain import assert_chain_is_whole, of_requests
from tests.waiting import wait_until

ROUND_SECONDS = 90.0  # an attempt whose process died is settled once its limit is past, in rounds of a minute
HELD_SECONDS = 5.0  # promised is 1 s; this machine may be busy with other tests
KINDS = {"approved", "rejected", "timeout", "cancelled"}


def verdict(logs: list[Path], acknowledged: list[list[Any]], expect: dict[str, Any]) -> dict[str, Any]:
    """Counts, and `violations`: one sentence for each thing that must not be."""
    wait_until(settled, "everything is recorded and nothing is pending", expect["seconds"])
    with suppress(AssertionError):  # then it is a violation
        wait_until(lambda: not left_open(), "the next round of repairs has come", ROUND_SECONDS)
    heard = [json.loads(line) for log in logs if log.exists() for line in whole_lines(log)]
    rows = {str(row.pk): row for row in ApprovalRecord.objects.defer("context")}
    kinds: dict[str, Counter[str]] = {request_id: Counter() for request_id in rows}
    for request_id, kind in of_requests().values_list("request_id", "kind"):
        kinds.setdefault(str(request_id), Counter())[kind] += 1
    violations = [
        *in_the_chain(),
        *of_people(acknowledged, rows),
        *of_agents(heard, rows),
        *of_rows(rows, kinds),
        *of_votes(rows),
    ]
    aside = SetAsideEntry.objects.count()
    if aside != expect.get("set_aside", 0):
        violations.append(f"{aside} entries were set aside")
    repaired = AuditEntry.objects.filter(kind="record.repaired")
    return {
        "requests": len(rows),
        "acknowledged": len(acknowledged),
        "answers": len(heard),
        "yes": sum(said["approved"] for said in heard),
        "held": max((said["took"] - said["timeout"] for said in heard), default=0.0),
        "audit": of_requests().count(),
        "refused": AuditEntry.objects.filter(kind="decision.refused").count(),
        "repaired": repaired.count(),
        "repairs": [json.loads(text) for text in repaired.values_list("details", flat=True)[:100]],
        "outcomes": dict(Counter(row.status for row in rows.values())),
        "intents": dict(Counter(DecisionIntent.objects.values_list("outcome", flat=True))),
        "violations": violations,
    }


def whole_lines(log: Path) -> list[str]:
    """A process killed while it wrote leaves half a line, which it never told anybody."""
    return [line for line in log.read_text().splitlines() if line.endswith("}")]


def settled() -> bool:
    """Nothing is pending in SQL or in Redis, and nothing waits in the outbox."""
    store = open_store()
    cursor = Cursor.objects.filter(name="outbox").first()
    return (
        cursor is not None
        and outbox.current_installation(store) == cursor.installation
        and not approvals.pending_ids(store, 0, 1)
        and not outbox.unread(store, cursor.position, 1)
        and not ApprovalRecord.objects.filter(status="pending").exists()
    )


def left_open() -> list[DecisionIntent]:
    """Attempts whose limit is past and of which nobody has said what became of them."""
    read_until = Cursor.objects.get(name=Cursor.OUTBOX).updated_at
    return list(DecisionIntent.objects.filter(outcome="open", not_after__lt=read_until))


def in_the_chain() -> list[str]:
    try:
        assert_chain_is_whole()
    except AssertionError as error:
        return [f"the chain is broken: {error}"]
    return []


def of_people(acknowledged: list[list[Any]], rows: dict[str, ApprovalRecord]) -> list[str]:
    """Who read that a decision took effect finds it in the record, as theirs."""
    found = []
    for request_id, approved, person in acknowledged:
        row = rows.get(request_id)
        stands = (row.status, row.responder, row.channel) if row else None
        if stands != ("approved" if approved else "rejected", person, "site"):
            found.append(f"{person}'s acknowledged decision on {request_id} is lost: {stands}")
            continue
        intents = DecisionIntent.objects.filter(pk=row.decision_id, outcome="accepted", approved=approved)
        if not intents.filter(user__username=person).exists():
            found.append(f"{person}'s decision on {request_id} has no accepted intent")
    return found


def of_agents(heard: list[dict[str, Any]], rows: dict[str, ApprovalRecord]) -> list[str]:
    """A yes only with a stored decision of somebody who may; a no of a person only as it stands."""
    may = {
        user.username
        for user in User.objects.all()
        if user.is_active and user.has_perm("core.decide_approval")
    }
    found = []
    for said in heard:
        row = rows.get(said["request_id"])
        if said["took"] > said["timeout"] + HELD_SECONDS:
            found.append(f"an agent was held for {said['took']:.2f} s")
        if said["approved"]:
            good = row is not None and row.status == "approved" and row.channel == "site"
            if not good or row.responder not in may or row.responder != said["responder"]:
                found.append(f"an agent heard yes to {said['request_id']} without a decision")
            elif row.ended_at >= row.deadline_at:
                found.append(f"an agent heard yes to {said['request_id']} after its deadline")
        elif said["responder"] != "system" and (row is None or row.status != "rejected"):
            found.append(f"an agent heard a no to {said['request_id']} that nobody said")
        elif said["responder"] == "system" and row is not None and told_otherwise(row):
            found.append(f"{said['request_id']} counts as collected, and its agent heard: {said['reason']}")
    return found


def of_votes(rows: dict[str, ApprovalRecord]) -> list[str]:
    """What several had to approve, so many different people did, of these bytes; the record names them."""
    found = []
    for kind, approvers in ApprovalType.objects.filter(approvers__gt=1).values_list("name", "approvers"):
        for row in (row for row in rows.values() if (row.approval_type, row.status) == (kind, "approved")):
            votes = Vote.objects.filter(ballot_id=row.pk, digest=row.digest)
            people = set(votes.values_list("user__username", flat=True))
            last = AuditEntry.objects.filter(request_id=row.pk, kind="decision.voted", actor=row.responder)
            told = [set(json.loads(text)["votes"]) for text in last.values_list("details", flat=True)]
            if len(people) < approvers or people not in told:
                found.append(f"{row.pk} is approved by {people}, and the record says {told}")
    return found


def told_otherwise(row: ApprovalRecord) -> bool:
    """Whether the record claims that the agent holds a person's answer."""
    return row.collected_at is not None and row.status in ("approved", "rejected")


def of_rows(rows: dict[str, ApprovalRecord], kinds: dict[str, Counter[str]]) -> list[str]:
    """Each request asked once and ended once in the record, and every attempt settled."""
    found = []
    for request_id, row in rows.items():
        said = kinds[request_id]
        ends = {kind: count for kind, count in said.items() if kind.removeprefix("approval.") in KINDS}
        if ends != {f"approval.{row.status}": 1} or said["approval.requested"] != 1:
            found.append(f"{request_id} is {row.status}, and the record says {dict(said)}")
        if said["approval.collected"] != (row.collected_at is not None):
            found.append(f"{request_id}: its collection and the record differ: {dict(said)}")
        if said["record.contradicted"]:
            found.append(f"{request_id} ended twice")
    for intent in left_open():
        found.append(f"the attempt {intent.pk} is still open")
    for intent in DecisionIntent.objects.filter(outcome="accepted"):
        row = rows.get(str(intent.request_id))
        if row is None or row.decision_id != str(intent.pk):
            found.append(f"the accepted attempt {intent.pk} is not what stands")
    return found
