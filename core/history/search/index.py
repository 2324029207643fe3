"""The index of requests by their words: FTS5 on SQLite, a GIN index on PostgreSQL, of tables that only we know.

With a key that seals contexts, it has their words as digests made with that key (`sealed.py`).
It is made from the record and holds nothing else, so it is in no backup, and it can be made anew at any time.
The recorder writes it in the transaction of the rows. Where that fails the rows stay, the log says so, and
`manage.py search_index` brings what is missing.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from core.history.database.locks import hold_recorder
from core.history.database.prepared import Query
from core.history.search.sealed import sealed_words
from core.history.search.words import MARK, beginnings_of, fact, words_in, words_of
from core.models import ApprovalRecord
from core.models.sealed import is_sealed
from core.values.malformed import ODD
from core.values.pairs import in_parts
from core.values.secrets import masked_text
from core.values.trouble import Trouble

logger = logging.getLogger(__name__)
_trouble = Trouble(logger)

REQUESTS, WORDS = "core_searchrequest", "core_searchword"
INDEXES = (REQUESTS, WORDS)  # FTS5 makes tables of its own whose names begin so
RECORD = ApprovalRecord._meta.db_table
FACTS = {"kind": "approval_type", "agent": "agent_id", "person": "responder", "outcome": "status"}
MADE = 2  # how rows are indexed now: 1 had neither facts nor beginnings
LARGEST = 1_000_000  # bytes of words: PostgreSQL keeps where each begins in 20 bits, and does not look
BESIDE = 8_160  # bytes: PostgreSQL's most, a page less its head
AT_ONCE = 200  # a context may have 256 KiB
AHEAD = 1_000_000  # characters of contexts whose words are read ahead
_BITS = 21
_LATEST = (1 << 42) - 1  # milliseconds since 1970: the year 2109
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
TABLES = {
    "sqlite": (
        f"CREATE TABLE IF NOT EXISTS {REQUESTS} (number integer PRIMARY KEY, request_id char(32) NOT NULL UNIQUE, "
        "status varchar(10) NOT NULL, pruned bool NOT NULL, made smallint NOT NULL DEFAULT 1)",
        # `ascii` takes any other character for a part of a word, so ours stay as they are.
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {WORDS} USING fts5(words, detail=none, columnsize=0, tokenize='ascii')",
    ),
    "postgresql": (
        f"CREATE TABLE IF NOT EXISTS {REQUESTS} (number bigint PRIMARY KEY, request_id uuid NOT NULL UNIQUE, "
        "status varchar(10) NOT NULL, pruned boolean NOT NULL, words tsvector NOT NULL, "
        "made smallint NOT NULL DEFAULT 1)",
        # Words that stand beside their row: fetched from elsewhere, each row looked through costs ten times as much.
        f"ALTER TABLE {REQUESTS} SET (toast_tuple_target = {BESIDE})",
        f"CREATE INDEX IF NOT EXISTS {WORDS} ON {REQUESTS} USING gin (words)",
    ),
}
Progress = Callable[[int], None]  # hears how many more requests were gone through

OLDER = f"CREATE INDEX IF NOT EXISTS {REQUESTS}_older ON {REQUESTS} (number) WHERE made < {MADE}"


def first_number(moment: datetime) -> int:
    """The least number that a request of this time has: numbers stand in the order of times."""
    milliseconds = (moment - _BEGINNING) // timedelta(milliseconds=1)
    return min(max(milliseconds, 0), _LATEST) << _BITS


class ContextWords(NamedTuple):
    """The words of a context, and how they begin."""

    words: set[str]
    beginnings: set[str]


Known = Mapping[str, ContextWords]  # by the context itself
NOTHING: Known = MappingProxyType({})


def read_ahead(contexts: Iterable[str], request_ids: list[UUID]) -> Known:
    """The words of contexts, and of those that these requests in SQL have, before the transaction that indexes them.

    On SQLite nobody else writes meanwhile, and those of the largest take a quarter of a second. Of very many only the
    first are read ahead, since words take many times the room of their text.
    """
    found, room = {}, AHEAD
    asked = [row.context for row in _CONTEXTS.objects(request_ids)] if request_ids else []
    for context in (*contexts, *asked):
        room -= len(context)
        if room < 0:
            break
        found[context] = _said(context)
    return found


_CONTEXTS = Query(lambda ids: ApprovalRecord.objects.filter(pk__in=ids).only("context"), [UUID])


def index(rows: Iterable[ApprovalRecord], known: Known = NOTHING) -> None:
    """Index these requests as they stand, in the transaction that writes them. It never keeps that from happening.

    known: words that were read ahead.
    """
    told = list(rows)
    if not told:
        return
    try:
        with transaction.atomic():
            _write(told, DEFAULT_DB_ALIAS, known)
    except (DatabaseError, *ODD) as error:
        _trouble.begins(
            "requests are recorded, and cannot be found by their words: %s. Run `manage.py search_index --rebuild`",
            error,
            level=logging.ERROR,
        )
    else:
        _trouble.ends(
            "requests can be found by their words again: run `manage.py search_index` for those before"
        )


def index_again(request_ids: Iterable[UUID], known: Known = NOTHING) -> None:
    """The same for requests that stand in SQL already."""
    for some in in_parts(list(request_ids), AT_ONCE):
        index(_ROWS.objects(list(some)), known)


_ROWS = Query(lambda ids: ApprovalRecord.objects.filter(pk__in=ids), [UUID])


def _unheard(requests: int) -> None:
    pass


def ensure(using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """After every migration: the tables are there, and what is not in them is brought in. No migration fails by it."""
    _quietly(make, using)


def make(using: str = DEFAULT_DB_ALIAS, progress: Progress = _unheard) -> None:
    """The tables, where they are not there, and what is not in them. DatabaseError where it cannot be written."""
    connection = connections[using]
    if connection.vendor == "sqlite" and not has_fts5(connection):
        logger.error("this SQLite has no FTS5: requests are recorded, and cannot be found by their words")
        return
    with transaction.atomic(using=using), connection.cursor() as cursor:
        for statement in TABLES[connection.vendor]:
            cursor.execute(statement)
        if "made" not in {c.name for c in connection.introspection.get_table_description(cursor, REQUESTS)}:
            cursor.execute(f"ALTER TABLE {REQUESTS} ADD COLUMN made smallint NOT NULL DEFAULT 1")
        cursor.execute(OLDER)
    complete(using, progress)


def has_facts(cursor: CursorWrapper) -> bool:
    """Whether every request is indexed by what it is and by how its words begin; those of before come by `complete`."""
    cursor.execute(f"SELECT 1 FROM {REQUESTS} WHERE made < {MADE} LIMIT 1")
    return cursor.fetchone() is None


def _quietly(work: Callable[[str], object], using: str) -> None:
    try:
        work(using)
    except DatabaseError as error:
        logger.error("the index of requests is not made: %s. Run `manage.py search_index --rebuild`", error)


def has_fts5(connection: BaseDatabaseWrapper) -> bool:
    """Whether this SQLite can keep the index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'")
        return cursor.fetchone() is not None


