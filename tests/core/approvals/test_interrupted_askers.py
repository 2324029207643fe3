"""An asker that is told to end while it waits: its request goes with it, unless it has a key to come back with."""

import asyncio
import signal
import subprocess
import sys

import pytest

from core import ApprovalGate
from tests.servers import client_of
from tests.waiting import wait_until

PROGRAM = """
import signal, sys
from core import ApprovalGate
signal.signal(signal.SIGINT, signal.default_int_handler)
key = sys.argv[2] or None
print(ApprovalGate(sys.argv[1], "deployer").request_approval("deploy", timeout=300, key=key))
"""


@pytest.fixture
def asking_process(url, gate, start_process):
    """Starts an asker in a process of its own, and waits until it waits: process and request."""

    def start(key: str = "", before: str = ""):
        program = [sys.executable, "-c", before + PROGRAM, url, key]
        process = start_process(program, stderr=subprocess.DEVNULL, stdout=subprocess.PIPE)
        request = wait_until(gate.get_pending_approvals, "the agent asks")[0]
        with client_of(url) as raw:
            wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "the agent waits")
        return process, request

    return start


WORDS = [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.long)]


@pytest.mark.parametrize("word", [*WORDS, signal.SIGINT])
def test_an_asker_that_is_told_to_end_withdraws_its_request_and_ends_by_the_signal(
    gate, asking_process, word
):
    process, request = asking_process()
    process.send_signal(word)
    assert process.wait(60) == -word
    assert gate.get_request(request.request_id).status == "cancelled"


@pytest.mark.parametrize("word", [*WORDS, pytest.param(signal.SIGINT, marks=pytest.mark.long)])
def test_a_request_with_a_key_stays_open_and_the_next_ask_finds_it(gate, asking_process, word):
    process, request = asking_process("release-7")
    process.send_signal(word)
    assert process.wait(60) == -word
    assert gate.open_request("deploy", key="release-7") == request


def test_a_handler_of_the_program_itself_is_left_alone(gate, asking_process):
    own = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
    process, request = asking_process(before=own)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 7
    assert gate.get_request(request.request_id).status == "cancelled"  # by what its handler raised


def test_an_asker_under_nohup_waits_on_after_a_hangup(gate, asking_process):
    process, request = asking_process(before="import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n")
    process.send_signal(signal.SIGHUP)
    gate.respond_to_approval(request.request_id, True, "ann")
    assert process.wait(60) == 0
    assert b"status='approved'" in process.stdout.read()


def test_after_the_wait_no_handler_is_left(gate):
    gate.request_approval("deploy", timeout=0.05)
    for word in (signal.SIGTERM, signal.SIGHUP):
        assert signal.getsignal(word) == signal.SIG_DFL


def asked_in_a_task(gate, seconds: float, **options: object) -> None:
    async def ask() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(
                asyncio.to_thread(gate.request_approval, "deploy", timeout=300, **options), seconds
            )

    asyncio.run(ask())


def test_the_request_of_a_cancelled_task_is_withdrawn(gate, background):
    run = background(asked_in_a_task, gate, 1)
    request = wait_until(gate.get_pending_approvals, "the task asks")[0]
    wait_until(lambda: gate.get_request(request.request_id).status == "cancelled", "it is withdrawn")
    run.result(60)
    assert gate.decide(request.request_id, True, "ann").outcome == "cancelled"


def test_the_request_of_a_cancelled_task_with_a_key_stays_open(url, gate, background):
    # The thread waits on, as no task can end it: the first answer ends it.
    run = background(asked_in_a_task, gate, 0.3, key="release-7")
    request = wait_until(gate.get_pending_approvals, "the task asks")[0]
    assert gate.wait_for_decision(request.request_id, timeout=1) is None
    assert ApprovalGate(url, "deployer").respond_to_approval(request.request_id, True, "ann")
    run.result(60)


def test_a_task_that_is_not_cancelled_hears_the_answer(gate, background, first_pending):
    async def ask():
        return await asyncio.to_thread(gate.request_approval, "deploy", timeout=60)

    run = background(asyncio.run, ask())
    gate.respond_to_approval(first_pending(gate).request_id, True, "ann")
    assert run.result(60).approved
