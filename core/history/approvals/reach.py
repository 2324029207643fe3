"""Whom a grant lets in: the other direction of policy, for those who set it."""

from django.contrib.auth import get_user_model

from core.history.people import rights
from core.models import Team


def approver_names(team: Team | None) -> list[str]:
    """The names of the active approvers of a team, or of all, in order."""
    return approver_names_by_team().get(None if team is None else team.pk, [])


def approver_names_by_team() -> dict[int | None, list[str]]:
    """The same of every team that has any, by its id; all of them under None. One query."""
    found: dict[int | None, list[str]] = {None: []}
    people = rights.deciders(get_user_model()).order_by("username").values_list("username", "teams")
    for name, team in people:
        if name not in found[None][-1:]:
            found[None].append(name)
        if team is not None:
            found.setdefault(team, []).append(name)
    return found
