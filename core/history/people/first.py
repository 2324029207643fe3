"""The first administrator: whoever has the link that the start printed, while this site knows nobody."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.signing import BadSignature, TimestampSigner
from django.db import transaction
from django.utils.crypto import get_random_string

from core.history.database import locks

SECONDS = 30 * 60
APPROVER = "approver"
_signer = TimestampSigner(salt="first administrator")


class LinkIsOver(Exception):
    """There is somebody by now, or the link is too old, or none of ours."""


def new_token() -> str:
    """What the link ends with. It holds for half an hour, until there is somebody: so it is used once."""
    return _signer.sign(get_random_string(16))


def is_good(token: str) -> bool:
    """Whether somebody may still become the first with it."""
    try:
        _signer.unsign(token, max_age=SECONDS)
    except BadSignature:
        return False
    return not get_user_model()._base_manager.exists()


def make(user: Any, token: str, *, approver: bool) -> None:
    """Save this new account as the administrator, and as an approver where they want it. LinkIsOver: nobody is made.

    Of two at once one is the first. The record tells of both, as of any account and right.
    """
    with transaction.atomic():
        locks.hold_people()
        if not is_good(token):
            raise LinkIsOver
        user.is_staff = user.is_superuser = True
        user.save()
        if approver:
            user.groups.add(Group.objects.get(name=APPROVER))
