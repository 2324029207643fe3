"""Every change of who may approve what stands in the record, and makes the policy one version newer."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_save

from core.history.audit.at_commit import append_at_commit
from core.history.database import locks
from core.history.people import rights_changes
from core.history.people.actor import acted
from core.models import (
    AgentOwner,
    ApprovalType,
    DecisionGrant,
    DenyPreset,
    Escalation,
    NoticeChannel,
    PolicyState,
    Team,
)

TABLES: tuple[Any, ...] = (
    *(Team, DecisionGrant, AgentOwner, ApprovalType, DenyPreset),
    *(NoticeChannel, Escalation),
)


def connect() -> None:
    """Listen to the tables of policy. Called once, when the apps are ready."""
    for table in TABLES:
        table.save = transaction.atomic(table.save)  # row and entry are one transaction, as in accounts.py
        pre_save.connect(_remember, sender=table)
        post_save.connect(_saved, sender=table)
        post_delete.connect(_deleted, sender=table)
    m2m_changed.connect(_team_changed, sender=Team.people.through)


def _remember(instance: Any, raw: bool, **_signal: Any) -> None:
    instance._before = None
    if not raw:
        locks.hold_people()
        instance._before = (
            type(instance)._base_manager.filter(pk=instance.pk).first() if instance.pk else None
        )


def _saved(instance: Any, raw: bool, **_signal: Any) -> None:
    before, now = instance.__dict__.pop("_before", None), _said(instance)
    if raw or (before is not None and _said(before) == now):
        return
    _record(instance, now=now, **({} if before is None else {"before": _said(before)}))


def _deleted(instance: Any, **_signal: Any) -> None:
    _record(instance, before=_said(instance))


def _team_changed(instance: Any, action: str, reverse: bool, pk_set: Any, **_signal: Any) -> None:
    """Somebody joins or leaves a team, from its own page or from theirs."""
    if action == "pre_clear":
        related = instance.teams if reverse else instance.people
        pk_set = set(related.values_list("pk", flat=True))
    change = {"post_add": "joined", "post_remove": "left", "pre_clear": "left"}.get(action)
    if change is None or not pk_set:
        return
    locks.hold_people()
    if reverse:
        for team in Team.objects.filter(pk__in=pk_set).order_by("pk"):
            _record(team, **{change: [instance.get_username()]})
        return
    people = get_user_model().objects.filter(pk__in=pk_set).order_by("pk")
    _record(instance, **{change: [person.get_username() for person in people]})


def _said(row: Any) -> dict[str, Any]:
    """What a row says, in words that outlive the rows it points to; nothing that is sealed."""
    names = [field.name for field in row._meta.concrete_fields if field.name != "id"]
    values = {name: getattr(row, name) for name in names if not name.startswith("sealed_")}
    return {name: str(value) if hasattr(value, "pk") else value for name, value in values.items()}


def _record(row: Any, **said: Any) -> None:
    rights_changes.changing()
    PolicyState.objects.filter(pk=1).update(version=F("version") + 1)
    version = PolicyState.objects.filter(pk=1).values_list("version", flat=True).first() or 0
    what = f"{row._meta.verbose_name} {row}"
    append_at_commit(acted("policy.changed", what=what, version=version, **said))
