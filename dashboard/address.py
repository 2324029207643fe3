"""What an address may ask for, the same on every page: texts, days, one of a few words; and the address of a page."""

import re
from collections.abc import Iterable
from datetime import date

from django.urls import reverse

_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")


class BadAddress(ValueError):
    """The address asks for what cannot be shown; the message says which part and what it may be."""


def short(name: str, text: str, most: int) -> str:
    """The text of a part, or BadAddress."""
    if len(text) > most:
        raise BadAddress(f"{name} must be of at most {most} characters.")
    if "\x00" in text:
        raise BadAddress(f"{name} must be without a NUL character.")
    return text


def one_of(name: str, text: str, known: Iterable[str], more: str = "") -> str:
    """One of a few words, or BadAddress, which names them and says `more`."""
    known = tuple(known)
    if text not in known:
        raise BadAddress(f"{name} must be one of {', '.join(filter(None, known))}{more}.")
    return text


def day_of(name: str, text: str) -> date:
    """A day such as 2026-11-22, or BadAddress."""
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise BadAddress(f"{name} must be a day such as 2026-11-22.")


def in_order(first: date | None, last: date | None) -> None:
    """BadAddress where the first day comes after the last."""
    if first and last and first > last:
        raise BadAddress("from is after to: the first day comes first.")


def page_at(name: str, query: str) -> str:
    """The address of one of our pages, with a query where there is one."""
    return f"{reverse(name)}?{query}" if query else reverse(name)
