"""What pages and fragments print: plain values, shaped here and nowhere else."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString

from core.agents import fleet
from core.agents.heartbeat import AgentState
from core.history.audit.kinds import read_details
from core.history.proof.requests import Told, differences, wrong_of
from core.models import ApprovalRecord, AuditEntry
from core.store.approvals import RequestRecord, WaitingRequest, read_pending, read_queue
from core.store.client import open_store
from core.values.approvals import DIRECT, PENDING
from dashboard import words
from dashboard.access import Approval
from dashboard.display.text import plain, visible, visible_json, visible_whole

SHOWN_REQUESTS = 50
LISTED_REQUESTS = 100
CARD_CHARACTERS = 16_000  # of HTML; with fifty cards a page stays below a megabyte
PAGE_CHARACTERS = 1_500_000
BEGINNING = 1_000
SHOWN_AGENTS = 200
SHOWN_ENDED = 10
FINISHED_SECONDS = 600
FORGOTTEN_SECONDS = 3600

_RANKS = {"lost": 0, "late": 1, "alive": 2, "finished": 3}


@dataclass(frozen=True)
class AgentRow:
    """One agent on the live page."""

    agent_id: str
    name: str
    liveness: str
    status: str
    percent: int
    task: str
    last_beat: datetime
    conflict: bool
    rank: int
    dom_id: str

    @classmethod
    def of(cls, state: AgentState, now: datetime) -> "AgentRow":
        """The row as it stands at `now`, by Redis's clock."""
        beat, liveness = state.heartbeat, state.liveness(now)
        forgotten = liveness == "lost" and (now - beat.last_beat).total_seconds() > FORGOTTEN_SECONDS
        return cls(
            agent_id=beat.agent_id,
            name=beat.display_name or beat.agent_id,
            liveness=liveness,
            status=beat.status,
            percent=int(beat.progress * 100),
            task=beat.current_task,
            last_beat=beat.last_beat,
            conflict=bool(state.rival) and liveness != "finished",
            rank=4 if forgotten else _RANKS[liveness],
            dom_id="agent-" + hashlib.sha256(beat.agent_id.encode()).hexdigest()[:16],
        )


@dataclass(frozen=True)
class Agents:
    """The agents region: those who need a look first, then by name."""

    rows: list[AgentRow]
    counts: dict[str, int]
    hidden: int

    @classmethod
    def of(cls, states: list[AgentState], now: datetime) -> "Agents":
        """The agents of the last day as they stand at `now`."""
        return cls.of_rows([AgentRow.of(state, now) for state in states], now)

    @classmethod
    def of_rows(cls, rows: Iterable[AgentRow], now: datetime) -> "Agents":
        """In order; what finished more than ten minutes ago is left out."""
        recent = [
            row
            for row in rows
            if row.liveness != "finished" or (now - row.last_beat).total_seconds() < FINISHED_SECONDS
        ]
        recent.sort(key=lambda row: (row.rank, row.name.casefold(), row.agent_id))
        found = [row.liveness for row in recent]
        counts = {liveness: found.count(liveness) for liveness in ("alive", "late", "lost", "finished")}
        return cls(recent[:SHOWN_AGENTS], counts, max(0, len(recent) - SHOWN_AGENTS))


@dataclass(frozen=True)
class Card:
    """One request to answer: exactly what was asked, and the digest of what is shown."""

    request_id: str
    kind: str
    agent_id: str
    context: SafeString | str
    size: int
    digest: str
    requested_at: datetime
    deadline_at: datetime
    whole: bool = (
        True  # else the context is too large for a card: it is read, and answered, on the request's page
    )

    @classmethod
    def of(cls, record: RequestRecord, most: int = 0) -> "Card":
        """The card; its digest is computed from the very bytes that it shows."""
        text, most = record.context.decode(), most or CARD_CHARACTERS
        context = visible_json(text) if len(text) <= most else visible("")
        whole = len(text) <= most and len(context) <= most
        return cls(
            record.request_id,
            record.approval_type,
            record.agent_id,
            context if whole else plain(text[:BEGINNING]),
            len(record.context),
            record.digest,
            record.requested_at,
            record.deadline_at,
            whole,
        )


@dataclass(frozen=True)
class Ended:
    """One request that ended: how, by whom, and how far word of it has come."""

    request_id: str
    kind: str
    agent_id: str
    status: str
    word: str
    responder: str
    reason: str
    ended_at: datetime
    requested_at: datetime
    verified: bool
    collected: bool
    recorded: bool

    @classmethod
    def of(cls, record: RequestRecord | ApprovalRecord, *, recorded: bool) -> "Ended":
        """From Redis, or from SQL, which both tell the same."""
        return cls(
            str(record.request_id),
            record.approval_type,
            record.agent_id,
            record.status,
            words.STATUSES.get(record.status, record.status),
            record.responder,
            record.reason.removeprefix(f"{record.status}: "),
            record.ended_at or record.requested_at,
            record.requested_at,
            record.channel != DIRECT,
            record.collected_at is not None,
            recorded,
        )


