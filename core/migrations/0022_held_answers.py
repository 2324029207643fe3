from django.db import migrations, models
from django.db.models import Q

OUTCOMES = [
    ("open", "Open"),
    ("accepted", "Accepted"),
    ("already_decided", "Already Decided"),
    ("expired", "Expired"),
    ("cancelled", "Cancelled"),
    ("unknown", "Unknown"),
    ("changed", "Changed"),
    ("lapsed", "Lapsed"),
    ("on_hold", "Held"),
    ("void", "Void"),
]


class Migration(migrations.Migration):
    # Rows of a database before it are rows of one after it, none of them held: a backup without it is restored.
    keeps_rows = True

    dependencies = [
        ("core", "0021_set_aside_put_away"),
    ]

    operations = [
        migrations.AddField(
            model_name="decisionintent",
            name="release_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="decisionintent",
            name="brought",
            field=models.CharField(blank=True, db_default="", default="", max_length=100),
        ),
        migrations.AlterField(
            model_name="decisionintent",
            name="outcome",
            field=models.CharField(
                choices=OUTCOMES,
                db_default="open",
                db_index=True,
                default="open",
                max_length=16,
            ),
        ),
        migrations.AddConstraint(
            model_name="decisionintent",
            constraint=models.UniqueConstraint(
                condition=Q(outcome="on_hold"), fields=("request_id",), name="one_held_answer_per_request"
            ),
        ),
    ]
