from typing import Any

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class Lengthen(migrations.AlterField):
    """A column that holds longer names. SQLite holds them as it is, and would copy the table for each column."""

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: Any, to_state: Any
    ) -> None:
        if schema_editor.connection.vendor != "sqlite":
            super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0011_agent_hours"),
    ]

    operations = [
        Lengthen(
            model_name="agentassignment",
            name="agent_id",
            field=models.CharField(max_length=255, verbose_name="agent"),
        ),
        Lengthen(
            model_name="agentassignment",
            name="assignment_id",
            field=models.CharField(max_length=255, unique=True),
        ),
        Lengthen(
            model_name="agentassignment",
            name="routing_id",
            field=models.CharField(blank=True, max_length=255, verbose_name="routing"),
        ),
        Lengthen(
            model_name="agentassignment",
            name="task_type",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="agentrun",
            name="agent_id",
            field=models.CharField(max_length=255, verbose_name="agent"),
        ),
        Lengthen(
            model_name="agentrun",
            name="display_name",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="agentrun",
            name="status",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="approvalrecord",
            name="agent_id",
            field=models.CharField(db_index=True, max_length=255, verbose_name="agent"),
        ),
        Lengthen(
            model_name="approvalrecord",
            name="approval_type",
            field=models.CharField(db_index=True, max_length=255, verbose_name="kind"),
        ),
        Lengthen(
            model_name="approvalrecord",
            name="decision_id",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="approvalrecord",
            name="responder",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="auditentry",
            name="actor",
            field=models.CharField(blank=True, db_index=True, max_length=255),
        ),
        Lengthen(
            model_name="auditentry",
            name="agent_id",
            field=models.CharField(blank=True, db_index=True, max_length=255, verbose_name="agent"),
        ),
        Lengthen(
            model_name="coveragerecord",
            name="coverage_id",
            field=models.CharField(max_length=255, unique=True),
        ),
        Lengthen(
            model_name="coveragerecord",
            name="execution_id",
            field=models.CharField(blank=True, max_length=255, verbose_name="test execution"),
        ),
        Lengthen(
            model_name="coveragerecord",
            name="suite",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="decisionintent",
            name="agent_id",
            field=models.CharField(blank=True, max_length=255, verbose_name="agent"),
        ),
        Lengthen(
            model_name="decisionintent",
            name="approval_type",
            field=models.CharField(blank=True, max_length=255, verbose_name="kind"),
        ),
        Lengthen(
            model_name="filetestrecord",
            name="execution_id",
            field=models.CharField(blank=True, max_length=255, verbose_name="test execution"),
        ),
        Lengthen(
            model_name="filetestrecord",
            name="file_test_id",
            field=models.CharField(max_length=255, unique=True),
        ),
        Lengthen(
            model_name="llmcall",
            name="agent_id",
            field=models.CharField(blank=True, max_length=255, verbose_name="agent"),
        ),
        Lengthen(
            model_name="llmcall",
            name="cache_type",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="llmcall",
            name="call_id",
            field=models.CharField(max_length=255, unique=True),
        ),
        Lengthen(
            model_name="llmcall",
            name="model",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="llmcall",
            name="provider",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="llmcall",
            name="stage",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="llmcall",
            name="tier",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="llmcall",
            name="workflow",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="taskrouting",
            name="assigned_to",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="taskrouting",
            name="routing_id",
            field=models.CharField(max_length=255, unique=True),
        ),
        Lengthen(
            model_name="taskrouting",
            name="strategy",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="taskrouting",
            name="task_type",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="taskrouting",
            name="tier",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="testexecution",
            name="execution_id",
            field=models.CharField(max_length=255, unique=True),
        ),
        Lengthen(
            model_name="testexecution",
            name="suite",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="testexecution",
            name="triggered_by",
            field=models.CharField(blank=True, max_length=255),
        ),
        Lengthen(
            model_name="usagehour",
            name="model",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="usagehour",
            name="provider",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="usagehour",
            name="tier",
            field=models.CharField(max_length=255),
        ),
        Lengthen(
            model_name="usagehour",
            name="workflow",
            field=models.CharField(max_length=255),
        ),
    ]