@dataclass(frozen=True)
class LivePage:
    """Everything on the live page."""

    agents: Agents
    cards: list[Card]
    waiting: int
    unreadable: int
    ended: list[Ended]
    now: datetime
    behind: bool = False  # the recorder lags
    known: bool = True  # False while Redis is away: empty lists then say nothing

    @property
    def hidden(self) -> int:
        """Requests that wait behind the last card shown."""
        return self.waiting - len(self.cards)


@dataclass(frozen=True)
class Step:
    """One entry of a request's history, in words."""

    sequence: int
    at: datetime
    what: str
    who: str
    why: str
    kind: str = ""

    @classmethod
    def of(cls, entry: AuditEntry) -> "Step":
        """The audit entry for a reader."""
        details = read_details(entry.details)
        why = details.get("why") or details.get("reason") or ""
        if entry.kind == "decision.refused" and "outcome" in details:
            why = words.refused_attempt(details["outcome"], approved=bool(details.get("approved")))
        if entry.kind == "decision.uncertain":
            why = words.uncertain_attempt(approved=bool(details.get("approved")))
        if entry.kind == "record.repaired":
            why = words.repaired(details.get("what", why), details.get("was", "?"), details.get("is", "?"))
        what = words.STEPS.get(entry.kind, entry.kind)
        if details.get("channel") == DIRECT:
            what += words.UNVERIFIED
        return cls(entry.sequence, entry.at, what, entry.actor, why, entry.kind)


@dataclass(frozen=True)
class ApprovalPage:
    """One request with its whole history."""

    request_id: str
    card: Card | None
    ended: Ended | None
    kind: str
    agent_id: str
    context: SafeString | str
    pruned_at: datetime | None  # when retention removed the context
    digest: str
    requested_at: datetime
    deadline_at: datetime
    history: list[Step]
    now: datetime
    altered: list[str]  # what of its row is not what the record says

    @property
    def uncertain(self) -> list[Step]:
        """Answers that may have taken effect, whatever the record says of the request."""
        return [step for step in self.history if step.kind == "decision.uncertain"]


def live_page() -> LivePage:
    """Read the live page: Redis in four round trips, SQL in one query. StoreUnavailable when Redis is away."""
    store = open_store()
    now, states = fleet.look(store, None)
    pending = read_pending(store)
    return LivePage(
        agents=Agents.of(states, now),
        cards=[Card.of(record) for record in sorted(pending.records, key=urgency)[:SHOWN_REQUESTS]],
        waiting=len(pending.records),
        unreadable=len(pending.unreadable),
        ended=recently_ended(),
        now=now,
    )


def urgency(request: RequestRecord) -> tuple[datetime, str]:
    """What is to be answered first stands first."""
    return request.deadline_at, request.request_id


@dataclass(frozen=True)
class WaitingPage:
    """A part of all that wait, by deadline."""

    requests: list[WaitingRequest]
    waiting: int
    number: int
    now: datetime

    @property
    def parts(self) -> int:
        """How many such parts there are."""
        return max(1, -(-self.waiting // LISTED_REQUESTS))


def waiting_page(number: str) -> WaitingPage:
    """The part of that number, the first where it is none: two round trips, however many wait."""
    part = int(number) if number.isdecimal() and len(number) < 7 and int(number) > 0 else 1
    now, waiting, requests = read_queue(open_store(), (part - 1) * LISTED_REQUESTS, LISTED_REQUESTS)
    return WaitingPage(requests, waiting, part, now)


def nothing_known() -> LivePage:
    """The live page while Redis is away."""
    return LivePage(Agents.of([], timezone.now()), [], 0, 0, recently_ended(), timezone.now(), known=False)


def recently_ended() -> list[Ended]:
    """The newest ends that SQL has recorded."""
    newest = ApprovalRecord.objects.exclude(status=PENDING).order_by("-ended_at", "-pk")[:SHOWN_ENDED]
    return [Ended.of(record, recorded=True) for record in newest]


def approval_page(request_id: str, approval: Approval) -> ApprovalPage:
    """One request with its history."""
    live, kept, now = approval.live, approval.kept, approval.now
    known: Any = live or kept
    pending = live is not None and live.status == PENDING and live.deadline_at > now
    recorded = kept is not None and kept.status != PENDING
    entries = list(AuditEntry.objects.filter(request_id=request_id).order_by("sequence"))
    text = known.context.decode() if isinstance(known.context, bytes) else known.context
    return ApprovalPage(
        request_id=request_id,
        card=Card.of(live, PAGE_CHARACTERS) if live is not None and pending else None,
        ended=None if known.status == PENDING else Ended.of(known, recorded=recorded),
        kind=known.approval_type,
        agent_id=known.agent_id,
        context=visible_whole(text, PAGE_CHARACTERS) if text else "",
        pruned_at=None if text or kept is None else kept.body_pruned_at,
        digest=known.digest,
        requested_at=known.requested_at,
        deadline_at=known.deadline_at,
        history=[Step.of(entry) for entry in entries],
        now=now,
        altered=_altered(kept, entries),
    )


def _altered(kept: ApprovalRecord | None, entries: list[AuditEntry]) -> list[str]:
    told = [Told(entry.kind, entry.actor, entry.agent_id, entry.details) for entry in entries]
    # Read one after another, they may differ because the recorder wrote both in between: then asked again.
    return wrong_of(kept.pk) if kept is not None and differences(kept, told) else []
