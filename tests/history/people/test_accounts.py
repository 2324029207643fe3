"""A whole decision where everybody has the account that docs/reference/redis-accounts.md gives them."""

import pytest
from django.test import override_settings

from core import ApprovalGate
from core.history import checks
from core.history.approvals import decisions
from core.history.recorder.recorder import Recorder
from core.jobs import enqueue_due, queue
from core.models import ApprovalRecord
from telemetry_site.queues import rq_queues
from tests.accounts import documented_accounts
from tests.live_record import live_record
from tests.waiting import wait_until


@pytest.fixture
def account(clean_redis, raw):
    with documented_accounts(clean_redis, raw) as make:
        yield make


def test_agent_recorder_and_site_work_together_under_their_own_accounts(maria, account, running, raw):
    request = ApprovalGate(account("telemetry-agent"), "deployer").open_request("deploy")
    running(Recorder(account("telemetry-recorder")))
    gate = ApprovalGate(account("telemetry-site"))
    digest = live_record(gate, request.request_id).digest
    decisions.decide(gate._store, maria, request.request_id, approved=True, reason="", digest=digest)
    wait_until(lambda: ApprovalRecord.objects.filter(status="approved").exists(), "it is recorded")
    assert raw.acl_log() == []


@pytest.mark.parametrize("name", ["telemetry-recorder", "telemetry-site"])
def test_who_keeps_the_record_may_ask_how_the_server_keeps_its_data(account, raw, name):
    with override_settings(REDIS_URL=account(name)):
        said = {message.id for message in checks.check_redis()}
    assert said == {"core.W104"}  # the server of tests keeps nothing, which it could be asked
    assert raw.acl_log() == []


def test_the_site_may_put_jobs_into_the_queue(account, raw, settings):
    url = account("telemetry-site")
    settings.REDIS_URL = settings.TELEMETRY_SITE_REDIS_URL = url
    settings.RQ_QUEUES = rq_queues(url, None, settings.TELEMETRY_QUEUE)
    assert len(enqueue_due({})) == len(queue().job_ids) > 0
    assert raw.acl_log() == []
