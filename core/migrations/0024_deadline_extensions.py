import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it, none of them extended: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0023_answers_beside_yes_and_no"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DeadlineExtension",
            fields=[
                ("extension_id", models.UUIDField(primary_key=True, serialize=False)),
                ("request_id", models.UUIDField(db_index=True)),
                ("was_at", models.DateTimeField()),
                ("deadline_at", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("applied_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ["created_at"], "default_permissions": ()},
        ),
    ]
