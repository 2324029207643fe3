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
from redis import ConnectionPool, Redis

from core import AlreadyCollected, ApprovalRequest, AsyncGate, StoreUnavailable
from core.approvals.waiting import Hearing, Pending
from core.gate import Gate, async_gate
from core.gate.request_waiters import RequestWaiters
from core.gate.thread_pool import DaemonThreadPool
from core.store.approvals.ends import EndsLine
from tests.waiting import PATIENCE, beside, wait_until

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
    assert "look for themselves" not in caplog.text


def test_a_read_that_is_cut_just_as_it_has_heard_is_no_trouble(people, caplog):
    heard_both = threading.Event()

    class CutAfterwards(EndsLine):
        def ended(self, request_ids, seconds):
            if len(request_ids) == 2:
                heard_both.set()
                return super().ended(request_ids, seconds)
            found = super().ended(request_ids, 0.01)
            waits.add(late)
            return found

    async def wait():
        nonlocal late
        late = waits.heard("late")
        with waits.heard("early"):
            assert await asyncio.to_thread(heard_both.wait, PATIENCE)
        waits.remove(late)

    late, waits = None, RequestWaiters(lambda: CutAfterwards(people._store))
    asyncio.run(wait())
    assert "look for themselves" not in caplog.text


def test_a_cancelled_task_withdraws_its_request_and_leaves_one_with_a_key(way, people):
    async def ask():
        async with AsyncGate(**way) as gate:
            for key in (None, "thread-7"):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(1):
                        await gate.ask("deploy", key=key, timeout="1h")
            for _ in range(20):  # wherever it is cut short: nobody ever hears its id
                opening = asyncio.ensure_future(gate.open("deploy"))
                while not gate._threads._busy:
                    await asyncio.sleep(0)
                opening.cancel()
                await asyncio.wait((opening,))
                assert opening.cancelled()

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


def test_a_look_that_came_to_nothing_says_so_and_not_that_it_is_pending():
    request = ApprovalRequest("id", "deploy", "deployer", {}, datetime.now(UTC), 60.0)

    async def wait():
        async with AsyncGate("redis://127.0.0.1:9", agent="deployer") as gate:
            pending = Pending(request, time.monotonic() + 60, Hearing())
            await gate._until(pending, time.monotonic() + 0.1)

    with pytest.raises(StoreUnavailable):
        asyncio.run(wait())


@pytest.mark.parametrize("awaited", [False, True])
def test_a_redis_that_refuses_for_a_moment_is_asked_again(people, asked, raw, awaited):
    pool = raw.connection_pool
    named = {**pool.connection_kwargs, "username": "asker", "password": "x"}
    client = Redis(connection_pool=ConnectionPool(connection_class=pool.connection_class, **named))
    raw.execute_command("ACL", "SETUSER", "asker", "on", ">x", "~*", "&*", "+@all")

    def ask():
        if awaited:
            return asyncio.run(AsyncGate(client, agent="deployer").ask("deploy", timeout=PATIENCE))
        return Gate(client, agent="deployer").ask("deploy", timeout=PATIENCE, claim="run-1")

    answer = beside(ask)
    request = asked()
    raw.execute_command("ACL", "SETUSER", "asker", "-evalsha")
    raw.execute_command("ACL", "LOG", "RESET")
    people.decide(request.request_id, True, "maria")
    wait_until(lambda: raw.execute_command("ACL", "LOG"), "its look was refused")
    raw.execute_command("ACL", "SETUSER", "asker", "+evalsha")
    assert answer.result(PATIENCE).approved
    raw.execute_command("ACL", "DELUSER", "asker")


def test_hands_that_were_let_go_do_not_keep_the_next_call_waiting():
    hands, hangs = DaemonThreadPool(), threading.Event()
    held = hands.run(lambda: hangs.wait(PATIENCE))
    wait_until(held.running, "it is under way")
    hands.close()
    assert hands.run(lambda: "done").result(PATIENCE) == "done"
    hangs.set()


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
def test_who_waits_looks_again_where_the_connection_breaks_and_the_log_says_so_once(error, caplog):
    async def wait():
        with RequestWaiters(lambda: BrokenEar(error)).heard("id") as waiter:
            for _ in range(2):
                waiter.forget()
                await asyncio.wait_for(waiter.rest(2 * PATIENCE), PATIENCE)

    asyncio.run(wait())
    assert caplog.text.count("those who wait look for themselves") == 1
