"""System checks of the history."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.migrations.executor import MigrationExecutor


@register(Tags.database)
def check_guards(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """E001: a trigger that keeps the record append-only is missing or is not ours."""
    from core.history import guards

    found: list[CheckMessage] = []
    for using in databases or []:
        lacking = guards.missing(using)
        if lacking and not _waits_for_migration(using):
            names = ", ".join(guard.name for guard in lacking)
            found.append(
                Error(
                    f"The audit record can be changed: its database lacks {names}.",
                    hint="Find out who removed it, run `manage.py verify_audit`, "
                    "then `manage.py migrate --skip-checks`, which puts it back and records that.",
                    id="core.E001",
                )
            )
    return found


def _waits_for_migration(using: str) -> bool:
    """The next `migrate` puts guards in place; a check must not keep it from running."""
    executor = MigrationExecutor(connections[using])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes("core")))
