"""Finding requests in the record: by words, and by what they are; newest first, a page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection

from core.history.search.index import RECORD, REQUESTS, WORDS, first_number
from core.history.search.words import Term, terms_of
from core.models import ApprovalRecord

COUNTED = 1_000  # so many are counted; of more is said that they are more
EXPORTED_AT_ONCE = 200


class NoIndex(Exception):
    """The index is missing or damaged; the message says what the database said."""


@dataclass(frozen=True)
class Question:
    """What is looked for: all of it must fit. Days are UTC days on which it was asked, both included."""

    query: str = ""
    kind: str = ""
    agent: str = ""
    person: str = ""
    outcome: str = ""
    first: date | None = None
    last: date | None = None

    @property
    def terms(self) -> list[Term]:
        """The words of the query."""
        return terms_of(self.query)


@dataclass(frozen=True)
class Found:
    """Requests, newest first. `before`: the number after which the next page begins; None on the last one."""

    rows: list[ApprovalRecord]
    before: int | None
    count: int  # at most COUNTED + 1


def find(question: Question, size: int, before: int | None = None) -> Found:
    """One page, in three queries. NoIndex where the index does not answer."""
    numbers = _numbers(question, size + 1, before)
    shown = numbers[:size]
    rows = _rows([request_id for _, request_id in shown])
    return Found(rows, shown[-1][0] if len(numbers) > size else None, _count(question))


def everything(question: Question) -> Iterator[list[ApprovalRecord]]:
    """All that is found, newest first, two hundred at a time, each by queries of its own."""
    before: int | None = None
    while numbers := _numbers(question, EXPORTED_AT_ONCE, before):
        yield _rows([request_id for _, request_id in numbers])
        before = numbers[-1][0]


def _rows(ids: list[Any]) -> list[ApprovalRecord]:
    known = {str(row.pk): row for row in ApprovalRecord.objects.filter(pk__in=ids)}
    return [known[str(request_id)] for request_id in ids if str(request_id) in known]


def _numbers(question: Question, size: int, before: int | None) -> list[tuple[int, UUID]]:
    source, values = _source(question, before)
    order = _number(question)
    rows = _asked(f"SELECT k.number, k.request_id {source} ORDER BY {order} DESC LIMIT {size}", values)
    return [(number, UUID(str(request_id))) for number, request_id in rows]


def _count(question: Question) -> int:
    source, values = _source(question, None)
    (row,) = _asked(f"SELECT count(*) FROM (SELECT 1 {source} LIMIT {COUNTED + 1}) AS counted", values)
    return int(row[0])


def _asked(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())
    except DatabaseError as error:
        ApprovalRecord.objects.exists()  # a database that is away says so here too
        raise NoIndex(str(error)) from error


def _source(question: Question, before: int | None) -> tuple[str, list[Any]]:
    """The tables with what must hold, and the values of it."""
    conditions: list[str] = []
    values: list[Any] = []
    joined, match = _joined(question.terms)
    if match:
        conditions.append(match)
        values.append(_as_query(question.terms))
    # An index that a pruning could not reach must not tell what the text was.
    conditions.append("(r.body_pruned_at IS NULL OR k.pruned)")
    exact = {
        "r.approval_type": question.kind,
        "r.agent_id": question.agent,
        "r.responder": question.person,
        "r.status": question.outcome,
    }
    for column, value in exact.items():
        if value:
            conditions.append(f"{column} = %s")
            values.append(value)
    for comparison, number in _bounds(question, before):
        conditions.append(f"{_number(question)} {comparison} %s")
        values.append(number)
    return f"{joined} WHERE {' AND '.join(conditions)}", values


def _bounds(question: Question, before: int | None) -> Iterator[tuple[str, int]]:
    if question.first is not None:
        yield ">=", first_number(_start(question.first))
    if question.last is not None:
        yield "<", first_number(_start(question.last) + timedelta(days=1))
    if before is not None:
        yield "<", before


def _number(question: Question) -> str:
    # FTS5 walks its rows in this order and stops at the limit, but only where it is asked for its own number.
    return "w.rowid" if question.terms and connection.vendor == "sqlite" else "k.number"


def _joined(terms: list[Term]) -> tuple[str, str]:
    """The tables, and the condition that the words are there; '' without any."""
    if not terms or connection.vendor == "postgresql":
        joined = f"FROM {REQUESTS} k JOIN {RECORD} r ON r.request_id = k.request_id"
        return joined, "k.words @@ %s::tsquery" if terms else ""
    joined = (
        f"FROM {WORDS} w CROSS JOIN {REQUESTS} k ON k.number = w.rowid "
        f"CROSS JOIN {RECORD} r ON r.request_id = k.request_id"
    )
    return joined, f"w.{WORDS} MATCH %s"


def _as_query(terms: list[Term]) -> str:
    """All of these words, as this database is asked for them. They hold no quote and no operator."""
    if connection.vendor == "postgresql":
        return " & ".join(f"'{term.word}'{':*' if term.prefix else ''}" for term in terms)
    return " AND ".join(f'"{term.word}"{" *" if term.prefix else ""}' for term in terms)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
