"""The groups of the house: who may look, who may decide, who may read the record."""

from contextlib import nullcontext
from typing import Any

POLICY = (
    *("team", "decisiongrant", "agentowner", "approvaltype", "denypreset"),
    *("noticechannel", "escalation"),
)
GROUPS = {
    "viewer": ["view_approvalrecord"],
    "approver": ["view_approvalrecord", "decide_approval", "view_health"],
    "auditor": [
        *("view_approvalrecord", "view_auditentry", "view_decisionintent", "view_rule", "view_setasideentry"),
        *("view_llmcall", "view_usagehour", "view_notice"),
        *("view_taskrouting", "view_testexecution", "view_testfailure", "view_coveragerecord"),
        *("view_filetestrecord", "view_agentassignment", "view_agentrun", "view_health"),
    ],
    "maintainer": [
        *("view_approvalrecord", "view_setasideentry", "retry_setasideentry", "view_health"),
        "django_rq.admin",
    ],
    # Who sets who may approve, and may not by that.
    "administrator": [
        *("view_approvalrecord", "view_auditentry", "view_rule", "view_health", "view_notice"),
        *("view_agenttoken", "add_agenttoken"),
        *(f"{verb}_{table}" for table in POLICY for verb in ("view", "add", "change", "delete")),
        *("auth.view_user", "auth.add_user", "auth.change_user", "auth.view_group"),
    ],
}


def ensure_groups(using: str, **_signal: Any) -> None:
    """Make the groups with their permissions; what an administrator added to them stays."""
    from core.history.people.accounts import unrecorded
    from core.models import AuditEntry

    # What a new installation brings with it is no change; what an upgrade adds is one.
    with nullcontext() if AuditEntry.objects.using(using).exists() else unrecorded():
        _make_groups(using)


def _make_groups(using: str) -> None:
    from django.apps import apps
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    # This handler may run before the one that makes the permissions.
    for label in ("core", "django_rq", "auth"):
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    known = {
        (permission.content_type.app_label, permission.codename): permission
        for permission in Permission.objects.using(using).select_related("content_type")
    }
    for name, rights in GROUPS.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        wanted = (right.rpartition(".") for right in rights)
        found = (known.get((label or "core", codename)) for label, _, codename in wanted)
        group.permissions.add(*(permission for permission in found if permission is not None))
