"""What a token shall be, as a form says it: the same fields for one that is made here and one for a command."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from django.db import DatabaseError
from django.http import HttpRequest

from core.api.hooks import EVERY, PROMPTED
from core.history.approvals.policy import powers_of
from core.history.people.tokens import LONGEST_DAYS, PROVISION, SCOPES, HeardElsewhere, NotYours, TokenSpec
from dashboard import access
from dashboard.connect import words

logger = logging.getLogger(__name__)

DAYS = 90
LISTED_TOOLS = "tools"  # of a form: those that are typed beside it


def token_spec(request: HttpRequest) -> TokenSpec:
    """What was posted; ValueError for what is none."""
    said = request.POST
    days = said.get("days", "")
    if not days.isascii() or not days.isdigit() or len(days) > 4:
        raise ValueError(words.NO_DAYS)
    agent = said.get("agent", "").strip()
    label = said.get("label", "").strip() or agent
    asks = said.get("tools", "") if said.get("asks") == LISTED_TOOLS else said.get("asks", EVERY)
    begins, binds = said.get("is_prefix") == "1", said.get("binds") == "1"
    return TokenSpec(label, agent, begins, tuple(said.getlist("scopes")), int(days), asks, binds)


class FormRefusal(NamedTuple):
    """Why a form makes no token: with which status it is shown again, and with what beside it."""

    status: int
    shown: dict[str, Any]

    @classmethod
    def of(cls, error: Exception, user: Any) -> "FormRefusal":
        """Of one of `REFUSED`."""
        if isinstance(error, HeardElsewhere):
            return cls(409, {"problem": str(error), "heard": access.may_connect_any(user)})
        if isinstance(error, NotYours):
            return cls(403, {"problem": str(error)})
        if isinstance(error, ValueError):
            return cls(400, {"problem": words.NOT_MADE.format(why=error)})
        logger.error("a token could not be recorded, so it was not made", exc_info=error)
        return cls(503, {"problem": words.AWAY})


REFUSED = (NotYours, ValueError, DatabaseError)


class Trial(NamedTuple):
    """The first request of a new token, as policy sees it."""

    agent_id: str
    approval_type: str = "deploy"


def who_answers(user: Any, agent: str, is_prefix: bool) -> str:
    """Whether this person may answer what their new token asks, in a sentence: with the token the agent is theirs."""
    powers = powers_of(user)
    theirs = replace(powers, owned=powers.owned | {(agent, is_prefix)})
    return theirs.verdict(Trial(agent)).why or words.YOU_ANSWER


def fields(said: Mapping[str, Any] | None, scopes: Iterable[str]) -> dict[str, Any]:
    """What the form shows: what was posted, or where nothing was the usual, and which scopes are chosen."""
    chosen = set(scopes)
    return {
        "scopes": [(scope, words.SCOPES[scope], scope in chosen) for scope in (*SCOPES, PROVISION)],
        "asks": [(word, words.ASKS[word]) for word in (EVERY, PROMPTED, LISTED_TOOLS)],
        "longest": LONGEST_DAYS,
        "said": said or {"days": DAYS, "asks": EVERY},
    }
