"""Triggers that keep the record append-only also against SQL that goes past Django.

Entries are never changed, deleted or replaced, and each follows another. The head is one row that only goes
forward, to an entry. A rebuild of a table on SQLite drops its triggers silently, so they are looked at after
every migration, and by the check.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from core.history.audit import entries
from core.history.audit.chain import END
from core.models import AuditEntry, AuditHead
from core.values.text import one_line

logger = logging.getLogger(__name__)

ENTRIES, HEAD = AuditEntry._meta.db_table, AuditHead._meta.db_table
# The head goes to an entry that is there, and back only from where no record is.
ASTRAY = (
    f"NEW.id <> OLD.id OR (NEW.sequence < OLD.sequence AND OLD.sequence < {END}) "
    "OR (NEW.sequence = OLD.sequence AND NEW.hash <> OLD.hash) "
    f"OR NOT EXISTS (SELECT 1 FROM {ENTRIES} WHERE sequence = NEW.sequence AND hash = NEW.hash)"
)
# After the entry before it; or after the head, where somebody cut the end away.
GAP = (
    f"NEW.sequence >= {END} OR (NEW.sequence <> 1 "
    f"AND NOT EXISTS (SELECT 1 FROM {ENTRIES} WHERE sequence = NEW.sequence - 1) "
    f"AND NOT EXISTS (SELECT 1 FROM {HEAD} WHERE sequence = NEW.sequence - 1))"
)
# INSERT OR REPLACE deletes without asking the delete trigger, so the insert is refused.
TAKEN = f"EXISTS (SELECT 1 FROM {ENTRIES} WHERE sequence = NEW.sequence OR event_id = NEW.event_id)"
HAS_HEAD = f"EXISTS (SELECT 1 FROM {HEAD})"


@dataclass(frozen=True)
class Guard:
    """One trigger: what it refuses, and when; `only` names the one database that needs it."""

    name: str
    table: str
    event: str
    says: str
    when: str = ""
    only: str = ""

    @property
    def sqlite(self) -> str:
        """As SQLite keeps it."""
        when = f" WHEN {self.when}" if self.when else ""
        refuse = f"SELECT RAISE(ABORT, '{self.says}');"
        return f"CREATE TRIGGER {self.name} BEFORE {self.event} ON {self.table}{when} BEGIN {refuse} END"

    @property
    def body(self) -> str:
        """The function behind it on PostgreSQL."""
        refuse = f"RAISE EXCEPTION '{self.says}' USING ERRCODE = 'integrity_constraint_violation';"
        if not self.when:
            return f"BEGIN {refuse} END"
        return f"BEGIN IF {self.when} THEN {refuse} END IF; RETURN NEW; END"

    @property
    def postgresql_type(self) -> int:
        """`pg_trigger.tgtype`: 1 for each row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate."""
        kind = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}[self.event]
        return 2 + kind + (self.event != "TRUNCATE")


GUARDS = [
    Guard("audit_entry_no_update", ENTRIES, "UPDATE", "audit entries are never changed"),
    Guard("audit_entry_no_delete", ENTRIES, "DELETE", "audit entries are never deleted"),
    Guard(
        "audit_entry_no_truncate", ENTRIES, "TRUNCATE", "audit entries are never deleted", "", "postgresql"
    ),
    Guard("audit_entry_no_replace", ENTRIES, "INSERT", "audit entries are never replaced", TAKEN, "sqlite"),
    Guard("audit_entry_no_gap", ENTRIES, "INSERT", "audit entries never leave a gap", GAP),
    Guard("audit_head_no_return", HEAD, "UPDATE", "the head of the record only goes forward", ASTRAY),
    Guard("audit_head_no_delete", HEAD, "DELETE", "the head of the record is never deleted"),
    Guard(
        "audit_head_no_truncate",
        HEAD,
        "TRUNCATE",
        "the head of the record is never deleted",
        "",
        "postgresql",
    ),
    Guard("audit_head_no_replace", HEAD, "INSERT", "the record has one head", HAS_HEAD),
]


def guards_of(connection: BaseDatabaseWrapper) -> list[Guard]:
    """The guards that this database must have: of its tables that are there."""
    lost = lost_tables(connection.alias)
    return [guard for guard in GUARDS if guard.only in ("", connection.vendor) and guard.table not in lost]


def lost_tables(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Tables of the record that are not there, or are none, such as a view."""
    connection = connections[using]
    with connection.cursor() as cursor:
        found = {table.name for table in connection.introspection.get_table_list(cursor) if table.type == "t"}
    return [table for table in (ENTRIES, HEAD) if table not in found]


