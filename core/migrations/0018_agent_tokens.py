import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    # A table that is empty at first: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0017_rules"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AgentToken",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("label", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64, unique=True)),
                ("agent", models.CharField(max_length=255)),
                ("is_prefix", models.BooleanField(default=False, verbose_name="all that begin so")),
                ("scopes", models.CharField(max_length=100)),
                ("asks", models.CharField(default="*", max_length=1000)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("last_used_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "agent's token",
                "verbose_name_plural": "agents' tokens",
                "ordering": ["-pk"],
                "default_permissions": ("view", "add"),
            },
        ),
    ]
