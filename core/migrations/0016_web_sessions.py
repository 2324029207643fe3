from typing import Any

from django.db import migrations, models


def forget_plain_keys(apps: Any, editor: Any) -> None:
    """The former table holds keys as they stand in cookies: everybody signs in again."""
    apps.get_model("sessions", "Session").objects.using(editor.connection.alias).all().delete()


class Migration(migrations.Migration):
    keeps_rows = True  # sessions are in no backup

    dependencies = [("core", "0015_decision_signature"), ("sessions", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="WebSession",
            fields=[
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("session_key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("seen", models.DateTimeField(db_index=True)),
                ("account_id", models.BigIntegerField(db_index=True, null=True)),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunPython(forget_plain_keys, migrations.RunPython.noop),
    ]
