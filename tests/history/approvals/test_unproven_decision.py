"""Whoever reaches Redis can say that a decision came through the site; the record believes the site alone."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from core import ApprovalGate
from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord, AuditEntry

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_decision_that_claims_the_site_without_an_intent_is_recorded_as_unverified(clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    request = gate.open_request("deploy")
    gate.decide_for_site(
        request.request_id,
        True,
        "maria",
        "",
        decision_id=str(uuid.uuid4()),
        not_after=datetime.now(UTC) + timedelta(seconds=10),
        digest=gate.read_record(request.request_id).digest,
    )
    Recorder(clean_redis).step()
    assert ApprovalRecord.objects.get(pk=request.request_id).channel == "direct"
    assert '"channel":"direct"' in AuditEntry.objects.get(kind="approval.approved").details
