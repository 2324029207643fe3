"""What pages and fragments print of requests: plain values, shaped here and nowhere else."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from core.agents.heartbeat import LOST_SECONDS, AgentState
from core.history.approvals import precedents, signing
from core.history.approvals.alarms import UNCONFIRMED, is_altered
from core.history.approvals.answerable import reach_of
from core.history.approvals.answers.handing import HANDED
from core.history.approvals.answers.holds import Holding, holding_of, holdings
from core.history.approvals.answers.request_standings import HandOverSummary
from core.history.approvals.comments import COMMENTED, Comment, comments_of
from core.history.approvals.quorum import votes_of
from core.history.audit.kinds import read_details
from core.history.callbacks.deliveries import callback_of
from core.history.notices.delivery_status import notices_of
from core.history.proof.requests import AuditStatement, differences, wrong_of
from core.models import ApprovalRecord, AuditEntry
from core.models.sealed import key_lost
from core.store.approvals import RequestRecord
from core.values.approvals import CHANGES, DIRECT, OF_INTENTS, PENDING
from core.values.secrets import Masked, masked_json
from dashboard import words
from dashboard.access import Approval
from dashboard.approvals import known_names as names
from dashboard.approvals import words as answers
from dashboard.approvals.detail import since as detail
from dashboard.approvals.detail.agent_summary import AgentSummary
from dashboard.approvals.detail.callback import CallbackLine, line_of
from dashboard.approvals.detail.since import ComparedRequest
from dashboard.display.context import whole_tree
from dashboard.display.warnings import warnings_of
from dashboard.notices.lines import NoticeLine

PAGE_CHARACTERS = 1_500_000  # of HTML
SHOWN_ENDED = 10
VOTED = "decision.voted"
TOOL = "tool."  # how the kinds begin of what a tool did
CLAIMS = (TOOL, "outcome.")  # and of all that an agent tells of what it was approved


class Asker(NamedTuple):
    """What is known of the agent that asked: alive, late, lost or finished, and its last beat by Redis's clock."""

    liveness: str
    last_beat: datetime

    @classmethod
    def of(cls, state: AgentState, now: datetime) -> "Asker":
        """As it stands at `now`."""
        return cls(state.liveness(now), state.heartbeat.last_beat)


def waits_in_call(listened_at: datetime | None, now: datetime) -> bool:
    """Whether a call over HTTP waits, or is between two looks, as far as is known."""
    return listened_at is not None and (now - listened_at).total_seconds() < LOST_SECONDS


def why_gone(
    asker: Asker | None,
    requested_at: datetime,
    listened_at: datetime | None = None,
    now: datetime | None = None,
) -> str:
    """Why nobody waits for an answer; '' where somebody may, as when it did not beat at the time of asking.

    listened_at: when a call over HTTP last waited for it, which tells more than beats of its agent.
    """
    if listened_at is not None and now is not None:
        return "" if waits_in_call(listened_at, now) else answers.call_left(listened_at)
    if asker is None:
        return ""
    lost = asker.liveness == "lost" and (requested_at - asker.last_beat).total_seconds() < LOST_SECONDS
    finished = asker.liveness == "finished" and requested_at < asker.last_beat
    return words.asker_gone(asker.last_beat, finished=finished) if lost or finished else ""


class Card(NamedTuple):
    """One request to answer, whose digest is computed from the very bytes that the page shows.

    gone: why nobody waits for the answer. votes: who approved so far, where several must. held: whose approval is.
    """

    asked: RequestRecord
    gone: str
    votes: tuple[str, ...]
    held: Holding | None
    now: datetime


@dataclass(frozen=True)
class EndedRequest:
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

    @property
    def took(self) -> timedelta:
        """From the question to its end; none where somebody damaged a time."""
        try:
            return max(timedelta(), self.ended_at - self.requested_at)
        except TypeError:
            return timedelta()

    @property
    def drawn(self) -> "EndedParts":
        """Its line but for the time, in HTML."""
        return _drawn(self)

    @classmethod
    def of(
        cls, record: RequestRecord | ApprovalRecord, *, recorded: bool, collected: bool = False
    ) -> "EndedRequest":
        """From Redis, or from SQL, which both tell the same. collected: the agent has it, whatever this one knows."""
        return cls(
            str(record.request_id),
            record.approval_type,
            record.agent_id,
            record.status,
            answers.ANSWERED.get(record.answer) or words.STATUSES.get(record.status, record.status),
            record.responder,
            record.reason.removeprefix(f"{record.status}: "),
            record.ended_at or record.requested_at,
            record.requested_at,
            _is_verified(record),
            collected or record.collected_at is not None,
            recorded,
        )


