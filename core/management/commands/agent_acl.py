"""The account of one agent in Redis: printed, or made."""

import secrets
from typing import Any
from urllib.parse import quote, urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, transaction

from core.errors import StoreRefused, StoreUnavailable
from core.history.audit import entries
from core.history.people.actor import acted
from core.management.agent_account import agent_rule
from core.store.approvals import read_asked
from core.store.client import Store, open_store
from core.store.configuration import configured_url
from core.store.keys import is_marked, quoted
from core.values.approvals import PENDING
from core.values.names import checked_name


class Command(BaseCommand):
    """See docs/reference/redis-accounts.md."""

    help = (
        "Print the Redis account of one agent, whose name is the agent's; with --apply make it or change it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The agent, and whether to do it."""
        parser.add_argument("agent", help="the agent_id that it asks and beats under")
        parser.add_argument(
            "--apply", action="store_true", help="make the account, with a password of its own"
        )

    def handle(self, *_args: Any, agent: str, apply: bool, **_options: Any) -> None:
        """A user of Redis has no space in its name, so the agent's stands there as it does in keys."""
        try:
            store = open_store()
            words = agent_rule(store.keys, checked_name(agent, "agent"), _older_requests(store, agent))
            user = f"agent-{quoted(agent)}"
            if not apply:
                shown = [f'"{word}"' if " " in word else word for word in words]
                self.stdout.write(" ".join(["ACL SETUSER", user, "reset", "on", ">password", *shown]))
                return
            password = _made(store, user, words)
        except StoreRefused as error:
            raise CommandError(
                f"{error}. Run this with the REDIS_URL of one who may make accounts"
            ) from error
        except (ValueError, StoreUnavailable, DatabaseError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{user} {password}")
        self.stderr.write(
            f"The agent gets  REDIS_URL={_address(user)}  with this password. It is not kept anywhere; run this again "
            "for another one. Redis keeps accounts only where it is told to: ACL SAVE."
        )


def _made(store: Store, user: str, words: list[str]) -> str:
    """The password of the account. Until its making is recorded, a new one lets nobody in, a known one as before."""
    password = secrets.token_urlsafe(24)
    with transaction.atomic():
        entries.append([acted("redis_account.made", name=user)])
        store.write("ACL", "SETUSER", user, "clearselectors", "resetkeys", *words)
    store.write("ACL", "SETUSER", user, "on", "resetpass", f">{password}")
    return password


def _address(user: str) -> str:
    """Where the agent finds Redis: in an address a quoted name is quoted once more."""
    parts = urlsplit(configured_url())
    return parts._replace(netloc=f"{quote(user)}:PASSWORD@{parts.netloc.rpartition('@')[2]}").geturl()


def _older_requests(store: Store, agent: str) -> list[str]:
    """What this agent still waits for of those that it asked before ids told whose they are."""
    waiting = [record.request_id for record in read_asked(store, agent)[1] if record.status == PENDING]
    return [request_id for request_id in waiting if not is_marked(request_id)]
