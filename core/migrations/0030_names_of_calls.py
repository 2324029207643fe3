from itertools import islice
from typing import Any

from django.db import migrations, models

AT_ONCE = 1_000
LONGEST = 255


def fill(apps: Any, schema_editor: Any) -> None:
    """The other names of the calls that are recorded; where two calls have one, it is the older one's."""
    alias = schema_editor.connection.alias
    calls, names = apps.get_model("core", "LLMCall"), apps.get_model("core", "CallName")
    rows = calls.objects.using(alias).exclude(details={}, request_id="").order_by("pk")
    told = rows.values_list("call_id", "request_id", "details").iterator(AT_ONCE)
    found = (
        names(name=name, call_id=call_id)
        for call_id, request_id, details in told
        for name in {request_id, details.get("response_id") or ""} - {"", call_id}
        if len(name) <= LONGEST
    )
    while some := list(islice(found, AT_ONCE)):
        names.objects.using(alias).bulk_create(some, ignore_conflicts=True)


class Migration(migrations.Migration):
    """A table that is filled from others: a backup that was made before fits, and is asked for its rows then."""

    keeps_rows = True
    fill = staticmethod(fill)
    dependencies = [
        ("core", "0029_protocol_and_callbacks"),
    ]

    operations = [
        migrations.CreateModel(
            name="CallName",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=255, unique=True)),
                ("call_id", models.CharField(db_index=True, max_length=255)),
            ],
            options={
                "verbose_name": "name of a call",
                "default_permissions": (),
            },
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