def complete(using: str = DEFAULT_DB_ALIAS, progress: Progress = _unheard) -> int:
    """Bring in what is missing or stands otherwise; returns how many requests. In short transactions."""
    _forget_unknown(using)
    added, after = 0, UUID(int=0)
    while True:
        with transaction.atomic(using=using):
            if using == DEFAULT_DB_ALIAS:
                hold_recorder()
            ids = _ids_after(after, using)
            lacking = _lacking(ids, using)
            _write(list(ApprovalRecord.objects.using(using).filter(pk__in=lacking)), using)
        added += len(lacking)
        progress(len(ids))
        if not ids:
            return added
        after = ids[-1]


def rebuild(using: str = DEFAULT_DB_ALIAS, progress: Progress = _unheard) -> int:
    """Make the index anew, also where it is damaged; returns how many requests are in it."""
    drop(using)
    make(using, progress)
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {REQUESTS}")
        return int(cursor.fetchone()[0])


def rebuild_after_copy(progress: Progress, using: str = DEFAULT_DB_ALIAS) -> None:
    """After rows were brought in as they are. They stay, whatever comes of the index."""
    _quietly(partial(rebuild, progress=progress), using)


def drop(using: str = DEFAULT_DB_ALIAS) -> None:
    """Take the index away, also a damaged one."""
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            _drop_words(cursor, using)
        cursor.execute(f"DROP TABLE IF EXISTS {REQUESTS}")


def _drop_words(cursor: CursorWrapper, using: str) -> None:
    try:
        with transaction.atomic(using=using):
            cursor.execute(f"DROP TABLE IF EXISTS {WORDS}")
    except DatabaseError:
        # FTS5 opens a table before it drops it, and cannot open this one: what it is made of goes alone.
        cursor.execute("PRAGMA writable_schema = ON")
        cursor.execute("DELETE FROM sqlite_master WHERE name = %s", [WORDS])
        cursor.execute("PRAGMA writable_schema = RESET")
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        for name in [name for (name,) in cursor.fetchall() if name.startswith(f"{WORDS}_")]:
            cursor.execute(f"DROP TABLE {name}")


def _said(context: str) -> ContextWords:
    readable = context and not is_sealed(context)  # else its key is lost
    words = words_in(context) if readable else set()
    return ContextWords(words, beginnings_of(words))


def _words_of(row: ApprovalRecord, known: Known) -> list[str]:
    """Its words for the index, each once."""
    said = known.get(row.context) or _said(row.context)
    told = [row.agent_id, row.approval_type, row.digest, row.responder, row.reason]
    ids = [str(row.pk), str(row.pk).replace("-", "")]
    words = words_of(*(masked_text(str(text)).text for text in told), *ids)
    facts = {fact(name, str(getattr(row, field))).word for name, field in FACTS.items()}
    hidden = sealed_words(said.words - words)
    asked = hidden or said.words | said.beginnings
    return sorted(words | beginnings_of(words) | asked | facts)


