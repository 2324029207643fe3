"""Rows of rules that somebody changed past the software: verification names them."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F
from django.utils import timezone

from core.history.approvals import rules
from core.history.approvals.rules import RuleDraft
from core.history.approvals.terms import Scope, ValueTerm
from core.history.proof.verification import verify
from core.models import Rule

pytestmark = pytest.mark.django_db(transaction=True)

CHANGES = {
    "approved": False,
    "approval_type": "another",
    "agent": "another",
    "digest": "0" * 64,
    "terms": "[]",
    "reason": "another",
    "most_uses": 9_000,
    "expires_at": F("expires_at") + timedelta(days=30),
    "run_id": "7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c",
}


@pytest.fixture
def made(gate, maria) -> Rule:
    """A rule that stands, beside one that was revoked."""
    request_id = gate.open_request("shell", {"command": "git push"}).request_id
    scope = Scope(True, "shell", "deployer", (ValueTerm(("command",), "is", "git push"),))
    draft = RuleDraft(scope, "as every day", timedelta(hours=1), 20, request_id)
    revoked, made = (rules.make(gate._store, maria, draft) for _ in range(2))
    rules.revoke(maria, revoked.pk, timezone.now())
    assert problems() == []
    return made


def problems() -> list[str]:
    return verify(Path("/none")).problems


@pytest.mark.parametrize("column", CHANGES)
def test_a_changed_row_is_named(made, column):
    Rule.objects.filter(pk=made.pk).update(**{column: CHANGES[column]})
    word = {"terms": "values", "run_id": "run"}.get(column, column.replace("_", " "))
    assert problems() == [f"rule {made.pk}: its {word} is not the one in the record"]


def test_one_that_was_revoked_and_stands_again_is_named(made):
    revoked = Rule.objects.exclude(pk=made.pk).get()
    Rule.objects.update(revoked_at=None)
    assert problems() == [f"rule {revoked.pk}: it stands there, and was revoked by the record"]


def test_one_that_is_gone_is_named(made):
    number = made.pk
    made.delete()
    assert problems() == [f"rule {number}: the record tells of it, and its row is gone"]


def test_one_that_nobody_made_is_named(made):
    forged = Rule.objects.get(pk=made.pk)
    forged.pk = None
    Rule.objects.bulk_create([forged])
    assert problems() == [f"rule {forged.pk}: the record knows nothing of it"]