class EndedParts(NamedTuple):
    """The parts of a line of what ended: what it was, how it ended, and why."""

    what: SafeString
    how: SafeString
    why: SafeString


@lru_cache(maxsize=4 * SHOWN_ENDED)
def _drawn(end: EndedRequest) -> EndedParts:
    """Drawn once for as long as it says the same: a change of one line is told with those that stand beside it."""
    parts = ("_ended_what", "_how", "_ended_why")
    return EndedParts(*(render_to_string(f"dashboard/approvals/{part}.html", {"end": end}) for part in parts))


def _is_verified(record: RequestRecord | ApprovalRecord) -> bool:
    """Whether it is known who answered: SQL has the intent; what Redis says is believed where the site signed it."""
    if record.channel not in OF_INTENTS or isinstance(record, ApprovalRecord):
        return record.channel != DIRECT
    return signing.is_proven(record)


@dataclass(frozen=True)
class HistoryStep:
    """One entry of a request's history, in words."""

    sequence: int
    at: datetime
    what: str
    who: str
    why: str
    kind: str = ""
    decision_id: str = ""  # of an attempt to answer

    @classmethod
    def of(cls, entry: AuditEntry) -> "HistoryStep":
        """The audit entry for a reader."""
        details = read_details(entry.details)
        why = details.get("why") or details.get("reason") or ""
        tried = answers.TRIED[bool(details.get("approved"))]
        if entry.kind == "decision.refused" and "outcome" in details:
            why = tried + words.OUTCOMES.get(details["outcome"], str(details["outcome"]))
        if entry.kind == "decision.uncertain":
            why = tried + answers.UNCERTAIN
        if entry.kind.startswith(TOOL):
            why = answers.TOOL.format(name=details.get("name") or "?", at=details.get("told_at") or "?")
        if entry.kind == "record.repaired":
            was, now = details.get("was", "?"), details.get("is", "?")
            why = answers.REPAIRED.format(what=details.get("what", why), was=was, now=now)
        if entry.kind == UNCONFIRMED:
            status, by = details.get("status", "?"), details.get("responder", "?")
            end = answers.CLAIMED.format(status=words.STATUSES.get(status, status), by=by)
            why = answers.CLAIMED_OF_END.get(details.get("what", ""), end)
        if entry.kind == HANDED:
            why = answers.GIVEN.format(name=details.get("name", "?"))
        what = answers.ANSWERED.get(details.get("answer", "")) or words.STEPS.get(entry.kind, entry.kind)
        if details.get("channel") == DIRECT:
            what += answers.UNVERIFIED
        decision_id = str(details.get("decision_id", ""))
        return cls(entry.sequence, entry.at, what, entry.actor, why, entry.kind, decision_id)


@dataclass(frozen=True)
class ApprovalPage:
    """One request with its whole history."""

    request_id: str
    card: Card | None
    ended: EndedRequest | None
    kind: str
    agent_id: str
    context: SafeString | str
    pruned_at: datetime | None  # when retention removed the context
    digest: str
    requested_at: datetime
    deadline_at: datetime
    history: list[HistoryStep]
    now: datetime
    altered: list[str]  # what of its row is not what the record says
    wrong: str = ""  # that Redis does not hold what was asked
    waits: bool = False
    nobody: str = ""  # that nobody can approve it, as people and grants are now
    always: str = ""  # how people always answer this
    may_stick: bool = False  # a denial can stand on
    hidden: int = 0  # values that look like secrets
    warnings: tuple[str, ...] = ()
    since: ComparedRequest | None = None  # what was approved before it
    joined: AgentSummary | None = None  # the agent, while it waits
    lately: Sequence[EndedRequest] = ()  # others of its kind
    comments: Sequence[Comment] = ()
    edited: SafeString | str = ""  # what was approved in the place of what was asked
    revises: str = ""  # the request that was answered by asking back
    revised_by: tuple[str, ...] = ()  # those that were asked then

    handed: HandOverSummary | None = None  # to whom it was handed over last
    told: Sequence[NoticeLine] = ()  # the notices of it, newest first
    callback: CallbackLine | None = None  # telling its agent how it ended

    @property
    def uncertain(self) -> list[HistoryStep]:
        """Answers that may have taken effect, whatever the record says of the request."""
        return [step for step in self.history if step.kind == "decision.uncertain"]

    @property
    def claims(self) -> list[HistoryStep]:
        """What the agent tells of what it was approved: what its tool did, and what came of it."""
        return [step for step in self.history if step.kind.startswith(CLAIMS)]

    @property
    def voided(self) -> list[HistoryStep]:
        """Approvals that were held, and did not count."""
        return [step for step in self.history if step.kind == "decision.voided"]


