"""Second factors in the record: made, removed, and refused. Never a secret or a code."""

from typing import Any

from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from django.db import transaction

from core.history.audit import entries
from core.history.audit.at_commit import append_at_commit
from core.history.people.actor import acted
from core.history.people.sessions import note


def connect() -> None:
    """Listen to django-allauth. Called once, when the apps are ready."""
    signals.authenticator_added.connect(_added)
    signals.authenticator_removed.connect(_removed)
    signals.authenticator_reset.connect(_added)
    signals.authentication_failed.connect(_refused)


@transaction.atomic
def remove(user: Any) -> int:
    """Take all second factors of somebody who has lost them; returns how many there were. Recorded, or not done."""
    found = list(Authenticator.objects.filter(user=user))
    for factor in found:
        factor.delete()
        append_at_commit(acted("factor.removed", account=str(user), what=factor.type))
    return len(found)


def _added(user: Any, authenticator: Authenticator, **_signal: Any) -> None:
    note(acted("factor.added", account=str(user), what=authenticator.type))


def _removed(user: Any, authenticator: Authenticator, **_signal: Any) -> None:
    note(acted("factor.removed", account=str(user), what=authenticator.type))


def _refused(user: Any, authenticator: Authenticator, **_signal: Any) -> None:
    note(entries.new_fact("factor.refused", account=str(user), what=authenticator.type))
