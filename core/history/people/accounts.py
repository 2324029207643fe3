"""Changes of people, groups and rights, recorded in the transaction that makes them, as its last statement.

By signals, so from the admin, the shell and commands alike. `QuerySet.update`, bulk operations and plain
SQL send none: docs/running/security.md says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save

from core.history.audit.at_commit import append_at_commit
from core.history.audit.kinds import details_of
from core.history.database import locks
from core.history.people import rights_changes
from core.history.people.actor import acted
from core.history.people.lookalikes import look_alike
from core.models import AuditEntry
from core.values.malformed import ODD
from core.values.text import one_line

WATCHED = ("username", "email", "is_active", "is_staff", "is_superuser")  # notices go to the address
LOOKS_LIKE = "This name looks like that of {name}, so the two would be taken for each other."
_silent: ContextVar[bool] = ContextVar("silent", default=False)


class DeletedMeanwhile(IntegrityError):
    """What was to be saved was deleted meanwhile. Django would make it anew."""


@contextmanager
def unrecorded() -> Iterator[None]:
    """What an installation brings with it is no change."""
    token = _silent.set(True)
    try:
        yield
    finally:
        _silent.reset(token)


def connect() -> None:
    """Listen to accounts, groups and what ties rights to them. Called once, when the apps are ready."""
    user_model: Any = get_user_model()
    models_of_rights: tuple[Any, ...] = (user_model, Group)
    for model in models_of_rights:
        _save_with_its_entry(model)
        pre_save.connect(_remember, sender=model)
        pre_delete.connect(_remember_rights, sender=model)
        post_delete.connect(_deleted, sender=model)
    post_save.connect(_account_saved, sender=user_model)
    post_save.connect(_group_saved, sender=Group)
    for through in (
        user_model.groups.through,
        user_model.user_permissions.through,
        Group.permissions.through,
    ):
        m2m_changed.connect(_rights_changed, sender=through)


def _save_with_its_entry(model: Any) -> None:
    """Replace `save` of a model: row and entry are one transaction, also where nobody opened one.

    Django commits a single save before it sends post_save, and sends no signal in between. ATOMIC_REQUESTS is for
    views alone, not for commands and the shell; a model of our own could not take the place of Django's accounts
    in an installation that has some.
    """
    model.save = transaction.atomic(model.save)


def _hold() -> None:
    """One change of people at a time, and what others may hear is not known from here to its commit."""
    locks.hold_people()
    rights_changes.changing()


def _record(kind: str, **details: Any) -> None:
    if not _silent.get():
        append_at_commit(acted(kind, **details))


def _remember(instance: Any, raw: bool, update_fields: Any = None, **_signal: Any) -> None:
    """What stands before the change. A sign-in stores its time, which is none."""
    instance._before = None
    if raw or update_fields == frozenset({"last_login"}):
        return
    _hold()
    if instance.pk is not None:
        instance._before = type(instance)._base_manager.filter(pk=instance.pk).first()
        if instance._before is None and not instance._state.adding:
            raise DeletedMeanwhile(f"{instance} was deleted meanwhile")
    if not isinstance(instance, Group) and (update_fields is None or "username" in update_fields):
        _refuse_lookalike(instance)


def lookalike_of(account: Any) -> str:
    """The name of somebody else that this account's name looks like; '' for none. What it had before may stay."""
    name, accounts = account.get_username(), type(account)._base_manager
    names = dict(accounts.values_list("pk", "username"))
    if names.pop(account.pk, None) == name:
        return ""
    return next((other for other in names.values() if other != name and look_alike(other, name)), "")


def _refuse_lookalike(account: Any) -> None:
    """In a transaction that holds the people: of two such names at once, one is refused."""
    if like := lookalike_of(account):
        raise ValidationError({"username": LOOKS_LIKE.format(name=one_line(like))})


