from django.db import migrations, models

BEFORE = "core_llmcall_at_a29936fb"


class Migration(migrations.Migration):
    # An index alone: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0031_words_of_tables"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="llmcall",
            index=models.Index(
                fields=["at", "id", "cost_nano", "duration_ms", "input_tokens", "output_tokens"],
                name="calls_by_time",
            ),
        ),
        # By itself AlterField would write the whole table of SQLite anew.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX IF EXISTS {BEFORE}", f"CREATE INDEX {BEFORE} ON core_llmcall (at)"
                )
            ],
            state_operations=[
                migrations.AlterField(model_name="llmcall", name="at", field=models.DateTimeField())
            ],
        ),
    ]
