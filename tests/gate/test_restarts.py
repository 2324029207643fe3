"""A deploy of the site, or a Redis that starts again, is not seen by who asks and waits."""

import asyncio
import socket
import threading

import pytest
import uvicorn

from core import ApprovalGate, AsyncGate
from core.approvals.question import checked_question
from core.gate import Gate
from telemetry_site.asgi import application
from tests.waiting import PATIENCE, beside, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


class Deployed:
    """The whole site at one address, which can be stopped and started there."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            application, port=self.port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server.started, "the site has started")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)


@pytest.fixture
def deployed(clean_redis, transactional_db):
    site = Deployed()
    yield site
    site.stop()


def test_who_asks_while_the_site_starts_again_is_asked_once_and_hears_the_answer(
    deployed, token, people, asked
):
    gate = Gate(deployed.address, token=token)
    answer = beside(lambda: gate.ask("deploy", {"version": "4.2"}, timeout=PATIENCE))  # nobody listens yet
    deployed.start()
    request = asked()
    deployed.stop()
    people.decide(request.request_id, True, "maria")
    deployed.start()
    assert answer.result(PATIENCE).approved
    assert len(ApprovalGate(agent_id="deployer").find_requests()) == 1


def test_many_that_wait_hear_their_answers_after_the_site_started_again(deployed, token, people, asked):
    async def ask():
        async with AsyncGate(deployed.address, token=token) as gate:
            return await asyncio.gather(*(gate.ask("deploy", {"n": n}, timeout=PATIENCE) for n in range(5)))

    deployed.start()
    answers = beside(lambda: asyncio.run(ask()))
    asked(5)
    deployed.stop()
    for request in people.get_pending_approvals():
        people.decide(request.request_id, True, "maria")
    deployed.start()
    assert [answer.approved for answer in answers.result(PATIENCE)] == [True] * 5


@pytest.mark.parametrize("key", [None, "thread-7"])
def test_what_a_site_stored_and_did_not_confirm_is_taken_back_alone_and_not_what_a_key_finds(
    site, token, people, key
):
    with Gate(site, token=token) as gate:
        other = gate.open("deploy", timeout=60)
        question = checked_question("", "delete", {}, (60, "timeout"), key=key)
        stored = gate._transport._site.call("POST", "requests", gate._transport._body(question), None, 10.0)
        gate._transport._take_back(question, 5.0)
    left = {other.id} if key is None else {other.id, stored.body["id"]}
    assert {one.request_id for one in people.get_pending_approvals()} == left
