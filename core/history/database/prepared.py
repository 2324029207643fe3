"""Statements that Django puts together once: at every press that takes longer than the database needs to answer."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.db.models.sql import UpdateQuery

# What stands for a value while a statement is put together: nothing else in one is like it.
_STAND_INS: dict[type, Callable[[int], Any]] = {
    UUID: lambda place: UUID(int=0x7E1E_C0DE_0000_4000_8000_0000_0000_0000 + place),
    datetime: lambda place: datetime(9000, 1, 1, tzinfo=UTC) + timedelta(days=place),
    str: lambda place: f"the value of place {place}",
    int: lambda place: -2_063_548_190 - place,  # in the range of a key
}


class _Statement(NamedTuple):
    """One as a kind of database takes it. `parameters`: each as a value's place, or as what it always is."""

    text: str
    parameters: tuple[tuple[int | None, Any], ...]
    columns: tuple[Any, ...]

    def run(self, cursor: Any, values: tuple[Any, ...]) -> None:
        """Execute it with these values."""
        given = _adapted(values)
        said = [always if place is None else given[place] for place, always in self.parameters]
        cursor.execute(self.text, said)


class _Kept:
    """A statement for each kind of database, made from the types of its values."""

    def __init__(self, make: Callable[..., Any], *types: type) -> None:
        self._make = make
        self._types = types
        self._known: dict[str, _Statement] = {}

    def of_this_database(self) -> _Statement:
        """As the one at hand takes it."""
        found = self._known.get(connection.vendor)
        if found is None:
            found = self._known[connection.vendor] = self._put_together()
        return found

    def _put_together(self) -> _Statement:
        stand_ins = tuple(_STAND_INS[kind](place) for place, kind in enumerate(self._types))
        compiler = self._make(*stand_ins).get_compiler(connection=connection)
        text, said = compiler.as_sql()
        known = _adapted(stand_ins)
        parameters = tuple((known.index(one), None) if one in known else (None, one) for one in said)
        if {place for place, _ in parameters if place is not None} != set(range(len(known))):
            raise ValueError(f"not every value stands in this statement: {text}")
        return _Statement(text, parameters, tuple(column for column, *_ in compiler.select or ()))


class Query:
    """A query of the default database. `make` makes it from values of these types: UUID, datetime, str or int."""

    def __init__(self, make: Callable[..., QuerySet[Any]], *types: type) -> None:
        self._kept = _Kept(lambda *values: make(*values).query, *types)

    def rows(self, *values: Any) -> list[tuple[Any, ...]]:
        """What it selects, with these values; each of the type that was said."""
        statement = self._kept.of_this_database()
        with connection.cursor() as cursor:
            statement.run(cursor, values)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return [tuple(map(_converted, statement.columns, row)) for row in found]

    def exists(self, *values: Any) -> bool:
        """Whether it has a row."""
        statement = self._kept.of_this_database()
        with connection.cursor() as cursor:
            statement.run(cursor, values)
            return cursor.fetchone() is not None

    def one(self, model: type[Model], *values: Any) -> Any:
        """Its only row as an object of this model, all of whose columns it selects; None without one."""
        found = self.rows(*values)
        names = [column.target.attname for column in self._kept.of_this_database().columns]
        return model.from_db(connection.alias, names, found[0]) if found else None


class Update:
    """Such a statement that changes rows. `make` returns which, and what their columns become."""

    def __init__(self, make: Callable[..., tuple[QuerySet[Any], dict[str, Any]]], *types: type) -> None:
        self._kept = _Kept(lambda *values: _update(*make(*values)), *types)

    def run(self, *values: Any) -> int:
        """How many it changed."""
        with transaction.mark_for_rollback_on_error(using=connection.alias), connection.cursor() as cursor:
            self._kept.of_this_database().run(cursor, values)
            return int(cursor.rowcount)


def _update(rows: QuerySet[Any], columns: dict[str, Any]) -> Any:
    query: Any = rows.query.chain(UpdateQuery)  # as QuerySet.update does
    query.add_update_values(columns)
    return query


def _adapted(values: tuple[Any, ...]) -> list[Any]:
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
