"""`manage.py second_factor`: what somebody has, and taking it from who has lost everything."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser

from core.history.people import factors
from dashboard.sign_in import words


class Command(BaseCommand):
    """Show the second factors of an account, or remove them; the removal is recorded."""

    help = "show the second factors of an account, or take them from somebody who has lost them"

    def add_arguments(self, parser: CommandParser) -> None:
        """A name and one switch."""
        parser.add_argument("name", help="the name that they sign in with")
        parser.add_argument("--remove", action="store_true", help="take all of them, recovery codes too")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print what there is, or how many were taken."""
        user = get_user_model().objects.filter(username=options["name"]).first()
        if user is None:
            raise CommandError(f"nobody is called {options['name']!r} here")
        if options["remove"]:
            removed = factors.remove(user)
            self.stdout.write(
                words.FACTORS_REMOVED.format(count=removed, name=user) if removed else f"{user} has none"
            )
            return
        found = Authenticator.objects.filter(user=user).order_by("created_at")
        for factor in found:
            self.stdout.write(f"{factor.type}, made {factor.created_at:%Y-%m-%d %H:%M} UTC")
        if not found:
            self.stdout.write("none")