def missing(using: str = DEFAULT_DB_ALIAS) -> list[Guard]:
    """Guards that are gone, switched off, or do something else than they should."""
    standing = _standing(using)
    return [guard for guard in guards_of(connections[using]) if not _stands(guard, standing, using)]


def faults(using: str = DEFAULT_DB_ALIAS) -> list[str]:
    """Why the record can be changed or can lose entries, in words: what is missing, altered, or does not belong."""
    gone = [f"the table {table} is missing" for table in lost_tables(using)]
    lacking = [f"the trigger {guard.name} is missing or altered" for guard in missing(using)]
    ours = {guard.name for guard in GUARDS}
    found = [(f"trigger {name}", row[0]) for name, row in _standing(using).items() if name not in ours]
    if connections[using].vendor == "postgresql":
        found += _rules(using)
    return (
        gone + lacking + [f"there is a {one_line(what)} on {table} that is not ours" for what, table in found]
    )


def _standing(using: str) -> dict[str, tuple[Any, ...]]:
    """The triggers on the tables of the record: by name the table and the rest of the definition."""
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT name, lower(tbl_name), sql FROM sqlite_master WHERE type = 'trigger' "
                "AND lower(tbl_name) IN (%s, %s)",
                [ENTRIES, HEAD],
            )
        else:
            cursor.execute(
                "SELECT t.tgname, c.relname, t.tgtype, t.tgenabled, t.tgqual IS NULL AND t.tgattr = '', p.prosrc "
                "FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid "
                "WHERE NOT t.tgisinternal AND pg_table_is_visible(c.oid) AND c.relname IN (%s, %s)",
                [ENTRIES, HEAD],
            )
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


def _stands(guard: Guard, standing: dict[str, tuple[Any, ...]], using: str) -> bool:
    if connections[using].vendor == "sqlite":
        return standing.get(guard.name) == (guard.table, guard.sqlite)
    # `A`: it fires always, also where replication switches ordinary triggers off.
    return standing.get(guard.name) == (guard.table, guard.postgresql_type, "A", True, guard.body)


def _rules(using: str) -> list[tuple[str, str]]:
    """What else rewrites statements on PostgreSQL."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT 'rule ' || r.rulename, c.relname FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class "
            "WHERE pg_table_is_visible(c.oid) AND c.relname IN (%s, %s) AND c.relkind IN ('r', 'p') "
            "UNION SELECT 'row security', relname FROM pg_class WHERE pg_table_is_visible(oid) "
            "AND relname IN (%s, %s) AND relrowsecurity",
            [ENTRIES, HEAD] * 2,
        )
        return list(cursor.fetchall())


def install(using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> list[str]:
    """Put missing guards in place, as after every migration; returns their names. A record that has entries is told."""
    connection = connections[using]
    lacking = missing(using)
    if not lacking:
        return []
    names = [guard.name for guard in lacking]
    with transaction.atomic(using=using):
        with connection.cursor() as cursor:
            for guard in lacking:
                for statement in _statements(guard, connection.vendor):
                    cursor.execute(statement)
        if not lost_tables(using) and AuditEntry.objects.using(using).exists():
            logger.warning("guards of the record were put in place: %s", ", ".join(names))
            entries.append([entries.new_fact("record.guarded", guards=names)])
    return names


def _statements(guard: Guard, vendor: str) -> list[str]:
    if vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {guard.name}", guard.sqlite]
    each = "STATEMENT" if guard.event == "TRUNCATE" else "ROW"
    return [
        f"CREATE OR REPLACE FUNCTION {guard.name}() RETURNS trigger LANGUAGE plpgsql AS $${guard.body}$$",
        f"DROP TRIGGER IF EXISTS {guard.name} ON {guard.table}",
        f"CREATE TRIGGER {guard.name} BEFORE {guard.event} ON {guard.table} "
        f"FOR EACH {each} EXECUTE FUNCTION {guard.name}()",
        f"ALTER TABLE {guard.table} ENABLE ALWAYS TRIGGER {guard.name}",
    ]


def removal(guard: Guard, vendor: str) -> str:
    """The statement that takes a guard away: for tests that empty their tables, and for attackers in them."""
    return f"DROP TRIGGER IF EXISTS {guard.name}" + ("" if vendor == "sqlite" else f" ON {guard.table}")


@contextmanager
def gaps_allowed(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """In a transaction: a record that was broken before may be written as it is."""
    connection = connections[using]
    (guard,) = (guard for guard in GUARDS if guard.name == "audit_entry_no_gap")
    with connection.cursor() as cursor:
        cursor.execute(removal(guard, connection.vendor))
        yield
        for statement in _statements(guard, connection.vendor):
            cursor.execute(statement)
