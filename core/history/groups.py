"""The groups of the house: who may look, who may decide, who may read the record."""

from typing import Any

GROUPS = {
    "viewer": ["view_approvalrecord"],
    "approver": ["view_approvalrecord", "decide_approval"],
    "auditor": ["view_approvalrecord", "view_auditentry", "view_decisionintent", "view_setasideentry"],
}


def ensure_groups(using: str, **_signal: Any) -> None:
    """Make the groups with their permissions; what an administrator added to them stays."""
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
