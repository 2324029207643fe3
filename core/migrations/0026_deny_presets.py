from typing import Any

from django.db import migrations, models

TEXTS = ("Wrong target", "Too large", "Need more information first", "Not now: ask again later")


def fill(apps: Any, schema_editor: Any) -> None:
    """What administrators begin with, and may change or delete."""
    presets = apps.get_model("core", "DenyPreset").objects.using(schema_editor.connection.alias)
    presets.bulk_create(
        presets.model(approval_type="*", text=text, place=10 * place) for place, text in enumerate(TEXTS, 1)
    )


class Migration(migrations.Migration):
    # A backup without them is restored, and gets those that a new installation begins with.
    keeps_rows = True
    fill = staticmethod(fill)

    dependencies = [("core", "0025_preferences")]

    operations = [
        migrations.CreateModel(
            name="DenyPreset",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "approval_type",
                    models.CharField(
                        default="*", help_text="* is every kind", max_length=255, verbose_name="kind"
                    ),
                ),
                (
                    "text",
                    models.CharField(
                        help_text="The agent reads it, as it would read one that is typed",
                        max_length=120,
                        verbose_name="reason",
                    ),
                ),
                (
                    "place",
                    models.PositiveSmallIntegerField(
                        default=10, help_text="The lowest stand first. Nine are offered at most"
                    ),
                ),
            ],
            options={
                "verbose_name": "reason to deny",
                "verbose_name_plural": "reasons to deny",
                "ordering": ["place", "pk"],
            },
        ),
        migrations.AddConstraint(
            model_name="denypreset",
            constraint=models.UniqueConstraint(fields=("approval_type", "text"), name="one_deny_preset"),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
