"""Lines of the log: text from outside neither ends a line nor controls a terminal, and no secret is in them."""

import logging
from typing import Any

from django.db import InterfaceError, InternalError, OperationalError

from core.errors import StoreUnavailable
from core.store.queue import Unreachable
from core.values.secrets import masked_text
from core.values.text import one_line, plain
from core.values.trouble import OnceAMinute

AWAY = (StoreUnavailable, *Unreachable, InterfaceError, InternalError, OperationalError)


class OneLine(logging.Formatter):
    """Each message on one line; a traceback below it keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with what hides or controls as ⟦U+001B⟧."""
        record.message = one_line(masked_text(record.message).text)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """The traceback, whose last lines may be text from outside."""
        return plain(masked_text(super().formatException(ei)).text)


class RefusalsInOneLine(logging.Filter):
    """What was refused, such as a page that somebody may not see, is no fault of ours: it has no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Below 500 without the trace; not at all where somebody else was faster, which the record tells."""
        status = getattr(record, "status_code", 500)
        if record.name.startswith("django.") and status < 500:
            record.exc_info = record.exc_text = None
        return record.name != "django.request" or status != 409


class TroubleOnceAMinute(logging.Filter):
    """Redis, the database or the disk is away: why, in one line, and the same line once a minute however many ask.

    So too what the pool of PostgreSQL says at each of its tries, and what Django says of each page with 503.
    """

    def __init__(self) -> None:
        super().__init__()
        self._said = OnceAMinute()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is something else, or was not said within the last minute."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, AWAY):
            record.msg, record.args = "%s: %s", (record.getMessage(), error)
            record.exc_info = record.exc_text = None
            return self._said.may_say((record.name, record.getMessage()))
        if record.name == "django.request" and getattr(record, "status_code", 500) == 503:
            return self._said.may_say(record.name)
        return record.name != "psycopg.pool" or self._said.may_say(record.getMessage())
