import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it, answered by no rule: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0016_web_sessions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Rule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("approved", models.BooleanField()),
                ("approval_type", models.CharField(max_length=255, verbose_name="kind")),
                ("agent", models.CharField(max_length=255)),
                ("terms", models.TextField(default="[]")),
                ("digest", models.CharField(blank=True, max_length=64)),
                ("run_id", models.UUIDField(blank=True, null=True)),
                ("reason", models.TextField()),
                ("request_id", models.UUIDField()),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                ("most_uses", models.PositiveIntegerField()),
                ("uses", models.PositiveIntegerField(default=0)),
                ("revoked_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-pk"],
                "default_permissions": ("view",),
            },
        ),
        migrations.AddIndex(
            model_name="approvalrecord",
            index=models.Index(fields=["digest", "-ended_at"], name="requests_alike"),
        ),
        migrations.AddField(
            model_name="rule",
            name="owner",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="decisionintent",
            name="rule",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="intents",
                to="core.rule",
            ),
        ),
        migrations.AddConstraint(
            model_name="decisionintent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rule__isnull", False)),
                fields=("request_id",),
                name="one_rule_per_request",
            ),
        ),
        migrations.AddConstraint(
            model_name="rule",
            constraint=models.CheckConstraint(
                condition=models.Q(("uses__lte", models.F("most_uses"))), name="no_more_uses_than_allowed"
            ),
        ),
    ]
