"""The sessions of one account: which there are, and how all of them end."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest

from core.history.people import session_store, sessions
from core.models import WebSession

# What a browser says of itself begins with what others said before it: the first of these that it names is meant.
_BROWSERS = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "HeadlessChrome": "Chrome",
    "Chrome": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    **{name: name for name in ("Windows", "Android", "iPhone", "iPad")},
    **{"Macintosh": "macOS", "CrOS": "ChromeOS", "Linux": "Linux"},
}
_NAME_SHOWN = 60


def browser_name(said: str) -> str:
    """A browser and its system as people call them; of what is none of these, the beginning."""
    browser = next(
        (name for word, name in _BROWSERS.items() if f"{word}/" in said or f"{word}A/" in said), ""
    )
    system = next((name for word, name in _SYSTEMS.items() if word in said), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or (said if len(said) <= _NAME_SHOWN else f"{said[:_NAME_SHOWN]}…")


@dataclass(frozen=True)
class ActiveSession:
    """Where this person is signed in. `browser` is what it says of itself, in short."""

    address: str
    browser: str
    seen: datetime
    ends: datetime
    is_this: bool


def sessions_of(user: Any, session_key: str) -> list[ActiveSession]:
    """This person's sessions, the one at hand first, then the one that was used last."""
    this = session_store.stored(session_key)
    found = []
    for row in session_store.active_sessions().filter(account_id=user.pk).order_by("-seen")[:100]:
        data = row.get_decoded()
        address, browser = data.get(sessions.ADDRESS, ""), browser_name(data.get(sessions.BROWSER, ""))
        found.append(ActiveSession(address, browser, row.seen, row.expire_date, row.pk == this))
    return sorted(found, key=lambda place: not place.is_this)


def end_all(request: HttpRequest) -> None:
    """Sign out here, and everywhere else."""
    user: Any = request.user
    WebSession.objects.filter(account_id=user.pk).exclude(
        pk=session_store.stored(request.session.session_key or "")
    ).delete()
    sessions.note_ended_everywhere(request, user)
    logout(request)
