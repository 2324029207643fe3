"""`manage.py createsuperuser`: Django's, and whether who is made also answers requests."""

import sys
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.models import Group
from django.core.management.base import CommandParser

from core.history.people.first import APPROVER
from dashboard.sign_in import words


class Command(createsuperuser.Command):
    """It is in the record either way."""

    def add_arguments(self, parser: CommandParser) -> None:
        """Django's, and one switch."""
        super().add_arguments(parser)
        parser.add_argument("--approver", action="store_true", help="put them into the group approver too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the account, and ask or say what is still missing."""
        superusers = get_user_model()._base_manager.using(options["database"]).filter(is_superuser=True)
        known = list(superusers.values_list("pk", flat=True))
        super().handle(*args, **options)
        for user in superusers.exclude(pk__in=known):
            self._offer(user, options)

    def _offer(self, user: Any, options: dict[str, Any]) -> None:
        name = user.get_username()
        if options["approver"] or (options["interactive"] and sys.stdin.isatty() and _says_yes(name)):
            user.groups.add(Group.objects.using(options["database"]).get(name=APPROVER))
            self.stdout.write(words.IS_APPROVER.format(name=name))
        elif options["verbosity"] >= 1:
            self.stdout.write(words.IS_NO_APPROVER.format(name=name))


def _says_yes(name: str) -> bool:
    return input(words.ASK_APPROVER.format(name=name)).strip().lower() in ("y", "yes")
