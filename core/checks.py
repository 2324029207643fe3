"""System checks of the history."""

import os
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from core import failpoints


@register(Tags.database)
def check_guards(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_options: Any
) -> list[CheckMessage]:
    """E001: a trigger that keeps the record append-only is missing, or something is there that is not ours."""
    from core.history import guards

    found: list[CheckMessage] = []
    for using in databases or []:
        faults = guards.faults(using)
        if faults and not _waits_for_migration(using):
            found.append(
                Error(
                    f"The audit record can be changed or lose entries: {'; '.join(faults)}.",
                    hint="Find out who did it, run `manage.py verify_audit`, then `manage.py migrate --skip-checks`, "
                    "which puts back triggers of ours and records that; drop yourself what is not ours.",
                    id="core.E001",
                )
            )
    return found


def _waits_for_migration(using: str) -> bool:
    """The next `migrate` puts guards in place; a check must not keep it from running."""
    executor = MigrationExecutor(connections[using])
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes("core")))


@register(Tags.security, deploy=True)
def check_failpoints(app_configs: Any = None, **_options: Any) -> list[CheckMessage]:
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
