from django.db import migrations, models


class Migration(migrations.Migration):
    # Nobody put any away before it: a backup without the column is restored.
    keeps_rows = True

    dependencies = [("core", "0020_notices")]

    operations = [
        migrations.AddField(
            model_name="setasideentry",
            name="put_away_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
