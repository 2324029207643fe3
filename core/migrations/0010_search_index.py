from django.db import migrations


class Migration(migrations.Migration):
    """Nothing to change here: the index of requests that came with it is made and filled after every migration."""

    keeps_rows = True
    dependencies = [
        ("core", "0009_provider_usage"),
    ]

    operations = []
