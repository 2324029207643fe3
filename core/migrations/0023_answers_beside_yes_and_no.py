from django.db import migrations, models


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it, answered yes or no: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0022_held_answers"),
    ]

    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name=name,
                field=field(),
            )
            for model in ("approvalrecord", "decisionintent")
            for name, field in (
                ("answer", lambda: models.CharField(blank=True, db_default="", default="", max_length=10)),
                ("edited_to", lambda: models.TextField(blank=True, db_default="", default="")),
            )
        ),
        migrations.AddField(
            model_name="approvalrecord",
            name="revises",
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="approvaltype",
            name="edits",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Approvers may change values. Only for agents that say that they understand it",
                verbose_name="may be edited",
            ),
        ),
    ]
