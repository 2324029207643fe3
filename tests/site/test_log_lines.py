"""The log as a terminal and a program that reads lines get it."""

import logging
from logging.config import DictConfigurator

from django.conf import settings
from django.db import OperationalError

from core.errors import StoreUnavailable

HOSTILE = "name\n2026-01-01 00:00:00 INFO core: approved \x1b[2K\r\x9b2K\u202eend"


def formatted(message: str, *args: object, exc_info: object = None) -> str:
    formatter = DictConfigurator(settings.LOGGING).configure_formatter(settings.LOGGING["formatters"]["line"])
    record = logging.LogRecord("core", logging.ERROR, __file__, 1, message, args, exc_info)
    return formatter.format(record)


def test_text_from_outside_begins_no_line_and_controls_no_terminal():
    line = formatted("set aside: %s", HOSTILE)
    assert line.endswith("⟦U+001B⟧[2K⟦U+000D⟧⟦U+009B⟧2K⟦U+202E⟧end")
    assert len(line.splitlines()) == 1


def test_a_traceback_keeps_its_lines_and_controls_no_terminal():
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        text = formatted("broken", exc_info=(type(error), error, error.__traceback__))
    assert text.splitlines()[0].endswith("ERROR core: broken")
    assert "Traceback" in text.splitlines()[1]
    assert not {"\x1b", "\r", "\x9b", "\u202e"} & set(text)


def passes(name: str, said: str, error: Exception | None = None, status: int | None = None) -> str:
    """The line as the handler of the site writes it; '' where it writes none."""
    filters, own = settings.LOGGING["filters"], settings.LOGGING["handlers"]["console"]["filters"]
    trace = (type(error), error, None) if error else None
    record = logging.LogRecord(name, logging.ERROR, __file__, 1, said, (), trace)
    if status:
        record.status_code = status
    for each in own:
        if each not in _made:
            _made[each] = DictConfigurator(settings.LOGGING).configure_filter(filters[each])
        if not _made[each].filter(record):
            return ""
    return record.getMessage() + (" and its traceback" if record.exc_info else "")


_made: dict[str, logging.Filter] = {}


def test_what_is_said_again_and_again_while_a_server_is_away_is_a_line_a_minute_and_says_why():
    refused, other = "error connecting: refused", "error connecting: no password"
    said = [passes("psycopg.pool", line) for line in (refused, other, refused, other)]
    assert said == [refused, other, "", ""]
    assert all(passes("core", refused) for _ in range(2))
    for error in (OperationalError("the disk is full"), StoreUnavailable("Redis does not answer")):
        told = [passes("dashboard", "it was not made", error) for _ in range(2)]
        assert told == [f"it was not made: {error}", ""]
    assert passes("dashboard", "broken", ValueError("ours")) == "broken and its traceback"
    pages = [passes("django.request", f"Service Unavailable: /{n}", status=503) for n in range(2)]
    assert pages == ["Service Unavailable: /0", ""]


def test_that_somebody_else_was_faster_is_no_line_of_the_log():
    assert passes("django.request", "Conflict: /approvals/", status=409) == ""
    assert passes("django.request", "Forbidden: /approvals/", status=403)