def recently_ended() -> list[EndedRequest]:
    """The newest ends that SQL has recorded. Whoever may ask SQL for them also learns the names that it knows."""
    names.refresh()
    ended = ApprovalRecord.objects.defer("context").exclude(status=PENDING)
    return [
        EndedRequest.of(record, recorded=True) for record in ended.order_by("-ended_at", "-pk")[:SHOWN_ENDED]
    ]


Votes = dict[str, tuple[str, ...]]  # of requests: who approved so far, first to last


class EndsAndVotes(NamedTuple):
    """What SQL knows that live pages show: the newest ends, and votes by request."""

    ended: list[EndedRequest]
    votes: Votes


def known_of(waiting: list[str]) -> EndsAndVotes:
    """The newest ends, and who approved so far of these requests: two queries, one where nothing waits."""
    return EndsAndVotes(recently_ended(), votes_of(waiting) if waiting else {})


def approval_page(request_id: str, approval: Approval) -> ApprovalPage:
    """One request with its history."""
    names.refresh()
    live, kept, now = approval.live, approval.kept, approval.now
    wrong = live is not None and is_altered(live, *((kept.digest, kept.deadline_at) if kept else (None,)))
    # What SQL has is what was asked, and how it ended. Redis may have been written to since.
    known: Any = kept if kept is not None and (wrong or kept.status != PENDING) else live or kept
    pending = live is not None and live.status == PENDING and live.deadline_at > now
    entries = list(AuditEntry.objects.filter(request_id=request_id).order_by("sequence"))
    said = masked_json(text_of(known))
    votes = _votes(request_id, entries) if pending else ()
    held = _holding(request_id, kept) if pending else None
    text = detail.text_of(said, text_of(known), _before(known, request_id), PAGE_CHARACTERS)
    return ApprovalPage(
        request_id=request_id,
        card=_card(approval, live, votes, held) if live is not None and pending and not wrong else None,
        ended=_ended(known, live, kept),
        kind=known.approval_type,
        agent_id=known.agent_id,
        context=text.html,
        pruned_at=None if said.text or kept is None else kept.body_pruned_at,
        digest=known.digest,
        requested_at=known.requested_at,
        deadline_at=known.deadline_at,
        history=[HistoryStep.of(entry) for entry in entries],
        now=now,
        altered=_altered(kept, entries),
        wrong=words.ALTERED if wrong else "",
        waits=pending,
        hidden=said.hidden,
        warnings=_warnings(known.agent_id, known.approval_type, said),
        since=text.since,
        **_beside(known, request_id, approval, entries, asks=pending),
        **_answered(known),
        **_by_rule(known.digest),
    )


def _ended(known: Any, live: RequestRecord | None, kept: ApprovalRecord | None) -> EndedRequest | None:
    if known.status == PENDING:
        return None
    recorded = kept is not None and kept.status != PENDING
    return EndedRequest.of(
        known, recorded=recorded, collected=live is not None and live.collected_at is not None
    )


def _nobody(asks: Approval) -> str:
    reach = None if asks.live is None else reach_of(asks.live, asks.rights)
    return answers.nobody(reach.may, reach.must) if reach is not None and reach.nobody else ""


def _card(approval: Approval, live: RequestRecord, votes: tuple[str, ...], held: Holding | None) -> Card:
    asker = None if approval.asker is None else Asker.of(approval.asker, approval.now)
    gone = why_gone(asker, live.requested_at, approval.listened_at, approval.now)
    return Card(live, words.card_of_gone(gone), votes, held, approval.now)


def _by_rule(digest: str) -> dict[str, Any]:
    """How people always answer this, and whether a denial can stand on; nothing where there are no rules."""
    if not settings.TELEMETRY_RULES:
        return {}
    return {"always": words.ALWAYS.get(precedents.same_answers(digest), ""), "may_stick": True}


def _votes(request_id: str, entries: list[AuditEntry]) -> tuple[str, ...]:
    voted = any(entry.kind == VOTED for entry in entries)  # vote and entry are one transaction
    return votes_of([request_id]).get(request_id, ()) if voted else ()


