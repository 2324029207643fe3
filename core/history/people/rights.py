"""The permissions that somebody really holds, read once for each user object."""

from typing import Any

from django.contrib.auth.models import Permission
from django.db.models import Exists, OuterRef, Q, QuerySet

VIEW = "core.view_approvalrecord"
DECIDE = "core.decide_approval"
BREAK_GLASS = "core.break_glass"


def granted_permissions(user: Any) -> "QuerySet[Permission]":
    """What was given to a person, or to a group that they are in. Being a superuser gives none of it."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user))


def remember(user: Any, held: set[str]) -> None:
    """Let `has_perm` of this object answer from what was read already.

    `_perm_cache` is Django's own, where its backend keeps the same set after two queries; there is no other way
    to hand it over. A fresh object of the same person knows nothing of it.
    """
    user._perm_cache = held


def deciders(model: Any) -> Any:
    """The active people who hold the right to decide, of this user model."""
    return model.objects.filter(holds_right(DECIDE), is_active=True)


def keys_of_holders(*wanted: str) -> dict[str, set[Any]]:
    """The keys of the active people who hold each of these rights of ours, in two queries for all of them.

    Simpler ones than that of `deciders`, which Django takes longer to put together than the database to answer.
    """
    names = {right.partition(".")[2]: right for right in wanted}
    ours = Permission.objects.filter(content_type__app_label="core", codename__in=names).order_by()
    directly = ours.filter(user__is_active=True).values_list("codename", "user")
    by_group = ours.filter(group__user__is_active=True).values_list("codename", "group__user")
    found: dict[str, set[Any]] = {right: set() for right in wanted}
    for name, key in (*directly, *by_group):
        found[names[name]].add(key)
    return found


def holds_right(right: str) -> Q:
    """That somebody holds a right of ours, such as `VIEW`, by themselves or by a group."""
    ours = Q(content_type__app_label="core", codename=right.partition(".")[2])
    directly = Permission.objects.filter(ours, user=OuterRef("pk"))
    by_group = Permission.objects.filter(ours, group__user=OuterRef("pk"))
    return Q(Exists(directly) | Exists(by_group))
