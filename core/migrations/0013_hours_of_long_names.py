from typing import Any

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

import core.models.usage


class _WhereAnIndexIsLimited:
    """SQLite's index takes rows of any length and stays as it is; otherwise the table would be copied."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)  # type: ignore[misc]

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_backwards(app_label, schema_editor, from_state, to_state)  # type: ignore[misc]


class Remove(_WhereAnIndexIsLimited, migrations.RemoveConstraint):
    pass


class Add(_WhereAnIndexIsLimited, migrations.AddConstraint):
    pass


class Migration(migrations.Migration):
    # An index alone: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0012_names_of_255_characters"),
    ]

    operations = [
        Remove(model_name="usagehour", name="one_row_per_hour_and_kind"),
        Add(
            model_name="usagehour",
            constraint=core.models.usage.UniqueOfNames(
                fields=("hour", "workflow", "tier", "provider", "model"), name="one_row_per_hour_and_kind"
            ),
        ),
    ]
