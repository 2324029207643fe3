"""The groups of the house: who may look, who may decide, who may read the record."""

from contextlib import nullcontext
from typing import Any

GROUPS = {
    "viewer": ["view_approvalrecord"],
    "approver": ["view_approvalrecord", "decide_approval"],
    "auditor": [
        *("view_approvalrecord", "view_auditentry", "view_decisionintent", "view_setasideentry"),
        *("view_taskrouting", "view_testexecution", "view_testfailure", "view_coveragerecord"),
        *("view_filetestrecord", "view_agentassignment", "view_agentrun"),
    ],
}


def ensure_groups(using: str, **_signal: Any) -> None:
    """Make the groups with their permissions; what an administrator added to them stays."""
    from core.history.accounts import unrecorded
    from core.models import AuditEntry

    # What a new installation brings with it is no change; what an upgrade adds is one.
    with nullcontext() if AuditEntry.objects.using(using).exists() else unrecorded():
        _make_groups(using)


def _make_groups(using: str) -> None:
    from django.apps import apps
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    # This handler may run before the one that makes the permissions.
    create_permissions(apps.get_app_config("core"), verbosity=0, using=using)
    for name, codenames in GROUPS.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        group.permissions.add(
            *Permission.objects.using(using).filter(content_type__app_label="core", codename__in=codenames)
        )
