from django.db import migrations, models


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it, without signatures: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0014_people_and_policy"),
    ]

    operations = [
        migrations.AddField(
            model_name="approvalrecord",
            name="signature",
            field=models.CharField(blank=True, db_default="", default="", max_length=160),
        ),
        migrations.AddField(
            model_name="decisionintent",
            name="signature",
            field=models.CharField(blank=True, db_default="", default="", max_length=160),
        ),
    ]
