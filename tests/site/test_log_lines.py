"""The log as a terminal and a program that reads lines get it."""

import logging
from logging.config import DictConfigurator

from django.conf import settings

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


def test_what_the_pool_of_the_database_says_again_and_again_is_a_line_a_minute():
    pool = DictConfigurator(settings.LOGGING).configure_filter(settings.LOGGING["filters"]["pool"])

    def passes(name: str, said: str) -> bool:
        return pool.filter(logging.LogRecord(name, logging.WARNING, __file__, 1, said, (), None))

    refused, other = "error connecting: refused", "error connecting: no password"
    assert [passes("psycopg.pool", said) for said in (refused, other, refused, other)] == [
        True,
        True,
        False,
        False,
    ]
    assert all(passes("core", refused) for _ in range(2))