def _fitting(words: list[str]) -> list[str]:
    """Those that fit into one row. Of very many the long ones go first: they are runs, of which the parts are kept."""
    if sum(map(len, words)) * 4 <= LARGEST:
        return words
    kept, room = [], LARGEST
    for word in sorted(words, key=lambda word: (not word.startswith(MARK * 2), len(word))):
        room -= len(word.encode())
        if room < 0:
            break
        kept.append(word)
    return kept


def _write(rows: list[ApprovalRecord], using: str, known: Known = NOTHING) -> None:
    if not rows:
        return
    connection = connections[using]
    with connection.cursor() as cursor:
        numbers = _numbers(cursor, rows, connection)
        words = (_words_of(row, known) for row in rows)
        if connection.vendor == "postgresql":
            _write_postgresql(cursor, rows, numbers, words)
        else:
            _write_sqlite(cursor, rows, numbers, words)


def _write_postgresql(
    cursor: CursorWrapper, rows: list[ApprovalRecord], numbers: list[int], words: Iterable[list[str]]
) -> None:
    cursor.executemany(
        f"INSERT INTO {REQUESTS} (number, request_id, status, pruned, made, words) "
        f"VALUES (%s, %s, %s, %s, {MADE}, array_to_tsvector(%s::text[])) ON CONFLICT (request_id) DO UPDATE "
        "SET status = EXCLUDED.status, pruned = EXCLUDED.pruned, made = EXCLUDED.made, words = EXCLUDED.words",
        [
            (number, row.pk, row.status, row.body_pruned_at is not None, _fitting(its))
            for number, row, its in zip(numbers, rows, words, strict=True)
        ],
    )


def _write_sqlite(
    cursor: CursorWrapper, rows: list[ApprovalRecord], numbers: list[int], words: Iterable[list[str]]
) -> None:
    cursor.executemany(f"DELETE FROM {WORDS} WHERE rowid = %s", [(number,) for number in numbers])
    cursor.executemany(
        f"INSERT INTO {WORDS} (rowid, words) VALUES (%s, %s)",
        [(number, " ".join(its)) for number, its in zip(numbers, words, strict=True)],
    )
    cursor.executemany(
        f"INSERT OR REPLACE INTO {REQUESTS} (number, request_id, status, pruned, made) "
        f"VALUES (%s, %s, %s, %s, {MADE})",
        [
            (number, key_of(row.pk, cursor.db), row.status, row.body_pruned_at is not None)
            for number, row in zip(numbers, rows, strict=True)
        ],
    )


def key_of(request_id: Any, connection: BaseDatabaseWrapper) -> Any:
    """A request's id as this database keeps it."""
    return ApprovalRecord._meta.pk.get_db_prep_value(request_id, connection)


def _numbers(cursor: CursorWrapper, rows: list[ApprovalRecord], connection: BaseDatabaseWrapper) -> list[int]:
    """The number of each: the one that it has, or a new one by its time, which nobody else has."""
    keys = [key_of(row.pk, connection) for row in rows]
    wanted = [_wanted(row) for row in rows]
    marks = ", ".join(["%s"] * len(rows))
    cursor.execute(
        f"SELECT request_id, number FROM {REQUESTS} WHERE request_id IN ({marks}) OR number IN ({marks})",
        [*keys, *wanted],
    )
    known = dict(cursor.fetchall())
    taken = set(known.values())
    found = []
    for key, number in zip(keys, wanted, strict=True):
        if key not in known:
            while number in taken:
                number += 1
            known[key] = number
            taken.add(number)
        found.append(known[key])
    return found


def _wanted(row: ApprovalRecord) -> int:
    moment: object = row.requested_at
    if not isinstance(row.pk, UUID | str) or not isinstance(moment, datetime):
        return 0
    return first_number(moment) + UUID(str(row.pk)).int % (1 << _BITS)


def _ids_after(after: UUID, using: str) -> list[UUID]:
    ids = ApprovalRecord.objects.using(using).filter(pk__gt=after).order_by("pk")
    return [found for found in ids.values_list("pk", flat=True)[:AT_ONCE] if isinstance(found, UUID)]


def _lacking(ids: list[UUID], using: str) -> list[UUID]:
    """Those of them that the index does not have as they stand."""
    if not ids:
        return []
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.request_id FROM {RECORD} r LEFT JOIN {REQUESTS} k ON k.request_id = r.request_id "
            f"WHERE r.request_id IN ({', '.join(['%s'] * len(ids))}) AND (k.number IS NULL "
            f"OR k.made < {MADE} OR k.status <> r.status OR k.pruned <> (r.body_pruned_at IS NOT NULL))",
            [key_of(request_id, connection) for request_id in ids],
        )
        return [UUID(str(row[0])) for row in cursor.fetchall()]


def _forget_unknown(using: str) -> None:
    """What the record does not have: it was emptied or put back."""
    gone = f"request_id NOT IN (SELECT request_id FROM {RECORD})"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if connections[using].vendor == "sqlite":
            cursor.execute(f"DELETE FROM {WORDS} WHERE rowid IN (SELECT number FROM {REQUESTS} WHERE {gone})")
        cursor.execute(f"DELETE FROM {REQUESTS} WHERE {gone}")
