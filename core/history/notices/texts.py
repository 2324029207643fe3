"""What a notice says: kind, asker, deadline and a link, never what was asked. The link decides nothing."""

from datetime import datetime, tzinfo
from typing import NamedTuple
from uuid import UUID

from django.conf import settings

from core.values.approvals import NO_DEADLINE
from core.values.text import one_line

SHOWN = 20
LONGEST_NAME = 60

FIRST, REMINDER, ESCALATION, NOBODY, TEST = "first", "reminder", "escalation", "nobody", "test"
HANDED = "handed"
WHY = {
    FIRST: "",
    REMINDER: ", its time is nearly over",
    ESCALATION: ", nobody has answered so far",
    HANDED: ", handed over to you, or to people that you are one of",
    NOBODY: ", and nobody here may answer this: see who may, under “Grants” in the admin",
}


class Item(NamedTuple):
    """One request in a message. `step`: why it is in it, a key of WHY."""

    request_id: UUID
    approval_type: str
    agent: str
    deadline_at: datetime
    step: str


class NoticeMessage(NamedTuple):
    """What is sent at once. `message_id` stays the same at each try; without items it is a test."""

    message_id: UUID
    items: tuple[Item, ...]
    zone: tzinfo

    @property
    def subject(self) -> str:
        """One line: how many wait, or that this is a test."""
        if not self.items:
            return "A test: notices reach you"
        count = len(self.items)
        return "1 request waits for an answer" if count == 1 else f"{count} requests wait for an answer"

    @property
    def text(self) -> str:
        """The lines of the requests, one each, and where to look."""
        return "\n".join([*(line(item, self.zone) for item in self.items[:SHOWN]), "", *self._end()]).strip()

    @property
    def link(self) -> str:
        """The page of the request, or of all that wait."""
        return link(self.items[0].request_id) if len(self.items) == 1 else all_waiting()

    @property
    def is_urgent(self) -> bool:
        """Whether something in it has waited for others already, or for nobody."""
        return any(item.step in (REMINDER, ESCALATION, HANDED, NOBODY) for item in self.items)

    def _end(self) -> list[str]:
        more = len(self.items) - SHOWN
        cut = [f"And {more} more."] if more > 0 else []
        return [*cut, "It was sent because you asked for a test." if not self.items else f"See {self.link}"]


def line(item: Item, zone: tzinfo) -> str:
    """One request: its kind and asker in quotes, shortened, with what is invisible made visible."""
    until = ""
    if item.deadline_at < NO_DEADLINE:
        until = f", until {item.deadline_at.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
    said = f"“{shortened(item.approval_type)}”, asked by the agent “{shortened(item.agent)}”"
    return f"{said}{until}{WHY[item.step.partition('-')[0]]}: {link(item.request_id)}"


def shortened(name: str) -> str:
    """A name from outside on one line, of at most 60 characters."""
    cut = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    return one_line(cut)


def link(request_id: UUID) -> str:
    """The page of a request."""
    return str(settings.TELEMETRY_LINKS["approval"]).format(request_id)


def all_waiting() -> str:
    """The page of all that wait."""
    return str(settings.TELEMETRY_LINKS["waiting"])