def _account_saved(instance: Any, created: bool, raw: bool, update_fields: Any, **_signal: Any) -> None:
    if created:
        flags = {name: True for name in ("is_staff", "is_superuser") if getattr(instance, name)}
        _record("account.created", account=instance.get_username(), **flags)
    before = instance.__dict__.pop("_before", None)
    if raw or created or before is None:
        return
    changed = {
        name: [getattr(before, name), getattr(instance, name)]
        for name in WATCHED
        if (update_fields is None or name in update_fields)
        and getattr(before, name) != getattr(instance, name)
    }
    if changed:
        _record("account.changed", account=instance.get_username(), changed=changed)
    # A sign-in may store the same password under a newer hasher: then nobody set one.
    rehashed = update_fields == frozenset({"password"}) and instance._password is None
    stored = update_fields is None or "password" in update_fields
    if stored and before.password != instance.password and not rehashed:
        _record("account.password", account=instance.get_username())


def earlier_names(name: str) -> Iterator[str]:
    """How the account of this name was called before, by the record: the last one first."""
    changes = AuditEntry.objects.filter(kind="account.changed").order_by("-sequence")
    for text in changes.values_list("details", flat=True).iterator():
        try:
            before, after = (details_of(text) or {})["changed"]["username"]
        except ODD:  # something else of it was changed, or somebody damaged the entry
            continue
        if after == name:
            name = str(before)
            yield name


def _group_saved(instance: Group, created: bool, raw: bool, **_signal: Any) -> None:
    before = instance.__dict__.pop("_before", None)
    if created:
        _record("group.created", group=instance.name)
    elif before is not None and before.name != instance.name:
        _record("group.renamed", group=instance.name, before=before.name)


def _remember_rights(instance: Any, **_signal: Any) -> None:
    """Deleting cascades to the rights without a signal of their own."""
    _hold()
    instance._rights = {name: _names(related.all()) for name, related in _related(instance).items()}


def _deleted(instance: Any, **_signal: Any) -> None:
    noun = "group" if isinstance(instance, Group) else "account"
    rights = {name: names for name, names in instance.__dict__.pop("_rights", {}).items() if names}
    _record(f"{noun}.deleted", **{noun: str(instance)}, **rights)


def _related(instance: Any) -> dict[str, Any]:
    if isinstance(instance, Group):
        return {"permissions": instance.permissions, "accounts": instance.user_set}
    return {"groups": instance.groups, "permissions": instance.user_permissions}


def _rights_changed(
    sender: Any, instance: Any, action: str, reverse: bool, model: Any, pk_set: Any, **_signal: Any
) -> None:
    if action.startswith("pre_"):
        _hold()
    if action == "pre_clear":
        field = next(f for f in _many_to_many() if f.remote_field.through is sender)
        name = field.remote_field.get_accessor_name() if reverse else field.name
        pk_set = set(getattr(instance, name or "").values_list("pk", flat=True))
    kind = {"post_add": "rights.granted", "post_remove": "rights.taken", "pre_clear": "rights.taken"}.get(
        action
    )
    if kind is None or not pk_set:
        return
    others = list(model._base_manager.filter(pk__in=pk_set).order_by("pk"))
    if not reverse:
        _record(kind, **_holder(instance), **{_plural(model): _names(others)})
        return
    for holder in others:
        _record(kind, **_holder(holder), **{_plural(type(instance)): _names([instance])})


def _many_to_many() -> list[Any]:
    user_model = get_user_model()
    fields: list[Any] = [*user_model._meta.many_to_many, *Group._meta.many_to_many]
    return fields


def _holder(instance: models.Model) -> dict[str, str]:
    return {"group" if isinstance(instance, Group) else "account": str(instance)}


def _plural(model: Any) -> str:
    return {Group: "groups", Permission: "permissions"}.get(model, "accounts")


def _names(objects: Any) -> list[str]:
    return sorted(
        f"{one.content_type.app_label}.{one.codename}" if isinstance(one, Permission) else str(one)
        for one in objects
    )
