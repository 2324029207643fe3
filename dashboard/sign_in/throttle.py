"""How often a password may be tried: by name and place, so that nobody can lock somebody else out.

A place is the browser that this person signed in with before, which has a cookie that says so, or else the
address. A limit by name alone would let an outsider keep the owner out; one by address alone, a colleague.
"""

import hashlib
import math
import secrets
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render

from core.history.agents.origins import origin_of
from core.values.names import NAME_LENGTH

SECONDS = 300  # in which a name may be tried so often from one place
ADDRESS_SECONDS = 60  # and in which all names together from one address
KNOWN_SECONDS = 90 * 24 * 3600

View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Try:
    """One try. `wait`: seconds until the next one counts, 0 when this one does; `first`: the first refused one."""

    key: str
    wait: int
    first: bool = False


def begin(request: HttpRequest, name: str) -> Try:
    """Count a try of this name from here. Nothing may be hashed for one that has to wait."""
    place, origin = _known_browser(request, name), origin_of(request.META.get("REMOTE_ADDR", ""))
    key = _key("name", SECONDS, _account(name), place or origin)
    limits = [(key, SECONDS, settings.TELEMETRY_SIGN_IN_TRIES)]
    if not place:
        all_names = _key("address", ADDRESS_SECONDS, origin)
        limits.append((all_names, ADDRESS_SECONDS, settings.TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS))
    for counted, seconds, most in limits:
        count = _count(counted, seconds)
        if count > most:
            return Try(key, math.ceil(seconds - time.time() % seconds), first=count == most + 1)
    return Try(key, 0)


def succeeded(tried: Try) -> None:
    """The password was right: what was mistyped before is forgotten here; the address keeps its count."""
    cache.delete(tried.key)


def counted(kind: str, seconds: int, *parts: str) -> int:
    """How many tries of another kind there were of these parts within so many seconds, with this one."""
    return _count(_key(kind, seconds, *parts), seconds)


def sparingly(view: View) -> View:
    """Begun without a session it leaves one in SQL, so strangers begin it so often a minute from one address."""

    @wraps(view)
    def counting(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated and request.session.is_empty():
            begun = counted("begun", ADDRESS_SECONDS, origin_of(request.META.get("REMOTE_ADDR", "")))
            if begun > settings.TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS:
                response = render(request, "429.html", status=429)
                response["Retry-After"] = str(ADDRESS_SECONDS)
                return response
        return view(request, *args, **kwargs)

    return counting


def remember(response: HttpResponse, name: str) -> None:
    """Let this browser be known for this name from now on."""
    value = signing.dumps([_digest(_account(name)), secrets.token_hex(8)], salt=_cookie())
    options: dict[str, Any] = {"httponly": True, "samesite": "Lax", "secure": settings.SESSION_COOKIE_SECURE}
    response.set_cookie(_cookie(), value, max_age=KNOWN_SECONDS, **options)


def _known_browser(request: HttpRequest, name: str) -> str:
    try:
        digest, browser = signing.loads(
            request.COOKIES.get(_cookie(), ""), salt=_cookie(), max_age=KNOWN_SECONDS
        )
    except (signing.BadSignature, ValueError):
        return ""
    return str(browser) if digest == _digest(_account(name)) else ""


def _account(name: str) -> str:
    """Whom a name means: the form compares it without spaces around it and composed, so it is one however written."""
    # Of a text that is no name its beginning: to compose accents takes the square of how many there are.
    return unicodedata.normalize("NFKC", name.strip()[:NAME_LENGTH]).casefold()


def _cookie() -> str:
    return "__Host-known" if settings.SESSION_COOKIE_SECURE else "known"


def _count(key: str, seconds: int) -> int:
    """How many there were in this window with this one."""
    cache.add(key, 0, seconds)
    try:
        return int(cache.incr(key))
    except ValueError:  # its window ended just now
        cache.set(key, 1, seconds)
        return 1


def _key(kind: str, seconds: int, *parts: str) -> str:
    """A counter of one window of so many seconds."""
    return f"tries:{kind}:{_digest(chr(0).join(parts))}:{math.floor(time.time() / seconds)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
