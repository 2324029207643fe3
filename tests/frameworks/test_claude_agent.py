"""Claude Agent SDK with the real client and a model of ours: by a hook and by permission, what people say is done."""

from contextlib import ExitStack

import pytest

from core import ApprovalGate
from core.approvals.request import ApprovalRequest
from tests.api.model_stub import model_that_runs
from tests.api.test_claude_code import claude  # noqa: F401  fixture
from tests.frameworks.test_frameworks import approve_edited
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.anywhere, pytest.mark.long]


class Session:
    """One query of the SDK whose model wants to run a command that leaves a trace."""

    def __init__(self, program, model, client, way, timeout, folder, redis) -> None:
        self.gate, self.trace, self.model = ApprovalGate(redis, "payer"), folder / "trace", model
        self._program = program("claude_agent", **{
            "HOME": str(folder), "ANTHROPIC_BASE_URL": self.model.url, "ANTHROPIC_API_KEY": "none",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        })  # fmt: skip
        self._words = (str(client), way, timeout)
        self.start()

    def start(self) -> None:
        """Begin, or begin again."""
        self._process = self._program.start(*self._words)

    def kill(self) -> None:
        """It is gone without a word."""
        self._process.kill()
        self._process.wait()

    def asked(self) -> ApprovalRequest:
        """The one request."""
        [request] = wait_until(self.gate.get_pending_approvals, "it asks", 3 * PATIENCE)
        return request

    def end(self) -> None:
        """It ends well."""
        self._program.ended(self._process)


@pytest.fixture
def session(program, claude, tmp_path, clean_redis):  # noqa: F811
    def begin(way, timeout="1h"):
        model = models.enter_context(model_that_runs(f"touch {tmp_path / 'trace'}"))
        return Session(program, model, claude, way, timeout, tmp_path, clean_redis)

    with ExitStack() as models:
        yield begin


@pytest.mark.parametrize("way", ["hook", "permission"])
def test_what_is_approved_runs_with_what_people_made_of_it(session, clean_redis, way):
    begun = session(way)
    request = begun.asked()
    assert (request.agent_id, request.approval_type) == ("payer", "Bash")
    assert not begun.trace.exists()
    other = begun.trace.with_name("other")
    approve_edited(clean_redis, request.request_id, {**request.context, "command": f"touch {other}"})
    begun.end()
    assert (other.exists(), begun.trace.exists()) == (True, False)


@pytest.mark.parametrize("way", ["hook", "permission"])
def test_what_is_denied_does_not_run_and_the_model_reads_why(session, way):
    begun = session(way)
    begun.gate.decide(begun.asked().request_id, False, "maria", "not on a Friday")
    begun.end()
    assert not begun.trace.exists()
    assert any("not on a Friday" in text for text in begun.model.heard)


@pytest.mark.parametrize("way", ["hook", "permission"])
def test_what_nobody_answers_does_not_run_and_the_model_reads_so(session, way):
    begun = session(way, "3s")
    begun.end()
    assert not begun.trace.exists()
    assert any("Nobody answered in time" in text for text in begun.model.heard)


@pytest.mark.parametrize("way", ["hook", "permission"])
def test_killed_while_it_waits_and_started_again_is_one_card_and_one_answer(session, way):
    begun = session(way)
    request = begun.asked()
    begun.kill()
    begun.start()
    begun.gate.decide(request.request_id, True, "maria")
    begun.end()
    assert begun.trace.exists()
    assert [one.request_id for one in begun.gate.find_requests()] == [request.request_id]


def test_a_yes_that_was_heard_is_not_heard_again_by_the_next_process(session):
    begun = session("hook")
    begun.gate.decide(begun.asked().request_id, True, "maria")
    begun.end()
    begun.trace.unlink()
    begun.start()
    begun.gate.decide(begun.asked().request_id, False, "maria", "once is enough")
    begun.end()
    assert not begun.trace.exists()
