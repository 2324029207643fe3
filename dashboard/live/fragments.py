"""The only maker of htmx fragments: the wire format of live updates lives here."""

import json
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from core.store.approvals import RequestRecord
from dashboard import words
from dashboard.access import Audience
from dashboard.agents.state_counts import AgentCounts
from dashboard.approvals.page import ApprovalPage, EndedRequest
from dashboard.display.tags import milliseconds
from dashboard.display.text import plain
from dashboard.live.page import LivePage


def _fragment(target: str, template: str, swap: str = "outerMorph", **shown: object) -> str:
    html = render_to_string(f"dashboard/{template}.html", shown)
    return f'<hx-partial hx-target="#{target}" hx-swap="{swap}">{html}</hx-partial>'


def live_region(page: LivePage) -> str:
    """The whole head of the inbox, as one morph."""
    return _fragment("live", "live/_region", page=page)


def approval_region(page: ApprovalPage, audience: Audience) -> str:
    """The whole approval page below its head, as one morph."""
    return _fragment("approval", "approvals/_approval", page=page, audience=audience)


def agents_region(agents: AgentCounts) -> str:
    """How many agents there are of each state."""
    return _fragment("agents", "agents/_figures", agents=agents)


def came(record: RequestRecord, now: datetime, *, again: bool) -> str:
    """That a request came, or `again`, with another deadline: enough to say so; the list fetches itself."""
    named = _named(record.request_id, record.approval_type, record.agent_id, record.deadline_at)
    return _told(now, came={**named, "again": again})


def crowd(many: int, now: datetime) -> str:
    """That so many requests came, too many at once to name them."""
    return _told(now, crowd=many)


def went(ended: EndedRequest, now: datetime) -> str:
    """That a request has ended, how, and by whom: its line is struck through at once."""
    named = _named(ended.request_id, ended.kind, ended.agent_id, ended.ended_at)
    return _told(
        now, went={**named, "word": ended.word, "by": plain(ended.responder), "status": ended.status}
    )


def lookers(request_id: str, names: tuple[str, ...], now: datetime) -> str:
    """Who else looks at a request."""
    return _told(now, looking={"id": request_id, "names": [plain(name) for name in names]})


def _named(request_id: str, kind: str, agent_id: str, at: datetime) -> dict[str, Any]:
    return {"id": request_id, "kind": plain(kind), "agent": plain(agent_id), "at": milliseconds(at)}


def _told(now: datetime | None, **said: object) -> str:
    return json.dumps({"tick": None if now is None else milliseconds(now), "ok": True, **said})


def queue_head(waiting: int, unreadable: int, deadlines: str, *, behind: bool) -> str:
    """How many wait, the next deadlines, and what is not as it should be."""
    said: dict[str, Any] = {"waiting": waiting, "unreadable": unreadable, "deadlines": deadlines}
    return _fragment("queue-head", "approvals/_queue_head", behind=behind, **said)


def ended_list(ended: list[EndedRequest], now: datetime) -> str:
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
    return _told(now)


def no_tick(now: datetime | None, sentence: str) -> str:
    """A sign of life of a site whose pages are not true now, and why that is: the sentence for people, or ''."""
    return _told(now, ok=False, why=words.not_live(sentence))


def ring(now: datetime) -> str:
    """A tick that also says: what this page shows has changed, fetch it."""
    return _told(now, ring=True)
