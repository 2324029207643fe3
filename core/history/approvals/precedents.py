"""How requests were answered before: what a rule would have done, and where people always say the same."""

import json
from dataclasses import dataclass, field
from datetime import datetime

from core.history.approvals.terms import Scope
from core.models import ApprovalRecord
from core.values.approvals import APPROVED, PENDING, REJECTED, SITE
from core.values.malformed import ODD

LOOKED_AT = 100
IN_A_ROW = 10
LATELY = 5


@dataclass(frozen=True)
class Precedents:
    """Of the newest ended requests of a kind, those that a scope covers, newest first.

    looked: how many had a text to look at. gone: how many had none any more.
    """

    looked: int = 0
    gone: int = 0
    covered: list[ApprovalRecord] = field(default_factory=list)

    def count(self, *statuses: str) -> int:
        """How many of those ended so."""
        return sum(record.status in statuses for record in self.covered)

    @property
    def others(self) -> int:
        """How many nobody answered."""
        return len(self.covered) - self.count(APPROVED, REJECTED)


def precedents_of(scope: Scope) -> Precedents:
    """What this would have answered among the newest hundred that ended: one query."""
    ended = ApprovalRecord.objects.filter(approval_type=scope.approval_type).exclude(status=PENDING)
    found = list(ended.order_by("-ended_at")[:LOOKED_AT])
    kept = [record for record in found if record.context]
    return Precedents(
        len(kept), len(found) - len(kept), [record for record in kept if _covers(scope, record)]
    )


def _covers(scope: Scope, record: ApprovalRecord) -> bool:
    try:
        context = json.loads(record.context)
    except ODD:
        return False
    return scope.covers(record.approval_type, record.agent_id, context, record.digest)


def same_answers(digest: str) -> str:
    """How people answered the last ten requests that said the very same, where it was the same each time; else ''."""
    ended = ApprovalRecord.objects.filter(digest=digest).exclude(status=PENDING).order_by("-ended_at")
    answers = list(ended.values_list("status", "channel")[:IN_A_ROW])
    same = len(answers) == IN_A_ROW and len(set(answers)) == 1 and answers[0][1] == SITE
    return answers[0][0] if same else ""


def approved_before(agent_id: str, kind: str, until: datetime | None, but: str) -> ApprovalRecord | None:
    """The last of this kind that was approved to an agent, and that before `until`; not the request `but`."""
    alike = ApprovalRecord.objects.filter(agent_id=agent_id, approval_type=kind, status=APPROVED)
    ended = alike.filter(ended_at__isnull=False) if until is None else alike.filter(ended_at__lt=until)
    return ended.exclude(pk=but).order_by("-ended_at").first()


def recent_ends(kind: str, but: str) -> list[ApprovalRecord]:
    """How the last few of this kind ended, whoever asked, newest first; without their texts, in one query."""
    ended = ApprovalRecord.objects.filter(approval_type=kind, ended_at__isnull=False).exclude(pk=but)
    return list(ended.defer("context").order_by("-ended_at")[:LATELY])
