"""The only maker of htmx fragments: the wire format of live updates lives here."""

import json
from datetime import datetime

from django.template.loader import render_to_string

from dashboard.access import Audience
from dashboard.approvals.page import AgentRow, Agents, ApprovalPage, Card, Ended, LivePage


def _partial(target: str, swap: str, html: str) -> str:
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def _render(template: str, context: dict[str, object]) -> str:
    return render_to_string(f"dashboard/{template}.html", context)


def live_region(page: LivePage, audience: Audience) -> str:
    """The whole live page below its head, as one morph."""
    return _partial("live", "outerMorph", _render("live/_region", {"page": page, "audience": audience}))


def approval_region(page: ApprovalPage, audience: Audience) -> str:
    """The whole approval page below its head, as one morph."""
    return _partial(
        "approval", "outerMorph", _render("approvals/_approval", {"page": page, "audience": audience})
    )


def agents_region(agents: Agents, now: datetime) -> str:
    """All agents, when somebody came, went or changed place."""
    return _partial("agents", "outerMorph", _render("agents/_list", {"agents": agents, "now": now}))


def agent_row(row: AgentRow, now: datetime) -> str:
    """One agent, when only its own line changed."""
    return _partial(row.dom_id, "outerMorph", _render("agents/_row", {"row": row, "now": now}))


def new_card(card: Card, now: datetime, audience: Audience, before: str = "") -> str:
    """A new request: before the card of another one, or at the end of the queue."""
    html = _render("approvals/_card", {"card": card, "now": now, "audience": audience})
    return (
        _partial(f"request-{before}", "beforebegin", html) if before else _partial("cards", "beforeend", html)
    )


def ended_card(ended: Ended, now: datetime) -> str:
    """What stands in a card's place when its request has ended: nothing else moves."""
    return _partial(
        f"request-{ended.request_id}",
        "outerMorph",
        _render("approvals/_card_ended", {"ended": ended, "now": now}),
    )


def queue_head(waiting: int, hidden: int, unreadable: int, *, behind: bool) -> str:
    """How many wait, and what is not as it should be."""
    context: dict[str, object] = {
        "waiting": waiting,
        "hidden": hidden,
        "unreadable": unreadable,
        "behind": behind,
    }
    return _partial("queue-head", "outerMorph", _render("approvals/_queue_head", context))


def ended_list(ended: list[Ended], now: datetime) -> str:
    """The requests that ended last."""
    return _partial("ended", "outerMorph", _render("approvals/_ended", {"ended": ended, "now": now}))


def problem(sentence: str) -> str:
    """What is wrong, in a sentence; an empty one takes it away."""
    return _partial("problem", "outerMorph", _render("live/_problem", {"problem": sentence}))


def alarm(sentence: str) -> str:
    """What is wrong with the record, in a sentence; an empty one takes it away."""
    return _partial("alarm", "outerMorph", _render("live/_alarm", {"alarm": sentence}))


def tick(now: datetime | None, *, ok: bool) -> str:
    """A sign of life with the server's time; data, not markup."""
    return json.dumps({"tick": None if now is None else int(now.timestamp() * 1000), "ok": ok})


def ring(now: datetime) -> str:
    """A tick that also says: what this page shows has changed, fetch it."""
    return json.dumps({"tick": int(now.timestamp() * 1000), "ok": True, "ring": True})
