"""What every page costs however much there is: as many queries and round trips as with a handful.

An eighth of a million calls and a tenth of 100,000 requests; with WHOLE_SCALE=1 all of them, which takes minutes.
"""

import os
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from redis import Redis

from core.history.audit import entries
from core.history.search import index
from core.history.usage import calls as history
from core.models import AgentRun, ApprovalRecord
from core.store.keys import Keys
from tests.dashboard.agents.test_agent_page import a_thousand_times_as_many, calls
from tests.dashboard.test_page_cost import cost_of
from tests.many_agents import a_fleet, beat_all

pytestmark = [pytest.mark.django_db, pytest.mark.long]

KEYS = Keys()
WHOLE = "WHOLE_SCALE" in os.environ
FEW = [f"worker-{number}" for number in range(10)]
ADDRESSES = (
    "/",
    "/?show=mine",
    "/agents/",
    "/agents/?id=deployer",
    "/usage/",
    "/usage/?by=agent",
    "/usage/calls/",
    "/usage/calls/?range=90d&sort=-cost&agent=deployer",
    "/record/",
    "/record/?q=4711",
    "/health/",
    "/admin/core/approvalrecord/",
    "/admin/core/auditentry/",
)
COPY = """
local fields = redis.call('HGETALL', KEYS[1])
local ttl = redis.call('PTTL', KEYS[1])
local deadline = redis.call('ZSCORE', KEYS[2], ARGV[1])
for i = 1, ARGV[2] do
  local id = string.format('7f1c8e5e-5a45-4a3c-9d43-%012x', i)
  redis.call('HSET', ARGV[3] .. id, unpack(fields))
  redis.call('PEXPIRE', ARGV[3] .. id, ttl)
  redis.call('ZADD', KEYS[2], deadline, id)
end"""


def asked(number: int) -> ApprovalRecord:
    at = timezone.now() - timedelta(seconds=number)
    return ApprovalRecord(
        request_id=uuid.UUID(int=number), agent_id="deployer", approval_type="deploy", digest="d" * 64,
        context='{"invoice":4711}', requested_at=at, deadline_at=at, ended_at=at, timeout_seconds=300,
        status=ApprovalRecord.Status.APPROVED, responder="maria", collected_at=at,
    )  # fmt: skip


def fact(number: int) -> entries.Fact:
    kind = "approval.requested"
    request_id = str(uuid.UUID(int=number))
    return entries.Fact(f"{kind}:{request_id}", kind, timezone.now(), "deployer", "deployer", request_id, {})


def more_requests(raw: Redis, first: int, last: int, *, waiting: int) -> None:
    """So many in the record, and so many that wait."""
    ApprovalRecord.objects.bulk_create((asked(n) for n in range(first, last)), batch_size=2_000)
    for start in range(first, last, 1_000):
        entries.append([fact(number) for number in range(start, min(start + 1_000, last))])
    index.complete()
    [known] = raw.zrange(KEYS.approvals_pending, 0, 0)
    prefix = KEYS.approval_request("")
    raw.eval(COPY, 2, prefix + known, KEYS.approvals_pending, known, waiting, prefix)


def a_thousand_agents(raw: Redis) -> None:
    a_fleet(raw)
    now = timezone.now()
    runs = (
        AgentRun(run_id=uuid.UUID(int=n), agent_id=f"worker-{n}", instance_id="i", started_at=now)
        for n in range(1_000)
    )
    AgentRun.objects.bulk_create(runs)


def many_calls(_raw: Redis) -> None:
    calls("deployer", 877)  # and the hundred that are there
    a_thousand_times_as_many(10 if WHOLE else 7)  # the sums by the hour stay as many rows


def many_requests(raw: Redis) -> None:
    more_requests(raw, 10, 100_000 if WHOLE else 10_000, waiting=1_000)


@pytest.mark.parametrize(
    "grow", [a_thousand_agents, many_calls, many_requests], ids=lambda grow: grow.__name__
)
def test_every_page_costs_what_it_cost_with_a_handful(
    gate, beat, raw, record, signed_in, grow: Callable[[Redis], None]
):
    client = signed_in("superuser")
    beat_all(raw, FEW)
    beat("deployer", task="working")
    gate.open_request("deploy", {"invoice": 4711}, timeout=86_400)
    record()
    calls("deployer", 100)
    history.rebuild_hours()
    more_requests(raw, 0, 10, waiting=9)
    few = {address: cost_of(client, address) for address in ADDRESSES}
    grow(raw)
    beat_all(raw, FEW)
    beat("deployer", task="working")  # however long this took, it is alive
    assert {address: cost_of(client, address) for address in ADDRESSES} == few
