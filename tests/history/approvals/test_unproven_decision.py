"""Whoever reaches Redis can say that a decision came through the site; the record believes the site alone."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from core import ApprovalGate
from core.approvals import deciding
from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord, AuditEntry
from core.store.approvals import Answer
from core.values.approvals import SITE
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_decision_that_claims_the_site_without_an_intent_is_recorded_as_unverified(clean_redis):
    gate = ApprovalGate(clean_redis, "robot")
    request = gate.open_request("deploy")
    limit = datetime.now(UTC) + timedelta(seconds=10)
    digest = live_record(gate, request.request_id).digest
    answer = Answer(request.request_id, True, "maria", "", SITE, str(uuid.uuid4()), limit, digest)
    assert deciding.decide(gate._store, answer).accepted
    Recorder(clean_redis).step()
    assert ApprovalRecord.objects.get(pk=request.request_id).channel == "direct"
    assert '"channel":"direct"' in AuditEntry.objects.get(kind="approval.approved").details
