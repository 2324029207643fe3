from django.db import migrations


class Migration(migrations.Migration):
    """Nothing to change here: the triggers that came with it are put in place after every migration."""

    dependencies = [
        ("core", "0006_jobs_and_health"),
    ]

    operations = []
