"""The public keys by which agents know this site's decisions, and the way to a new one."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, transaction

from core.approvals.proof import KEY_SETTING
from core.history.approvals import signing
from core.history.approvals.signing import CannotSign, Keyring
from core.history.audit import entries
from core.history.people.actor import acted
from core.values.signature import key_id, parse_public_keys, public_key_text

NOT_ANNOUNCED = (
    "no key is announced, so no agent has it, and each would refuse what it signs: run `decision_key --announce` and "
    "give agents the lines first. Where the key was stolen: --rotate --at-once"
)
NOT_GIVEN = (
    f"the {KEY_SETTING} of this site, which says what agents have, lacks the announced key: give agents and the site "
    "all lines that `decision_key` prints, and start them again. To rotate all the same: --rotate --at-once"
)


class Command(BaseCommand):
    """See docs/agents/signed-decisions.md."""

    help = f"Print the public keys that agents get as {KEY_SETTING}, the one that signs now first."

    def add_arguments(self, parser: CommandParser) -> None:
        """The two steps to a new key, and the way without the first."""
        steps = parser.add_mutually_exclusive_group()
        steps.add_argument(
            "--announce", action="store_true", help="make the key that signs next, for agents to get"
        )
        steps.add_argument("--rotate", action="store_true", help="sign with the announced key from now on")
        parser.add_argument(
            "--at-once", action="store_true", help="with --rotate: with a key that no agent has yet"
        )

    def handle(self, *_args: Any, announce: bool, rotate: bool, at_once: bool, **_options: Any) -> None:
        """Print every public key whose signatures count, in the form of the setting, and say what each is for."""
        if at_once and not rotate:
            raise CommandError("--at-once goes with --rotate")
        try:
            keys = self._announced() if announce else self._rotated(at_once) if rotate else signing.keyring()
        except (CannotSign, DatabaseError) as error:
            raise CommandError(str(error)) from error
        for public in keys.known.values():
            self.stdout.write(public_key_text(public))
        for public in keys.known.values():
            self.stderr.write(f"{key_id(public)}: {self._what(keys, public)}")
        needed = " ".join(
            public_key_text(public) for public in keys.known.values() if self._is_needed(keys, public)
        )
        self.stderr.write(f'Agents and the site get  {KEY_SETTING}="{needed}"')
        if keys.announced is not None:
            self.stderr.write("When all of them have it: manage.py decision_key --rotate")
        self.stderr.write(f"The file of the private key is {settings.TELEMETRY_DECISION_KEY_FILE}.")

    def _is_needed(self, keys: Keyring, public: bytes) -> bool:
        return public in (keys.public, keys.announced) or bool(signing.unheard(key_id(public)))

    def _what(self, keys: Keyring, public: bytes) -> str:
        if public == keys.public:
            return "signs now"
        if public == keys.announced:
            return "announced: signs after --rotate"
        count = signing.unheard(key_id(public))
        if not count:
            return "before it: agents need it no more"
        approvals = (
            "1 approval that it signed was" if count == 1 else f"{count:,} approvals that it signed were"
        )
        return f"before it: {approvals} not collected yet, so agents need it"

    @transaction.atomic
    def _announced(self) -> Keyring:
        entries.locked_head()  # a record that cannot be written refuses here, before the file is changed
        before, keys = signing.keyring(), signing.announce()
        if before.announced is None and keys.announced is not None:
            said = {"now": keys.key_id, "next": key_id(keys.announced)}
            entries.append([acted("decision_key.announced", **said)])
        return keys

    @transaction.atomic
    def _rotated(self, at_once: bool) -> Keyring:
        before = signing.keyring()
        given = parse_public_keys(settings.TELEMETRY_DECISION_KEY)
        if not at_once and before.announced is None:
            raise CommandError(NOT_ANNOUNCED)
        if not at_once and given and before.announced not in given.values():
            raise CommandError(NOT_GIVEN)
        entries.locked_head()
        keys = signing.rotate(at_once=at_once)
        entries.append([acted("decision_key.rotated", was=before.key_id, now=keys.key_id)])
        return keys
