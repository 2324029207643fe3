"""The only maker of htmx fragments: the wire format of live updates lives here."""

import json
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from dashboard import words
from dashboard.access import Audience
from dashboard.agents.look import Agents
from dashboard.approvals.page import ApprovalPage, Card, Ended
from dashboard.live.page import LivePage


def _fragment(target: str, template: str, swap: str = "outerMorph", **shown: object) -> str:
    html = render_to_string(f"dashboard/{template}.html", shown)
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def live_region(page: LivePage, audience: Audience) -> str:
    """The whole live page below its head, as one morph."""
    return _fragment("live", "live/_region", page=page, audience=audience)


def approval_region(page: ApprovalPage, audience: Audience) -> str:
    """The whole approval page below its head, as one morph."""
    return _fragment("approval", "approvals/_approval", page=page, audience=audience)


def agents_region(agents: Agents, now: datetime) -> str:
    """The agents that need a look, and how many there are of each state."""
    return _fragment("agents", "agents/_look", agents=agents, now=now)


def new_card(card: Card, now: datetime, audience: Audience, before: str = "") -> str:
    """A new request: before the card of another one, or at the end of the queue."""
    target, swap = (f"request-{before}", "beforebegin") if before else ("cards", "beforeend")
    return _fragment(target, "approvals/_card", swap, card=card, now=now, audience=audience)


def asker(card: Card) -> str:
    """Whether somebody waits for the answer, in its place on a card: nothing moves."""
    return _fragment(f"asker-{card.request_id}", "approvals/_asker", card=card)


def ended_card(ended: Ended, now: datetime) -> str:
    """What stands in a card's place when its request has ended: nothing else moves."""
    return _fragment(f"request-{ended.request_id}", "approvals/_card_ended", ended=ended, now=now)


def queue_head(waiting: int, hidden: int, unreadable: int, *, behind: bool) -> str:
    """How many wait, and what is not as it should be."""
    counts: dict[str, Any] = {"waiting": waiting, "hidden": hidden, "unreadable": unreadable}
    return _fragment("queue-head", "approvals/_queue_head", **counts, behind=behind)


def ended_list(ended: list[Ended], now: datetime) -> str:
    """The requests that ended last."""
    return _fragment("ended", "approvals/_ended", ended=ended, now=now)


def problem(sentence: str) -> str:
    """What is wrong, in a sentence; an empty one takes it away."""
    return _fragment("problem", "live/_problem", problem=sentence)


def alarm(sentence: str) -> str:
    """What is wrong with the record, in a sentence; an empty one takes it away."""
    return _fragment("alarm", "live/_alarm", alarm=sentence)


def tick(now: datetime | None) -> str:
    """A sign of life with the server's time; data, not markup."""
    return json.dumps({"tick": _milliseconds(now), "ok": True})


def no_tick(now: datetime | None, sentence: str) -> str:
    """A sign of life of a site whose pages are not true now, and why that is: the sentence for people, or ''."""
    return json.dumps({"tick": _milliseconds(now), "ok": False, "why": words.not_live(sentence)})


def _milliseconds(now: datetime | None) -> int | None:
    return None if now is None else int(now.timestamp() * 1000)


def ring(now: datetime) -> str:
    """A tick that also says: what this page shows has changed, fetch it."""
    return json.dumps({"tick": int(now.timestamp() * 1000), "ok": True, "ring": True})
