"""The database of a test as a new installation has it: migrated, and without a row of its own."""

from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from core.history.audit import guards


def empty_the_database() -> None:
    """As after a new `migrate`. The guards would refuse it, so they are away meanwhile."""
    with connection.cursor() as cursor:
        for guard in guards.guards_of(connection):
            cursor.execute(guards.removal(guard, connection.vendor))
    call_command("flush", verbosity=0, interactive=False)
    ContentType.objects.clear_cache()
    assert guards.missing() == []
