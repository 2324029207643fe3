"""Whom a grant lets in: the other direction of policy, for those who set it."""

from collections.abc import Iterable

from django.contrib.auth import get_user_model

from core.history.people import rights
from core.models import Team


def let_in(team: Team | None) -> list[str]:
    """The names of the active approvers of a team, or of all, in order."""
    found = rights.deciders(get_user_model())
    if team is not None:
        found = found.filter(teams=team)
    names: Iterable[str] = found.order_by("username").values_list("username", flat=True)
    return list(names)
