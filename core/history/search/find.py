"""Finding requests in the record: by words, and by what they are; newest first, a page at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper

from core.history.search.index import FACTS, RECORD, REQUESTS, WORDS, first_number, has_facts
from core.history.search.sealed import any_of
from core.history.search.words import SearchTerm, fact, terms_of
from core.models import ApprovalRecord

COUNTED = 1_000  # so many are counted; of more is said that they are more
NEWEST = 4_000  # so many are looked through before an index is asked that cannot say which are newest
EXPORTED_AT_ONCE = 200

Bound = tuple[str, int]  # a comparison, and a number


class NoIndex(Exception):
    """The index is missing or damaged; the message says what the database said."""


@dataclass(frozen=True)
class SearchQuery:
    """What is looked for: all of it must fit. Days are UTC days on which it was asked, both included."""

    query: str = ""
    kind: str = ""
    agent: str = ""
    person: str = ""
    outcome: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def exact(self) -> dict[str, str]:
        """What it must be exactly, by the names of `FACTS`."""
        return {name: value for name in FACTS if (value := str(getattr(self, name)))}

    @property
    def terms(self) -> list[SearchTerm]:
        """The words of the query."""
        return terms_of(self.query)


@dataclass(frozen=True)
class SearchPage:
    """Requests, newest first. `before`: the number after which the next page begins; None on the last one."""

    rows: list[ApprovalRecord]
    before: int | None
    count: int  # at most COUNTED + 1


def find(question: SearchQuery, size: int, before: int | None = None) -> SearchPage:
    """One page of at most `COUNTED`, in three to six queries. NoIndex where the index does not answer."""
    words = _words(question)
    counted = _numbers(question, words, COUNTED + 1, None)
    numbers = counted[: size + 1] if before is None else _numbers(question, words, size + 1, before)
    shown = numbers[:size]
    rows = _rows([request_id for _, request_id in shown])
    return SearchPage(rows, shown[-1][0] if len(numbers) > size else None, len(counted))


def everything(question: SearchQuery) -> Iterator[list[ApprovalRecord]]:
    """All that is found, newest first, two hundred at a time, each by queries of its own."""
    before: int | None = None
    while numbers := _numbers(question, _words(question), EXPORTED_AT_ONCE, before):
        yield _rows([request_id for _, request_id in numbers])
        before = numbers[-1][0]


def unindexed() -> int:
    """How many requests of the record the index does not have, as after trouble with it: no search finds them."""
    with _index() as cursor:
        cursor.execute(f"SELECT (SELECT count(*) FROM {RECORD}) - (SELECT count(*) FROM {REQUESTS})")
        return max(0, int(cursor.fetchone()[0]))


def _rows(ids: list[Any]) -> list[ApprovalRecord]:
    known = {str(row.pk): row for row in ApprovalRecord.objects.filter(pk__in=ids)}
    return [known[str(request_id)] for request_id in ids if str(request_id) in known]


def _words(question: SearchQuery) -> list[SearchTerm]:
    """What is asked of the index; while it is made anew only what all of it has."""
    with _index() as cursor:
        if not has_facts(cursor):
            return question.terms
    facts = [fact(name, value) for name, value in question.exact.items()]
    return [*(term.marked for term in question.terms), *facts]


@contextmanager
def _index() -> Iterator[CursorWrapper]:
    try:
        with connection.cursor() as cursor:
            yield cursor
    except DatabaseError as error:
        ApprovalRecord.objects.exists()  # a database that is away says so here too
        raise NoIndex(str(error)) from error


@dataclass(frozen=True)
class _Source:
    """Tables of which one is `k`, what must hold in them, and the values of both in the order of the statement."""

    tables: str
    conditions: tuple[str, ...]
    values: tuple[Any, ...]
    before: str = ""
    order: str = "k.number"


def _numbers(
    question: SearchQuery, words: list[SearchTerm], size: int, before: int | None
) -> list[tuple[int, UUID]]:
    """Newest first. PostgreSQL would guess how rare the words are, so it tries the newest, and then takes the index."""
    bounds = list(_bounds(question, before))
    if not words:
        return _asked(_all(bounds), question, size)
    if connection.vendor == "sqlite":
        return _asked(_by_fts5(words, bounds), question, size)
    newest = _asked(_newest(words, bounds), question, size)
    return newest if len(newest) == size else _asked(_by_gin(words, bounds), question, size)


def _asked(source: _Source, question: SearchQuery, size: int) -> list[tuple[int, UUID]]:
    # An index that a pruning could not reach must not tell what the text was.
    conditions = [*source.conditions, "(r.body_pruned_at IS NULL OR k.pruned)"]
    exact = {FACTS[name]: value for name, value in question.exact.items()}
    conditions += [f"r.{column} = %s" for column in exact]
    statement = (
        f"{source.before} SELECT k.number, k.request_id FROM {source.tables} JOIN {RECORD} r "
        f"ON r.request_id = k.request_id WHERE {' AND '.join(conditions)} ORDER BY {source.order} DESC LIMIT {size}"
    )
    with _index() as cursor:
        cursor.execute(statement, [*source.values, *exact.values()])
        return [(number, UUID(str(request_id))) for number, request_id in cursor.fetchall()]


def _all(bounds: list[Bound]) -> _Source:
    conditions, values = _as_conditions("k.number", bounds)
    return _Source(f"{REQUESTS} k", conditions, values)


def _by_fts5(words: list[SearchTerm], bounds: list[Bound]) -> _Source:
    # FTS5 walks its rows in this order and stops at the limit, but only where it is asked for its own number.
    either = (
        " OR ".join(f'"{one.word}"{" *" if one.prefix else ""}' for one in any_of(word)) for word in words
    )
    query = " AND ".join(f"({one})" for one in either)
    conditions, values = _as_conditions("w.rowid", bounds)
    tables = f"{WORDS} w CROSS JOIN {REQUESTS} k ON k.number = w.rowid CROSS"
    return _Source(tables, (f"w.{WORDS} MATCH %s", *conditions), (query, *values), order="w.rowid")


def _newest(words: list[SearchTerm], bounds: list[Bound]) -> _Source:
    conditions, values = _as_conditions("number", bounds)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    tables = f"(SELECT * FROM {REQUESTS} {where} ORDER BY number DESC LIMIT {NEWEST}) k"
    return _Source(tables, ("k.words @@ %s::tsquery",), (*values, _as_tsquery(words)))


def _by_gin(words: list[SearchTerm], bounds: list[Bound]) -> _Source:
    conditions, values = _as_conditions("number", bounds)
    where = " AND ".join(("words @@ %s::tsquery", *conditions))
    found = f"SELECT number, request_id, pruned FROM {REQUESTS} WHERE {where}"
    return _Source("k", (), (_as_tsquery(words), *values), before=f"WITH k AS MATERIALIZED ({found})")


def _as_tsquery(words: list[SearchTerm]) -> str:
    either = (
        " | ".join(f"'{one.word}'{':*' if one.prefix else ''}" for one in any_of(word)) for word in words
    )
    return " & ".join(f"({one})" for one in either)


def _as_conditions(column: str, bounds: list[Bound]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    return tuple(f"{column} {comparison} %s" for comparison, _ in bounds), tuple(value for _, value in bounds)


def _bounds(question: SearchQuery, before: int | None) -> Iterator[Bound]:
    if question.first is not None:
        yield ">=", first_number(_start(question.first))
    if question.last is not None:
        yield "<", first_number(_start(question.last) + timedelta(days=1))
    if before is not None:
        yield "<", before


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
