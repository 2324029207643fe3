"""Statements that Django puts together once: each time, that takes longer than the database needs to answer.

On SQLite all others wait meanwhile, so what is written while somebody waits for an answer is written with these.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery

Kind = type | list[type]  # of a value, or of each of several: `[UUID]`

# What stands for a value while a statement is put together: nothing else in one is like it.
_STAND_INS: dict[type, Callable[[int], Any]] = {
    UUID: lambda place: UUID(int=0x7E1E_C0DE_0000_4000_8000_0000_0000_0000 + place),
    datetime: lambda place: datetime(9000, 1, 1, tzinfo=UTC) + timedelta(days=place),
    str: lambda place: f"the value of place {place}",
    int: lambda place: 2_063_548_190 + place,  # in the range of a key, and of a number that is never negative
}


class _Statement(NamedTuple):
    """One as a kind of database takes it. `parameters`: each as a value's place, or as what it always is.

    select: what a row of it is made of. kind: which of that is a model's, as Django's compiler says.
    """

    text: str
    parameters: tuple[tuple[int | None, Any], ...]
    select: list[Any]
    kind: dict[str, Any] | None
    converted: list[int]

    def run(self, cursor: Any, values: list[Any]) -> None:
        """Execute it with these values."""
        given = _adapted(values)
        said = [always if place is None else given[place] for place, always in self.parameters]
        cursor.execute(self.text, said)

    def rows(self, values: list[Any]) -> list[list[Any]]:
        """Its rows as Django reads them."""
        with connection.cursor() as cursor:
            self.run(cursor, values)
            found = [list(row) for row in cursor.fetchall()]
        for row in found:
            for place in self.converted:
                row[place] = _converted(self.select[place][0], row[place])
        return found

    def objects(self, values: list[Any]) -> list[Any]:
        """Its rows as objects of its model, each with those that it selects beside."""
        assert self.kind is not None, f"no rows of a model: {self.text}"
        return [self._object(self.kind, row) for row in self.rows(values)]

    def _object(self, kind: dict[str, Any], row: list[Any]) -> Any:
        places = kind["select_fields"]
        names = [self.select[place][0].target.attname for place in places]
        found = kind["model"].from_db(connection.alias, names, [row[place] for place in places])
        for beside in kind.get("related_klass_infos", ()):
            beside["local_setter"](found, self._object(beside, row))
        return found


class _Kept:
    """A statement for each kind of database, and for each count of several values, made from their types."""

    def __init__(self, make: Callable[..., Any], *kinds: Kind) -> None:
        self._make = make
        self._kinds = kinds
        self._known: dict[tuple[object, ...], _Statement] = {}

    def of_this_database(self, values: tuple[Any, ...]) -> tuple[_Statement, list[Any]]:
        """As the one at hand takes it, with the values that it then takes."""
        several = [_filled(value) for value in values]
        counts = tuple(len(value) for value in several if isinstance(value, list))
        known = (connection.vendor, *counts)
        found = self._known.get(known)
        if found is None:
            found = self._known[known] = self._put_together(several)
        return found, _flat(several)

    def _put_together(self, like: list[Any]) -> _Statement:
        places = count()
        stand_ins = [
            [_STAND_INS[kind[0]](next(places)) for _ in value]
            if isinstance(kind, list)
            else _STAND_INS[kind](next(places))
            for kind, value in zip(self._kinds, like, strict=True)
        ]
        compiler = self._make(*stand_ins).get_compiler(connection=connection)
        text, said = compiler.as_sql()
        known = _adapted(_flat(stand_ins))
        parameters = tuple((known.index(one), None) if one in known else (None, one) for one in said)
        if {place for place, _ in parameters if place is not None} != set(range(len(known))):
            raise ValueError(f"not every value stands in this statement: {text}")
        select = list(compiler.select or ())
        converted = list(compiler.get_converters([column for column, *_ in select]))
        return _Statement(text, parameters, select, compiler.klass_info, converted)


class Query:
    """A query of the default database. `make` makes it from values of these kinds: UUID, datetime, str or int.

    Several values, for a `__in`, come as a list that is not empty.
    """

    def __init__(self, make: Callable[..., QuerySet[Any]], *kinds: Kind) -> None:
        self._kept = _Kept(lambda *values: make(*values).query, *kinds)

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """What it selects, with these values; each of the type that was said."""
        statement, given = self._kept.of_this_database(values)
        return [tuple(row) for row in statement.rows(given)]

    def exists(self, *values: Any) -> bool:
        """Whether it has a row."""
        statement, given = self._kept.of_this_database(values)
        with connection.cursor() as cursor:
            statement.run(cursor, given)
            return cursor.fetchone() is not None

    def objects(self, *values: Any) -> list[Any]:
        """Its rows as objects, those of `select_related` with them."""
        statement, given = self._kept.of_this_database(values)
        return statement.objects(given)

    def one(self, *values: Any) -> Any:
        """Its only row as an object; None without one."""
        return next(iter(self.objects(*values)), None)


class Update:
    """Such a statement that changes rows. `make` returns which, and what their columns become."""

    def __init__(self, make: Callable[..., tuple[QuerySet[Any], dict[str, Any]]], *kinds: Kind) -> None:
        self._kept = _Kept(lambda *values: _update(*make(*values)), *kinds)

    def run(self, *values: Any) -> int:
        """How many it changed."""
        statement, given = self._kept.of_this_database(values)
        with transaction.mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
            statement.run(cursor, given)
            return int(cursor.rowcount)


class Insert:
    """Rows of a table whose keys the site itself makes, as `bulk_create` writes them; for use in a transaction."""

    def __init__(self, table: type[Model]) -> None:
        self._table = table._meta.db_table
        self._columns: list[Any] = list(table._meta.concrete_fields)

    def run(self, rows: Iterable[Any]) -> None:
        """Write them, in their order; IntegrityError where one is there."""
        new = list(rows)
        if not new:
            return
        names = ", ".join(_quoted(column.column) for column in self._columns)
        marks = ", ".join(["%s"] * len(self._columns))
        text = f"INSERT INTO {_quoted(self._table)} ({names}) VALUES ({marks})"
        said = [[_saved(column, row, add=True) for column in self._columns] for row in new]
        with transaction.mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
            cursor.executemany(text, said)
        for row in new:
            row._state.adding, row._state.db = False, connection.alias


class Save:
    """Some columns of a row, as `save(update_fields=...)` writes them."""

    def __init__(self, table: type[Model], *names: str) -> None:
        self._table = table._meta.db_table
        self._key: Any = table._meta.pk
        self._columns: list[Any] = [table._meta.get_field(name) for name in names]

    def run(self, row: Any) -> None:
        """Write them; DatabaseError where the row is gone."""
        names = ", ".join(f"{_quoted(column.column)} = %s" for column in self._columns)
        text = f"UPDATE {_quoted(self._table)} SET {names} WHERE {_quoted(self._key.column)} = %s"
        said = [_saved(column, row, add=False) for column in self._columns]
        with transaction.mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(text, [*said, self._key.get_db_prep_save(row.pk, connection)])
            if cursor.rowcount != 1:
                raise DatabaseError(f"a row of {self._table} is gone")


def _quoted(name: str) -> str:
    return str(connection.ops.quote_name(name))


def _saved(column: Any, row: Model, *, add: bool) -> Any:
    """What Django would write into this column."""
    return column.get_db_prep_save(column.pre_save(row, add), connection)


def _update(rows: QuerySet[Any], columns: dict[str, Any]) -> Any:
    query: Any = rows.query.chain(UpdateQuery)  # as QuerySet.update does
    query.add_update_values(columns)
    return query


def _filled(value: Any) -> Any:
    """Several values with the last one again, up to a power of two: so few statements are kept for any count."""
    if not isinstance(value, list):
        return value
    return [*value, *value[-1:] * ((1 << max(len(value) - 1, 0).bit_length()) - len(value))]


def _flat(values: list[Any]) -> list[Any]:
    return [one for value in values for one in (value if isinstance(value, list) else [value])]


def _adapted(values: list[Any]) -> list[Any]:
    """As the driver takes them."""
    return [_as_parameter(value) for value in values]


def _as_parameter(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


def _converted(column: Any, value: Any) -> Any:
    """A value of a row as Django reads it."""
    for convert in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection)):
        value = convert(value, column, connection)
    return value
