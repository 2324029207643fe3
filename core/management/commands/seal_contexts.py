"""`manage.py seal_contexts`: what stands in SQL already is sealed with the newest key, or put back in clear."""

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from core.history.approvals import sealing
from core.history.approvals.sealing import NoKey

LEFT_BEHIND = (
    "PostgreSQL keeps what stood there until it writes the tables anew: run VACUUM FULL core_approvalrecord, "
    "core_decisionintent, core_rule, and think of its log and of your backups."
)
OTHERS = "changed arguments and values of rules"
OPENED = "Now take the key away, start everything anew, and run `manage.py search_index --rebuild`."


class Command(BaseCommand):
    """Safe to run while the site goes on, and again where it was interrupted."""

    help = "Seal the contexts in the database with the newest key (docs/running/security.md), or open them again."

    def add_arguments(self, parser: CommandParser) -> None:
        """One switch."""
        parser.add_argument("--open", action="store_true", help="put them back in clear, before the key goes")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say how many that were and what cannot be read."""
        unread: Counter[str] = Counter()
        try:
            brought = sealing.open_all(unread) if options["open"] else sealing.seal_all(unread)
        except NoKey as error:
            raise CommandError(
                "there is no key: set TELEMETRY_CONTEXT_KEY or TELEMETRY_CONTEXT_KEY_FILE"
            ) from error
        done = "put back in clear" if options["open"] else "sealed"
        self.stdout.write(f"{brought.contexts:,} contexts {done}, and {brought.others:,} {OTHERS}")
        if options["open"]:
            self.stdout.write(OPENED)
        if connection.vendor == "postgresql" and not options["open"]:
            self.stdout.write(LEFT_BEHIND)
        for key, many in unread.items():
            self.stderr.write(
                f"{many:,} are sealed with the key {key}, which this site does not have, and stay so"
            )
