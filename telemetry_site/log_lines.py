"""Lines of the log: text from outside neither ends a line nor controls a terminal, and no secret is in them."""

import logging
from typing import Any

from core.values.secrets import masked_text
from core.values.text import one_line, plain
from core.values.trouble import OnceAMinute


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
        """Always; below 500 without the trace."""
        if record.name.startswith("django.") and getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class PoolOnceAMinute(logging.Filter):
    """What the pool of PostgreSQL says at each of its tries, several in a second while the server is away."""

    def __init__(self) -> None:
        super().__init__()
        self._said = OnceAMinute()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is something else, or was not said within the last minute."""
        return record.name != "psycopg.pool" or self._said.may_say(record.getMessage())
