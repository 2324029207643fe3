"""What the first `migrate` with policies brings: everybody who could answer may go on, and the record says so."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connections, transaction

from core.history.audit import entries
from core.models import DecisionGrant, PolicyState

WHAT = "policies came: superusers who could answer are in the group approver, and approvers may answer everything"


def ensure_policy(using: str, **_signal: Any) -> None:
    """Once in a database: the grant of everything to every approver, and today's superusers made approvers.

    A superuser does not decide by being one any more. A new installation has none yet, so nothing is recorded.
    """
    if PolicyState._meta.db_table not in connections[using].introspection.table_names():
        return  # a migration back to before it
    with transaction.atomic(using=using):
        if PolicyState.objects.using(using).exists():
            return
        # In bulk, which sends no signal: what an installation brings with it is no change.
        PolicyState.objects.using(using).bulk_create([PolicyState(pk=1)])
        if not DecisionGrant.objects.using(using).exists():
            DecisionGrant.objects.using(using).bulk_create([DecisionGrant()])
        accounts = get_user_model().objects.using(using).order_by("pk")
        could = accounts.filter(is_superuser=True, is_active=True)
        names = [user.get_username() for user in could]
        Group.objects.using(using).get(name="approver").user_set.add(*could)
        if accounts.exists():
            entries.append([entries.new_fact("policy.changed", what=WHAT, named=names)])
