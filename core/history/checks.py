"""Django's checks of what keeps the record: guards, disks, servers, rights of files, and no failpoint set."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import Error as DatabaseError
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from core import failpoints
from core.errors import StoreUnavailable
from core.history.approvals import signing
from core.history.approvals.signing import CannotSign
from core.history.database import private_file
from core.store import server
from core.store.client import open_store
from core.values.approvals import NOT_ALLOWED
from core.values.signature import parse_public_keys

_SQLITE_FULL = 2
_SEALED_LOOKED_AT = 20


@register(Tags.database)
def check_guards(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """E001: a trigger that keeps the record append-only is missing, or something is there that is not ours."""
    from core.history.audit import guards

    found: list[CheckMessage] = []
    for using in databases or []:
        faults = guards.faults(using)
        if faults and not waits_for_migration(using):
            found.append(
                Error(
                    f"The audit record can be changed or lose entries: {'; '.join(faults)}.",
                    hint="Find out who did it, run `manage.py verify_audit`, then `manage.py migrate --skip-checks`, "
                    "which puts back triggers of ours and records that; drop yourself what is not ours.",
                    id="core.E001",
                )
            )
    return found


def waits_for_migration(using: str) -> bool:
    """Whether tables are not as this version has them: the next `migrate` makes them, and puts guards in place."""
    executor = MigrationExecutor(connections[using])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes("core")))


@register(Tags.security, deploy=True)
def check_failpoints(**_options: Any) -> list[CheckMessage]:
    """E020: this environment lets a process be killed on purpose."""
    return [
        Error(
            f"{name} is set: it is for tests, which kill processes on purpose.",
            hint=f"Unset {name} for the site, the recorder and every agent.",
            id="core.E020",
        )
        for name in (failpoints.NAME, failpoints.SWITCH)
        if os.environ.get(name)
    ]


@register(Tags.database)
def check_database(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """That a committed decision is on the disk. Only where a database is asked for: `check --database default`."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        try:
            found += _losses_of_database(alias)
        except DatabaseError as error:
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
        weak = server.weaknesses(open_store())
    except StoreUnavailable as error:
        return [Warning(f"REDIS_URL: the server does not answer: {error}", id="core.W103")]
    return [Warning(f"REDIS_URL: {what}", hint=hint, id="core.W104") for what, hint in weak]


@register(Tags.security)
def check_private(**_options: Any) -> list[CheckMessage]:
    """W105: others on this machine may read or write the database, and we may not change that."""
    return [
        Warning(
            f"{path} is open to others on this machine. It holds hashes of passwords.",
            hint=f"As its owner: chmod go= {path}",
            id="core.W105",
        )
        for path in private_file.files(settings.DATABASES["default"])
        if private_file.open_to_others(path)
    ]


@register(Tags.security, deploy=True)
def check_direct_answers(**_options: Any) -> list[CheckMessage]:
    """I109: who can reach Redis may answer by a call in Python, in anybody's name."""
    if settings.TELEMETRY_DIRECT_ANSWERS == NOT_ALLOWED:
        return []
    hint = "Where people answer on the pages, give web and recorder TELEMETRY_DIRECT_ANSWERS=not_allowed."
    return [
        Info("Answers by a call in Python are taken, whoever they say they are.", hint=hint, id="core.I109")
    ]


@register(Tags.security, deploy=True)
def check_decision_key(**_options: Any) -> list[CheckMessage]:
    """I106: agents are not known to have the key; W107, I113: not this one, or the next; W106: others may read ours."""
    try:
        keys = signing.keyring()
    except CannotSign as error:
        return [Error(f"Nothing can be approved or denied: {error}", id="core.E106")]
    found: list[CheckMessage] = []
    if signing.is_open_to_others():
        hint = f"As its owner: chmod go= {settings.TELEMETRY_DECISION_KEY_FILE}, then decision_key --rotate --at-once."
        found.append(
            Warning("Others on this machine may read the key that signs.", hint=hint, id="core.W106")
        )
    given = parse_public_keys(settings.TELEMETRY_DECISION_KEY)
    if not given:
        hint = "Give agents what `manage.py decision_key` prints as TELEMETRY_DECISION_KEY, and the site too."
        found.append(Info("Agents take any yes that stands in Redis.", hint=hint, id="core.I106"))
    elif keys.key_id not in given:
        hint = "Give agents all lines that `manage.py decision_key` prints."
        found.append(
            Warning("TELEMETRY_DECISION_KEY does not have the key that signs now.", hint=hint, id="core.W107")
        )
    elif keys.announced is not None and keys.announced not in given.values():
        hint = "Give agents all lines that `manage.py decision_key` prints, before `decision_key --rotate`."
        found.append(
            Info("TELEMETRY_DECISION_KEY does not have the key that signs next.", hint=hint, id="core.I113")
        )
    return found


@register(Tags.security, deploy=True)
def check_context_key(**_options: Any) -> list[CheckMessage]:
    """I112: contexts stand in SQL in clear; W109: the file of the keys that seal them is read by others."""
    if not settings.TELEMETRY_CONTEXT_KEYS:
        hint = "Set TELEMETRY_CONTEXT_KEY_FILE, then run `manage.py seal_contexts`."
        return [Info("Contexts of requests stand in the database in clear.", hint=hint, id="core.I112")]
    file = settings.TELEMETRY_CONTEXT_KEY_FILE
    if not file or not private_file.open_to_others(Path(file)):
        return []
    hint = f"As its owner: chmod go= {file}, then a new key before it and `manage.py seal_contexts`."
    return [Warning("Others on this machine may read the keys of contexts.", hint=hint, id="core.W109")]


@register(Tags.database)
def check_sealed(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """W110: of the newest texts some are sealed with a key that is not here. W111: some stand in clear."""
    from core.history.approvals.sealing import newest_of_each

    found: list[CheckMessage] = []
    for alias in databases or []:
        try:
            texts = newest_of_each(alias, _SEALED_LOOKED_AT)
        except DatabaseError:
            continue  # W101 says so
        found += _not_as_sealed(texts)
    return found


def _not_as_sealed(texts: list[str]) -> list[CheckMessage]:
    from core.models.sealed import is_sealed, missing_key

    found: list[CheckMessage] = []
    if missing := sorted({missing_key(text) for text in texts} - {""}):
        found.append(
            Warning(
                f"Contexts or rules are sealed with keys that this site does not have: {', '.join(missing)}.",
                hint="Give them back in TELEMETRY_CONTEXT_KEY, behind the newest. Nobody can read these texts before.",
                id="core.W110",
            )
        )
    if settings.TELEMETRY_CONTEXT_KEYS and not all(map(is_sealed, texts)):
        what = (
            "There is a key for contexts, and some, or what goes with them, stand in the database in clear."
        )
        found.append(Warning(what, hint="Run `manage.py seal_contexts`.", id="core.W111"))
    return found
