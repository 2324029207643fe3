"""System checks: whether what was decided survives a power cut, here and on a Redis or database of others."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import Error, connections

from core.errors import StoreUnavailable
from core.store import durability
from core.store.client import open_store

_SQLITE_FULL = 2


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """That a committed decision is on the disk. Only where a database is asked for: `check --database default`."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        try:
            found += _losses_of_database(alias)
        except Error as error:
            found.append(Warning(f"The database {alias!r} does not answer: {error}", id="core.W101"))
    return found


def _losses_of_database(alias: str) -> list[CheckMessage]:
    connection = connections[alias]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA synchronous")
            if int(cursor.fetchone()[0]) < _SQLITE_FULL:
                return [
                    _loss("SQLite's synchronous is below FULL", "Leave `synchronous` as settings.py has it.")
                ]
            return []
        found = []
        for name in ("synchronous_commit", "fsync"):
            cursor.execute(f"SHOW {name}")
            if cursor.fetchone()[0] == "off":
                found.append(_loss(f"PostgreSQL runs with {name} = off", f"Set {name} = on."))
        return found


def _loss(what: str, hint: str) -> CheckMessage:
    return Warning(
        f"{what}: decisions of the last moments before a power cut are lost.", hint=hint, id="core.W102"
    )


@register(Tags.security, deploy=True)
def check_redis(**_options: Any) -> list[CheckMessage]:
    """That an outside Redis keeps what it was told: `check --deploy`. The private server does by itself."""
    if not settings.REDIS_URL:
        return []
    try:
        weak = durability.weaknesses(open_store())
    except StoreUnavailable as error:
        return [Warning(f"REDIS_URL: the server does not answer: {error}", id="core.W103")]
    return [Warning(f"REDIS_URL: {what}", hint=hint, id="core.W104") for what, hint in weak]
