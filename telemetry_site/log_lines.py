"""Lines of the log: text from outside neither ends a line nor controls a terminal, and no secret is in them."""

import logging
from typing import Any

from core.values.secrets import masked_text
from core.values.text import one_line, plain


class OneLine(logging.Formatter):
    """Each message on one line; a traceback below it keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line, with what hides or controls as ⟦U+001B⟧."""
        record.message = one_line(masked_text(record.message).text)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """The traceback, whose last lines may be text from outside."""
        return plain(masked_text(super().formatException(ei)).text)
