import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    # Tables that are empty at first: a backup without them is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0028_tokens_of_machines"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProtocolInstance",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("agent", models.CharField(max_length=255, unique=True)),
                ("name", models.CharField(max_length=255)),
                ("sealed_delivery", models.TextField(blank=True, default="")),
                ("delivers_since", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "provisioner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="core.agenttoken"
                    ),
                ),
                (
                    "token",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="core.agenttoken"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="ProtocolAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("operation", models.CharField(max_length=60)),
                ("key", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64)),
                ("began_at", models.DateTimeField()),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("sealed_body", models.TextField(blank=True, default="")),
                (
                    "provisioner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="core.agenttoken"
                    ),
                ),
                (
                    "instance",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.protocolinstance",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=("provisioner", "operation", "key"), name="one_protocol_answer"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Callback",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("request_id", models.UUIDField(unique=True)),
                ("sealed_url", models.TextField(blank=True, default="")),
                ("sealed_secret", models.TextField(blank=True, default="")),
                ("host", models.CharField(blank=True, default="", max_length=255)),
                ("body", models.TextField(blank=True, default="")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "its request waits"),
                            ("due", "to be sent"),
                            ("sent", "taken by its receiver"),
                            ("over", "given up"),
                        ],
                        default="waiting",
                        max_length=7,
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True, default="")),
                (
                    "instance",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.protocolinstance",
                    ),
                ),
            ],
            options={
                "default_permissions": ("view",),
                "indexes": [models.Index(fields=["state", "next_at"], name="callbacks_to_do")],
            },
        ),
        migrations.CreateModel(
            name="ProtocolRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("agent", models.CharField(max_length=255)),
                ("key", models.CharField(max_length=255)),
                ("digest", models.CharField(max_length=64)),
                ("timeout", models.CharField(max_length=20)),
                ("valid_seconds", models.PositiveIntegerField()),
                ("request_id", models.UUIDField(null=True, unique=True)),
                ("began_at", models.DateTimeField()),
                ("told", models.BooleanField(default=False)),
                ("outcome", models.CharField(blank=True, default="", max_length=9)),
                ("note", models.TextField(blank=True, default="")),
                ("consumed_by", models.CharField(blank=True, default="", max_length=255)),
                ("reported_at", models.DateTimeField(null=True)),
                (
                    "instance",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.protocolinstance",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["told", "instance"], name="protocol_to_tell")],
                "constraints": [
                    models.UniqueConstraint(fields=("agent", "key"), name="one_protocol_request")
                ],
            },
        ),
    ]
