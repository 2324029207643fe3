"""The public key by which agents know this site's decisions, and a new one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from core.approvals.proof import KEY_SETTING
from core.history.approvals import signing
from core.history.approvals.signing import CannotSign, Keyring
from core.history.audit import entries
from core.history.people.actor import actor
from core.values.signature import public_key_text


class Command(BaseCommand):
    """See docs/agents/signed-decisions.md."""

    help = f"Print the public key that agents get as {KEY_SETTING}, the newest first."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--rotate", action="store_true", help="sign with a new key from now on")

    def handle(self, *_args: Any, rotate: bool, **_options: Any) -> None:
        """Print every public key whose signatures count, in the form of the setting."""
        try:
            keys = self._rotated() if rotate else signing.keyring()
        except CannotSign as error:
            raise CommandError(str(error)) from error
        for public in keys.known.values():
            self.stdout.write(public_key_text(public))
        self.stderr.write(
            f"The key that signs is {keys.key_id}, in {settings.TELEMETRY_DECISION_KEY_FILE}. "
            f"Give agents all lines above as {KEY_SETTING}, with spaces between them."
        )

    def _rotated(self) -> Keyring:
        before, keys = signing.keyring(), signing.rotate()
        with transaction.atomic():
            name, how = actor()
            fact = entries.new_fact("decision_key.rotated", name, was=before.key_id, now=keys.key_id, **how)
            entries.append([fact])
        return keys
