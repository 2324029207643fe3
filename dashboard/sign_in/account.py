"""The sessions of one account: which there are, and how all of them end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest

from core.history.people import session_store, sessions
from core.models import WebSession


@dataclass(frozen=True)
class Place:
    """Where this person is signed in. `browser` is what it says of itself."""

    address: str
    browser: str
    seen: datetime
    ends: datetime
    is_this: bool


def sessions_of(user: Any, session_key: str) -> list[Place]:
    """This person's sessions, the one at hand first, then the one that was used last."""
    this = session_store.stored(session_key)
    found = []
    for row in session_store.good().filter(account_id=user.pk).order_by("-seen")[:100]:
        data = row.get_decoded()
        address, browser = data.get(sessions.ADDRESS, ""), data.get(sessions.BROWSER, "")
        found.append(Place(address, browser, row.seen, row.expire_date, row.pk == this))
    return sorted(found, key=lambda place: not place.is_this)


def end_all(request: HttpRequest) -> None:
    """Sign out here, and everywhere else."""
    user: Any = request.user
    WebSession.objects.filter(account_id=user.pk).exclude(
        pk=session_store.stored(request.session.session_key or "")
    ).delete()
    sessions.note_ended_everywhere(request, user)
    logout(request)
