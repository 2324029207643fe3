from django.db import migrations, models


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it, with no comment: a backup without it is restored.
    keeps_rows = True

    dependencies = [("core", "0018_agent_tokens")]

    operations = [
        migrations.CreateModel(
            name="ApprovalComment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("request_id", models.UUIDField(db_index=True)),
                ("author", models.CharField(max_length=255)),
                ("text", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["created_at", "pk"],
                "default_permissions": (),
            },
        ),
        migrations.AddIndex(
            model_name="approvalrecord",
            index=models.Index(fields=["approval_type", "-ended_at"], name="ends_of_a_kind"),
        ),
        migrations.AddIndex(
            model_name="approvalrecord",
            index=models.Index(
                fields=["agent_id", "approval_type", "status", "-ended_at"], name="ends_of_an_agents_kind"
            ),
        ),
    ]
