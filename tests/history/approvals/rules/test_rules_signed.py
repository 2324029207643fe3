"""What a rule says is signed as a person's answer is, and a rule keeps away from what was changed in Redis."""

import time
import uuid
from datetime import timedelta

import pytest

from core.history.approvals import rules
from core.history.approvals.rules import RuleDraft
from core.history.approvals.terms import Scope, ValueTerm
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.values.digests import request_digest
from dashboard.approvals.page import EndedRequest
from tests.live_record import live_record

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_key")]

NAME = "{telemetry}:approvals:"
PUSH = {"command": "git push"}


@pytest.fixture
def rule(gate, make_user):
    """Let a rule of ann approve `git push`."""
    ann = make_user("ann", "approver")

    def make():
        scope = Scope(True, "shell", "deployer", (ValueTerm(("command",), "is", "git push"),))
        first = gate.open_request("shell", {"command": "the first"})
        draft = RuleDraft(scope, "as every day", timedelta(hours=4), 20, first.request_id)
        return rules.make(gate._store, ann, draft)

    return make


@pytest.fixture
def forged(gate, raw):
    """A request that somebody with a full account of Redis ended as if a rule had."""
    request = gate.open_request("shell", PUSH)
    end = {"status": "approved", "approved": "1", "responder": "rule 1 of ann", "reason": "as every day"}
    end |= {"ended_ms": str(int(time.time() * 1000)), "channel": "rule"}
    raw.xadd(f"{NAME}ended:{request.request_id}", end)
    raw.hset(f"{NAME}request:{request.request_id}", mapping={**end, "decision_id": str(uuid.uuid4())})
    raw.zrem(f"{NAME}pending", request.request_id)
    return request


def test_an_agent_with_the_key_takes_the_yes_of_a_rule(agents_have_the_key, gate, rule, record):
    made = rule()
    request = gate.open_request("shell", PUSH)
    record()
    heard = gate.wait_for_decision(request.request_id, digest=request.digest)
    assert (heard.approved, heard.verified, heard.channel) == (True, True, "rule")
    assert heard.responder == f"rule {made.pk} of ann"
    signature = live_record(gate, request.request_id).signature
    record()
    assert ApprovalRecord.objects.get(pk=request.request_id).signature == signature != ""


def test_an_agent_with_the_key_refuses_a_forged_yes_of_a_rule(agents_have_the_key, gate, forged):
    heard = gate.wait_for_decision(forged.request_id, digest=forged.digest)
    assert (heard.approved, heard.verified, heard.status) == (False, False, "unavailable")


def test_pages_call_a_forged_yes_of_a_rule_unverified_and_that_of_a_rule_verified(gate, rule, record, forged):
    rule()
    request = gate.open_request("shell", PUSH)
    record()
    assert EndedRequest.of(live_record(gate, request.request_id), recorded=False).verified is True
    assert EndedRequest.of(live_record(gate, forged.request_id), recorded=False).verified is False


def test_what_was_changed_in_redis_is_left_to_people_and_recorded_and_the_next_is_answered(
    gate, raw, rule, record
):
    rule()
    changed, honest = gate.open_request("shell", {"command": "rm -r /"}), gate.open_request("shell", PUSH)
    other = '{"command":"git push"}'
    swapped = {"context": other, "digest": request_digest("deployer", "shell", other.encode())}
    raw.hset(f"{NAME}request:{changed.request_id}", mapping=swapped)
    record()
    assert live_record(gate, changed.request_id).status == "pending"
    assert live_record(gate, honest.request_id).status == "approved"
    assert not DecisionIntent.objects.filter(request_id=changed.request_id).exists()
    assert AuditEntry.objects.filter(kind="approval.altered", request_id=changed.request_id).count() == 1


def test_without_a_key_to_sign_with_nothing_is_used_and_all_is_recorded(
    gate, rule, record, settings, tmp_path, caplog
):
    made = rule()
    settings.TELEMETRY_DECISION_KEY_FILE = tmp_path
    request = gate.open_request("shell", PUSH)
    record()
    assert live_record(gate, request.request_id).status == "pending"
    assert ApprovalRecord.objects.get(pk=request.request_id).status == "pending"
    made.refresh_from_db()
    assert (made.uses, DecisionIntent.objects.count()) == (0, 0)
    assert "rules did not answer, tried again" in caplog.text
