"""Who acts: the signed-in user of the request at hand, or the system user who runs a command."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.http import HttpRequest

from core.history.audit.entries import Fact, new_fact

_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


@contextmanager
def recorded_as(request: HttpRequest) -> Iterator[None]:
    """What is recorded inside was done by the user of this request."""
    token = _request.set(request)
    try:
        yield
    finally:
        _request.reset(token)


def actor() -> tuple[str, dict[str, Any]]:
    """The name of who acts, and how: through the site, or as a system user at the command line."""
    request = _request.get()
    if request is None:
        return "", {"through": "command line", "system_user": _system_user()}
    user = getattr(request, "user", None)
    name = user.get_username() if user is not None and user.is_authenticated else ""
    return name, {"through": "site"}


def acted(kind: str, **details: Any) -> Fact:
    """A fact of this moment: what who acts here did, and how."""
    name, how = actor()
    return new_fact(kind, name, **details, **how)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""  # a container may run under a number without a name
