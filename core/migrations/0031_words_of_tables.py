from django.db import migrations


class Migration(migrations.Migration):
    # Names alone: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0030_names_of_calls"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="coveragerecord",
            options={
                "default_permissions": ("view",),
                "ordering": ["-at", "-pk"],
                "verbose_name": "coverage by tests",
                "verbose_name_plural": "coverage by tests",
            },
        ),
        migrations.AlterModelOptions(
            name="decisionintent",
            options={
                "ordering": ["-created_at"],
                "verbose_name": "attempt to answer",
                "verbose_name_plural": "attempts to answer",
            },
        ),
        migrations.AlterModelOptions(
            name="setasideentry",
            options={
                "default_permissions": ("view",),
                "ordering": ["-at"],
                "permissions": [("retry_setasideentry", "Can record a set aside entry again")],
                "verbose_name": "change set aside",
                "verbose_name_plural": "changes set aside",
            },
        ),
        migrations.AlterModelOptions(
            name="testexecution",
            options={
                "default_permissions": ("view",),
                "ordering": ["-at", "-pk"],
                "verbose_name": "run of tests",
                "verbose_name_plural": "runs of tests",
            },
        ),
    ]
