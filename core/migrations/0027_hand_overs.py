import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    # A backup without the table is restored: nothing was handed over then.
    keeps_rows = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("core", "0026_deny_presets"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="HandOver",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("request_id", models.UUIDField(db_index=True)),
                ("giver", models.CharField(max_length=255)),
                ("name", models.CharField(max_length=255)),
                ("is_open", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField()),
                (
                    "group",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="auth.group",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="core.team",
                    ),
                ),
            ],
            options={
                "ordering": ["created_at", "pk"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_open", True)),
                        fields=("request_id",),
                        name="one_open_hand_over",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("group__isnull", True), ("person__isnull", False), ("team__isnull", True)
                            ),
                            models.Q(
                                ("group__isnull", True), ("person__isnull", True), ("team__isnull", False)
                            ),
                            models.Q(
                                ("group__isnull", False), ("person__isnull", True), ("team__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="handed_to_one",
                    ),
                ],
            },
        ),
    ]
