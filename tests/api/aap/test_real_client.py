"""The client of the Agent Approval Protocol as it is on PyPI, with three frameworks, against this site."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from core import ApprovalGate
from core.models import ProtocolRequest
from tests.frameworks.environments import python_with, shared_folder
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]
HERE = Path(__file__).parent / "frameworks"
FRAMEWORKS = ("langgraph", "pydantic_ai", "openai_agents")
ONE_OR_ALL = FRAMEWORKS if "WHOLE_SCALE" in os.environ else FRAMEWORKS[:1]


@pytest.fixture(scope="session")
def frameworks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has them."""
    return python_with(HERE / "adapters.txt", shared_folder(tmp_path_factory))


class Program:
    """One run of an agent."""

    def __init__(
        self, start: Callable, python: Path, framework: str, client: httpx.Client, trace: Path, timeout: str
    ) -> None:
        base = str(client.base_url).removesuffix("/v1/").removesuffix("/v1")
        token = client.headers["Authorization"].removeprefix("Bearer ")
        command = [python, HERE / "programs.py", framework, base, token, trace, timeout]
        self.process = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def said(self) -> str:
        """What it says last, when it is done."""
        out, err = self.process.communicate(timeout=10 * PATIENCE)
        assert self.process.returncode == 0, err
        return out.strip()


@pytest.fixture
def start(
    frameworks: Path, asker: httpx.Client, tmp_path: Path, start_process: Callable
) -> Callable[..., Program]:
    def begin(framework: str, timeout: str = "10m") -> Program:
        return Program(start_process, frameworks, framework, asker, tmp_path / "refunds", timeout)

    return begin


@pytest.fixture
def refunds(tmp_path: Path) -> Callable[[], int]:
    trace = tmp_path / "refunds"
    return lambda: len(trace.read_text().splitlines()) if trace.exists() else 0


def asked_by(program: Program) -> str:
    """The request that it waits for."""
    gate = ApprovalGate(agent_id="refunder")

    def found() -> list:
        assert program.process.poll() is None, program.process.communicate()
        return gate.find_requests(status="pending")

    return wait_until(found, "the agent asked", 10 * PATIENCE)[0].request_id


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_what_people_answer_is_what_the_tool_does(framework, start, refunds, decide, asker):
    program = start(framework)
    request_id = asked_by(program)
    assert refunds() == 0
    decide(request_id)
    assert program.said() == "paid back"
    assert refunds() == 1
    said = asker.get(f"/requests/{request_id}").json()
    assert said["consumption"]["outcome"]["status"] == "succeeded"
    assert (said["tool"], said["arguments"]) == ("refund", {"amount": 4900})
    if framework != "langgraph":  # whose thread is at its end: there is no such call any more
        # The same call of the same run is not run a second time, whoever starts it again.
        assert "already attempted" in start(framework).said()
        assert (refunds(), ProtocolRequest.objects.count()) == (1, 1)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_denial_is_told_to_the_model_with_its_reason(framework, start, refunds, decide):
    program = start(framework)
    decide(asked_by(program), False, "not this customer")
    assert "not this customer" in program.said()
    assert refunds() == 0


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_an_agent_that_was_killed_while_it_waited_goes_on_when_it_is_started_again(
    framework, start, refunds, decide
):
    first = start(framework)
    request_id = asked_by(first)
    first.process.kill()
    first.process.communicate()
    decide(request_id)
    assert start(framework).said() == "paid back"
    assert refunds() == 1
    assert [one.request_id for one in ApprovalGate(agent_id="refunder").find_requests()] == [request_id]


@pytest.mark.parametrize("framework", ONE_OR_ALL)
def test_what_is_withdrawn_does_not_run(framework, start, refunds, asker):
    program = start(framework)
    address = f"/requests/{asked_by(program)}"
    # It stands in Redis a moment before its asker is told its name.
    wait_until(lambda: asker.delete(address).status_code == 200, "it is withdrawn")
    assert "cancelled" in program.said()
    assert refunds() == 0


@pytest.mark.parametrize("framework", ONE_OR_ALL)
def test_what_nobody_answers_does_not_run(framework, start, refunds):
    assert "expired" in start(framework, "1s").said()
    assert refunds() == 0


def test_the_same_key_from_many_processes_is_one_request(frameworks, asker):
    program = (
        "import sys; from agentapprovalprotocol import Client; client = Client(*sys.argv[1:3]); "
        "print(client.create({'tool': 'refund', 'arguments': {'amount': 1}, 'timeout': '10m'}, 'one key').id)"
    )
    base = str(asker.base_url).removesuffix("/").removesuffix("/v1")
    token = asker.headers["Authorization"].removeprefix("Bearer ")
    command = [frameworks, "-c", program, base, token]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(50)]
    found = {process.communicate(timeout=10 * PATIENCE)[0].strip() for process in running}
    assert (len(found), ApprovalGate(agent_id="refunder").find_requests()[0].request_id) == (1, *found)
    assert ProtocolRequest.objects.count() == 1
