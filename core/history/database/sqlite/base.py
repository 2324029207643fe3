"""SQLite keeps what does not belong in a column, and text that is none: one such row must not end a page or a command.

Text that is not UTF-8 is read with `\\xff` for what is wrong, a time or an id that is none as it stands.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from weakref import WeakSet

from django.db import connections
from django.db.backends.sqlite3 import base, operations, schema

from core.history.database.private_file import create_private
from core.history.database.sqlite import connection_pool
from core.values.malformed import ODD

_ESCAPED = partial(str, encoding="utf-8", errors="backslashreplace")
_EXACT = partial(str, encoding="utf-8", errors="surrogateescape")


class DatabaseOperations(operations.DatabaseOperations):
    """As Django's, but a value that cannot be converted is left as it is."""

    def convert_datetimefield_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """A datetime, or what stands in the place of one."""
        try:
            return super().convert_datetimefield_value(value, expression, connection)
        except ODD:
            return value

    def convert_uuidfield_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """A UUID, or what stands in the place of one."""
        try:
            return super().convert_uuidfield_value(value, expression, connection)
        except ODD:
            return value


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """As Django's, but a table may be made anew while a trigger of another table speaks of it."""

    def _remake_table(self, model: Any, *args: Any, **kwargs: Any) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name <> %s AND instr(sql, %s)",
                [model._meta.db_table] * 2,
            )
            speaking = cursor.fetchall()
        for name, _ in speaking:
            self.execute(f"DROP TRIGGER {self.quote_name(name)}")
        super()._remake_table(model, *args, **kwargs)  # type: ignore[misc]  # typeshed leaves it out
        for _, text in speaking:
            self.execute(text)


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, with that."""

    ops_class = DatabaseOperations
    SchemaEditorClass = DatabaseSchemaEditor

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: WeakSet[Any] = WeakSet()

    def create_cursor(self, name: str | None = None) -> Any:
        """A cursor that is remembered while somebody holds it."""
        cursor = super().create_cursor(name)
        self._cursors.add(cursor)
        return cursor

    def get_connection_params(self) -> dict[str, Any]:
        """Without conversions inside the driver, which end a query: those of the fields come after it."""
        return {**super().get_connection_params(), "detect_types": 0}

    @property
    def queries_logged(self) -> bool:
        """Where a test asks: with DEBUG alone nobody reads them, and SQLite is asked a second time for each text."""
        return bool(self.force_debug_cursor)

    def get_new_connection(self, conn_params: Any) -> Any:
        """A connection that reads any text, to a file that is its owner's alone."""
        name = str(conn_params["database"])
        connection = connection_pool.take(name)
        if connection is None:
            create_private(name)
            connection = super().get_new_connection(conn_params)
        connection.text_factory = _ESCAPED
        self._cursors.clear()
        return connection

    def _close(self) -> None:
        """One that served without an error may serve the next page too."""
        if self.errors_occurred or not self._is_kept():
            super()._close()  # type: ignore[misc]  # typeshed leaves it out

    def _is_kept(self) -> bool:
        """Whether it is; a query that was read in half would show the next page an old state, so it ends here."""
        try:
            for cursor in list(self._cursors):
                cursor.close()
            return connection_pool.give_back(self.connection, str(self.settings_dict["NAME"]))
        except sqlite3.ProgrammingError:  # it was closed below Django
            return False


@contextmanager
def exact_text(alias: str) -> Iterator[None]:
    """Inside, bytes that are no text are read as lone surrogates, so that no two texts read alike."""
    connection = connections[alias]
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    held = connection.connection
    held.text_factory = _EXACT
    try:
        yield
    finally:
        held.text_factory = _ESCAPED
