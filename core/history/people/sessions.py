"""Signing in and out, and failing to. A flood of failures is counted, not listed."""

import hashlib
import json
import logging
import time
import unicodedata
from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.utils import timezone

from core.history.audit import entries
from core.history.people.session_store import BEGAN
from core.models import AuditEntry, SignInMinute

logger = logging.getLogger(__name__)

LISTED_PER_NAME = 5  # failures listed for one name in one minute
LISTED_PER_MINUTE = 60  # and for all names together
COUNTED_NAMES = 20  # names of a minute whose further failures are counted apart
NAME_LENGTH = 100
ADDRESS, BROWSER = "address", "browser"  # in the session: where it began


def connect() -> None:
    """Listen to Django's sign-in. Called once, when the apps are ready."""
    user_logged_in.connect(_signed_in)
    user_logged_out.connect(_signed_out)
    user_login_failed.connect(_refused)


def _signed_in(request: HttpRequest, user: Any, **_signal: Any) -> None:
    """Raises when it cannot be recorded: then nobody is signed in."""
    # What was kept before is no sign-in: its time counts from here. The rest is for its owner to know it by.
    browser = clean_name(request.META.get("HTTP_USER_AGENT", ""))
    request.session.update({BEGAN: time.time(), ADDRESS: _address(request), BROWSER: browser})
    fact = entries.new_fact("session.started", user.get_username(), address=_address(request))
    with transaction.atomic():
        entries.append([*_unlisted(timezone.now()), fact])


def _signed_out(request: HttpRequest, user: Any, **_signal: Any) -> None:
    """Who wants to go must be able to, whatever the database does."""
    if user is not None:
        note(entries.new_fact("session.ended", user.get_username(), address=_address(request)))


def note_ended_everywhere(request: HttpRequest, user: Any) -> None:
    """Somebody ended all their sessions; the one at hand is told of by its own end."""
    note(entries.new_fact("session.ended_everywhere", user.get_username(), address=_address(request)))


def note_throttled(request: HttpRequest, name: str) -> None:
    """This name is not compared any more for a while when it comes from here. Told once for each time."""
    note(entries.new_fact("session.throttled", name=clean_name(name), address=_address(request)))


def note(fact: entries.Fact) -> None:
    """Record what has happened; what cannot be recorded is in the log, and holds up nobody."""
    try:
        with transaction.atomic():
            entries.append([fact])
    except DatabaseError as error:
        logger.error("%s of %s was not recorded: %s", fact.kind, fact.actor or "nobody", error)


def _refused(credentials: dict[str, Any], request: HttpRequest | None = None, **_signal: Any) -> None:
    name = clean_name(str(credentials.get("username", "")))
    try:
        with transaction.atomic():
            refuse(name, _address(request), timezone.now())
    except DatabaseError as error:
        logger.error("a failed sign-in was not recorded: %s", error)


def refuse(name: str, address: str, now: datetime) -> None:
    """Record one failed sign-in, alone or in the count of its minute. Called in a transaction.

    One that is only counted does not ask for the head of the chain: a flood keeps nobody from recording.
    """
    facts = _unlisted(now)
    minute = _minute(now)
    row, _created = SignInMinute.objects.select_for_update().get_or_create(minute=minute)
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    ids = [f"session.refused:{minute}:{digest}:{number}" for number in range(LISTED_PER_NAME)]
    taken = set(AuditEntry.objects.filter(event_id__in=ids).values_list("event_id", flat=True))
    free = [event_id for event_id in ids if event_id not in taken]
    if free and row.listed < LISTED_PER_MINUTE:
        details = {"name": name, "address": address}
        facts.append(entries.Fact(free[0], "session.refused", now, details=details))
        row.listed += 1
    else:
        names: dict[str, int] = json.loads(row.names)
        if name in names or len(names) < COUNTED_NAMES:
            names[name] = names.get(name, 0) + 1
        row.names = json.dumps(names)
        row.unlisted += 1
    row.save()
    if facts:
        entries.append(facts)


def count_unlisted(now: datetime) -> int:
    """Write the counts of minutes that are over into the record; returns how many. Called in a transaction."""
    facts = _unlisted(now)
    if facts:
        entries.append(facts)
    return len(facts)


def _unlisted(now: datetime) -> list[entries.Fact]:
    """What is to be appended of minutes that are over; their rows are gone. Called in a transaction."""
    rows = SignInMinute.objects.filter(minute__lt=_minute(now)).order_by("minute")
    if not rows.exists():
        return []
    over = list(rows.select_for_update())
    SignInMinute.objects.filter(pk__in=[row.pk for row in over]).delete()
    return [
        entries.Fact(
            f"session.refused_more:{row.minute}",
            "session.refused_more",
            now,
            details={"minute": row.minute, "more": row.unlisted, "names": json.loads(row.names)},
        )
        for row in over
        if row.unlisted
    ]


def clean_name(tried: str) -> str:
    """At most 100 characters; controls and broken characters become U+FFFD."""
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in ("Cc", "Cs") else char
        for char in tried[:NAME_LENGTH]
    )


def _address(request: HttpRequest | None) -> str:
    return clean_name(str(request.META.get("REMOTE_ADDR", ""))) if request is not None else ""


def _minute(now: datetime) -> str:
    return f"{now:%Y-%m-%dT%H:%M}"