def _before(known: Any, request_id: str) -> ApprovalRecord | None:
    ended_at = known.ended_at if isinstance(known.ended_at, datetime) else None
    return precedents.approved_before(known.agent_id, known.approval_type, ended_at, request_id)


def _beside(
    known: Any, request_id: str, approval: Approval, entries: list[AuditEntry], *, asks: bool
) -> dict[str, Any]:
    """What stands beside a request; `asks`: somebody waits for the answer."""
    glance = approval.glance if asks else None
    calls = waits_in_call(approval.listened_at, approval.now)
    joined = None if glance is None else AgentSummary.of(glance, known.agent_id, approval.now, calls=calls)
    lately = precedents.recent_ends(known.approval_type, request_id)
    commented = any(entry.kind == COMMENTED for entry in entries)  # both are one transaction
    return {
        "joined": joined,
        "lately": [EndedRequest.of(record, recorded=True) for record in lately],
        "comments": comments_of(request_id) if commented else (),
        "handed": _handed(entries) if asks else None,
        "told": [NoticeLine.of(notice) for notice in notices_of(approval.kept)],
        "callback": line_of(callback_of(approval.kept)),
        "nobody": _nobody(approval) if asks else "",
    }


def _handed(entries: list[AuditEntry]) -> HandOverSummary | None:
    """To whom it was handed over last: entry and row are one transaction."""
    last = next((entry for entry in reversed(entries) if entry.kind == HANDED), None)
    return HandOverSummary(str(read_details(last.details).get("name", "?")), last.actor) if last else None


def _holding(request_id: str, kept: ApprovalRecord | None) -> Holding | None:
    """Whose approval is held; what SQL does not have yet takes a question of its own."""
    return holding_of(kept) if kept else holdings([request_id]).get(request_id)


def _answered(known: RequestRecord | ApprovalRecord) -> dict[str, Any]:
    """What a page says of answers beside yes and no."""
    return {"edited": _edited(known), "revises": _revises(known), "revised_by": _revised_by(known)}


def _revises(known: RequestRecord | ApprovalRecord) -> str:
    """The request that it says it was asked again for, where people asked back there and the same agent had asked."""
    if not known.revises:
        return ""
    asked = ApprovalRecord.objects.filter(pk=known.revises, agent_id=known.agent_id, answer=CHANGES)
    return str(known.revises) if asked.exists() else ""


def _edited(known: RequestRecord | ApprovalRecord) -> SafeString | str:
    text = known.edited_to if isinstance(known, ApprovalRecord) else known.edited.decode(errors="replace")
    return whole_tree(masked_json(key_lost(text) or text).text, PAGE_CHARACTERS) if text else ""


def _revised_by(known: RequestRecord | ApprovalRecord) -> tuple[str, ...]:
    """The requests that were asked because people asked back on this one, oldest first."""
    if known.answer != CHANGES:
        return ()
    id_ = str(known.request_id)
    asked = ApprovalRecord.objects.filter(revises=id_, agent_id=known.agent_id).order_by("requested_at")
    return tuple(str(pk) for pk in asked.values_list("pk", flat=True)[:SHOWN_ENDED])


def _warnings(agent_id: str, kind: str, said: Masked) -> tuple[str, ...]:
    warned = warnings_of(kind, agent_id, said.text, hidden=said.hidden)
    return (*names.lookalikes(agent_id, kind, said.text), *warned)


def revealed(request_id: str, approval: Approval) -> dict[str, Any]:
    """What the page of a request without masks prints: its text with the secrets in it."""
    known = approval.known
    text = text_of(known)
    context = whole_tree(text, PAGE_CHARACTERS) if text else ""
    return {
        "request_id": request_id,
        "kind": known.approval_type,
        "agent_id": known.agent_id,
        "context": context,
    }


def text_of(known: Any) -> str:
    """The context of a request as its agent wrote it, from Redis or SQL; '' where it is not kept."""
    text = known.context.decode() if isinstance(known.context, bytes) else known.context or ""
    return key_lost(text) or text


def _altered(kept: ApprovalRecord | None, entries: list[AuditEntry]) -> list[str]:
    told = [
        AuditStatement(*(getattr(entry, name) for name in (*AuditStatement._fields[:-1], "at")))
        for entry in entries
    ]
    # Read one after another, they may differ because the recorder wrote both in between: then asked again.
    return wrong_of(kept.pk) if kept is not None and differences(kept, told) else []
