"""Where sessions are kept: in SQL, under a hash of their key, so that whoever reads the table can use none.

A session ends a fixed time after it began, whatever is done in it, and earlier when nothing is.
Setting `SESSION_ENGINE` names this module.
"""

import hashlib
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends import db
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils import timezone

from core.history.database.prepared import Query
from core.models import WebSession

logger = logging.getLogger(__name__)

BEGAN = "began"  # in the session: seconds since the epoch
SEEN_SECONDS = 60  # so exact is it known when somebody did something last


def stored(session_key: str) -> str:
    """The hash under which the session of this key stands in SQL, 64 hex digits."""
    return hashlib.sha256(session_key.encode(errors="surrogatepass")).hexdigest()


def active_sessions() -> "QuerySet[WebSession]":
    """The sessions that have not ended and are in use."""
    now = timezone.now()
    return _active(now, now - idle_time())


def _active(now: datetime, used_since: datetime) -> "QuerySet[WebSession]":
    return WebSession.objects.filter(expire_date__gt=now, seen__gt=used_since)


_GOOD_ONE = Query(lambda pk, now, since: _active(now, since).filter(pk=pk), str, datetime, datetime)


def idle_time() -> timedelta:
    """How long a session lasts in which nothing is done."""
    return timedelta(minutes=settings.TELEMETRY_SESSION_IDLE_MINUTES)


def note_use(session: Any) -> None:
    """Somebody did something in this session. Written once a minute at most, and without a failure of its own."""
    now = timezone.now()
    try:
        session.get(BEGAN)  # it is loaded when it is asked
        if getattr(session, "seen", None) is None or now - session.seen < timedelta(seconds=SEEN_SECONDS):
            return
        active_sessions().filter(pk=stored(session.session_key or "")).update(seen=now)
    except DatabaseError as error:
        logger.warning("the use of a session was not noted: %s", error)


class SessionStore(db.SessionStore):
    """Django's, with hashed keys and two ends. The key itself is in the cookie alone."""

    seen: datetime | None = None  # when it was in use before this request

    @classmethod
    def get_model_class(cls) -> type[WebSession]:
        """Our own table."""
        return WebSession

    def _get_session_from_db(self) -> WebSession | None:
        now = timezone.now()
        return self._found(_GOOD_ONE.one(stored(self.session_key or ""), now, now - idle_time()))

    async def _aget_session_from_db(self) -> WebSession | None:
        return self._found(await active_sessions().filter(pk=stored(self.session_key or "")).afirst())

    def _found(self, row: WebSession | None) -> WebSession | None:
        if row is None:
            self._session_key = None
        else:
            self.seen = row.seen
        return row

    def exists(self, session_key: str) -> bool:
        """Whether a session has this key."""
        return super().exists(stored(session_key))

    async def aexists(self, session_key: str) -> bool:
        """The same."""
        return bool(await super().aexists(stored(session_key)))

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one."""
        key = session_key or self.session_key
        WebSession.objects.filter(pk=stored(key or "")).delete()

    async def adelete(self, session_key: str | None = None) -> None:
        """The same."""
        key = session_key or self.session_key
        await WebSession.objects.filter(pk=stored(key or "")).adelete()

    def create_model_instance(self, data: dict[str, Any]) -> WebSession:
        """The row of this session as it is now."""
        return self._row(self._get_or_create_session_key(), data)  # type: ignore[attr-defined]

    async def acreate_model_instance(self, data: dict[str, Any]) -> WebSession:
        """The same."""
        return self._row(await self._aget_or_create_session_key(), data)  # type: ignore[attr-defined]

    def _row(self, session_key: str, data: dict[str, Any]) -> WebSession:
        began = data.setdefault(BEGAN, time.time())
        ends = datetime.fromtimestamp(began, UTC) + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        account = data.get(SESSION_KEY)
        return WebSession(
            session_key=stored(session_key),
            session_data=self.encode(data),
            expire_date=ends,
            seen=timezone.now(),
            account_id=int(account) if account else None,
        )

    @classmethod
    def clear_expired(cls) -> None:
        """Delete those that have ended, or were not used for too long."""
        now = timezone.now()
        WebSession.objects.filter(expire_date__lt=now).delete()
        WebSession.objects.filter(seen__lt=now - idle_time()).delete()
