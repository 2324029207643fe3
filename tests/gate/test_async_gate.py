"""The gate of an event loop: waiting holds no thread, all wait over one connection, a cancelled task withdraws."""

import asyncio
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core import AlreadyCollected, ApprovalRequest, AsyncGate, StoreUnavailable
from core.approvals.waiting import Hearing
from core.gate import async_gate
from core.gate.waits import Waits
from core.gate.way import Pending
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
ROOT = Path(__file__).resolve().parents[2]
WAITING = """
import asyncio, os, sys
from core import AsyncGate
async def main():
    async with AsyncGate(sys.argv[1], agent="deployer") as gate:
        await asyncio.gather(*(gate.ask("deploy", {"number": number}, timeout="1h") for number in range(20)))
asyncio.run(main())
"""


def test_twenty_ask_at_once_and_each_hears_its_own_answer_over_one_connection(way, people, asked, caplog):
    async def ask():
        async with AsyncGate(**way) as gate:
            answers = [gate.ask("deploy", {"number": number}, timeout=PATIENCE) for number in range(20)]
            return await asyncio.gather(*answers)

    def decide():
        asked(20)
        readers.extend(one.name for one in set(threading.enumerate()) - others)
        for request in people.get_pending_approvals():
            number = request.context["number"]
            people.decide(request.request_id, number % 2 == 0, "maria", str(number))

    readers: list[str] = []
    others = set(threading.enumerate())
    deciding = threading.Thread(target=decide, daemon=True)
    deciding.start()
    answers = asyncio.run(ask())
    deciding.join(PATIENCE)
    assert [answer.reason for answer in answers] == [str(number) for number in range(20)]
    assert [answer.approved for answer in answers] == [True, False] * 10
    assert readers.count("waits") == 1
    assert "look again" not in caplog.text


def test_a_cancelled_task_withdraws_its_request_and_leaves_one_with_a_key(way, people):
    async def ask():
        async with AsyncGate(**way) as gate:
            for key in (None, "thread-7"):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await gate.ask("deploy", key=key, timeout="1h")

    asyncio.run(ask())
    wait_until(lambda: len(people.get_pending_approvals()) == 1, "only that with a key is left")
    assert people.get_pending_approvals()[0].key == "thread-7"


def test_what_is_opened_is_waited_for_claimed_found_and_withdrawn(way, people):
    async def use():
        async with AsyncGate(**way) as gate:
            request = await gate.open("deploy", timeout=60)
            assert await gate.wait(request, 0.1) is None
            assert [one.id for one in await gate.find(status="pending")] == [request.id]
            people.decide(request.id, True, "maria")
            assert (await gate.claim(request, "run-1")).approved
            with pytest.raises(AlreadyCollected):
                await gate.claim(request, "run-2")
            assert await gate.cancel(request) is False
            assert (await gate.wait("no-such")).status == "unknown"
            return (await gate.ask("deploy", timeout=0.3)).status

    assert asyncio.run(use()) == "timeout"


def test_a_site_that_is_away_is_a_no_unless_the_agent_says_otherwise():
    async def ask(default):
        gate = AsyncGate("http://127.0.0.1:9", token="agt_x")
        return await gate.ask("deploy", timeout=0.3, default=default)

    for default in (False, True):
        said = asyncio.run(ask(default))
        assert (said.approved, said.status, said.away) == (default, "unavailable", True)


@pytest.mark.parametrize(
    "where", [{"where": "http://127.0.0.1:9", "token": "agt_x"}, {"where": "redis://127.0.0.1:9"}]
)
def test_who_waits_past_the_deadline_for_what_is_away_hears_so(where, monkeypatch):
    monkeypatch.setattr(async_gate, "OVERTIME_SECONDS", 0.0)
    request = ApprovalRequest("id", "deploy", "deployer", {}, datetime.now(UTC), 0.1)

    async def wait():
        async with AsyncGate(**where, agent="deployer") as gate:
            pending = Pending(request, time.monotonic() + 0.1, Hearing())
            return await asyncio.wait_for(gate._until(pending, None), PATIENCE)

    said = asyncio.run(wait())
    assert (said.approved, said.status, said.away, said.request_id) == (False, "unavailable", True, "id")


def test_a_fake_answers_awaited():
    gate = AsyncGate.fake(approve=False, reason="no")
    assert asyncio.run(gate.ask("deploy", {"a": 1})).reason == "no"
    assert gate.asked == [("deploy", {"a": 1})]


def test_ctrl_c_withdraws_twenty_requests_and_ends(clean_redis, people, asked):
    command = [sys.executable, "-c", WAITING, clean_redis]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    asked(20)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE) != 0
    assert people.get_pending_approvals() == []


class BrokenEar:
    """Hears nothing: its connection breaks as often as it is opened, or says what nobody understands."""

    def __init__(self, error):
        self.error = error

    def connect(self):
        raise self.error

    def cut(self):
        pass

    close = cut


@pytest.mark.parametrize("error", [StoreUnavailable("broken"), KeyError("ended")])
def test_who_waits_looks_again_where_the_connection_breaks(error):
    async def wait():
        with Waits(lambda: BrokenEar(error)).heard("id") as waiter:
            for _ in range(2):
                waiter.forget()
                await asyncio.wait_for(waiter.rest(2 * PATIENCE), PATIENCE)

    asyncio.run(wait())
