"""Agents are upgraded before their site, or the site goes back: agents of this release at a site of the last."""

from collections.abc import Iterator

import pytest

from core import ApprovalGate
from tests.servers import FaultyServer, faulty_server
from tests.versions.releases import Agent, Beginning, Release, Site
from tests.versions.test_upgrade import CALL
from tests.waiting import wait_until

pytestmark = pytest.mark.long


class Behind:
    """A site of the last release, and its Redis."""

    def __init__(self, last: Release, beginning: Beginning, server: FaultyServer) -> None:
        self.url, self.folder = server.url, beginning.copy(server.data_dir / "site")
        self.server, self.gate = server, ApprovalGate(self.url)
        self.site = Site(last, self.folder, self.url)
        self.person = self.site.start(beginning.session)


@pytest.fixture(scope="module")
def behind(last, beginning) -> Iterator[Behind]:
    with faulty_server(durable=True) as server:
        made = Behind(last, beginning, server)
        try:
            yield made
        finally:
            made.site.stop()


@pytest.fixture
def new(behind, this, agent) -> Agent:
    return agent(this, behind.url, behind.folder)


@pytest.mark.parametrize("approved", [True, False])
def test_an_agent_of_this_release_hears_yes_and_no_of_the_last_site(behind, new, approved):
    name, status = f"new-{approved}", "approved" if approved else "rejected"
    new.tell(f"vars(ApprovalGate(agent_id='{name}').request_approval('deploy', {{'n': 1}}, 120))")
    request_id = wait_until(lambda: next(iter(behind.person.look()), None), "the page shows the request")
    answer = behind.person.decide(request_id, behind.person.look()[request_id], approved=approved)
    assert answer.status == 200
    heard = new.hear()
    assert (heard["approved"], heard["responder"], heard["reason"]) == (approved, "maria", "looked at")
    of_this = f"agent_id = '{name}'"
    assert behind.site.recorded("approvalrecord", "status", of_this, (status,)) == [(status,)]


def test_its_beats_are_shown_and_its_run_is_recorded(behind, new):
    new.ask("(heart := HeartbeatCoordinator()).start_heartbeat('modern', {'new': True}, 'Modern agent')")
    new.ask("heart.beat('running', 0.5, 'at work')")
    assert "Modern agent" in behind.person.page("/").text
    new.ask("heart.stop_heartbeat('completed')")
    runs = [("Modern agent", "completed", "at work")]
    columns = "display_name, status, last_task"
    assert behind.site.recorded("agentrun", columns, "agent_id = 'modern'", *runs) == runs


def test_its_calls_are_counted_and_recorded(behind, new):
    new.ask(CALL.format(workflow="new"))
    new.ask("UsageTracker.get_instance().flush()")
    call = [("new", 250_000_000)]
    assert behind.site.recorded("llmcall", "workflow, cost_nano", "workflow = 'new'", *call) == call


def test_calls_that_it_left_when_it_died_are_shipped_by_the_recorder_of_the_last_site(behind, new):
    new.ask("UsageTracker.get_instance().flush()")
    behind.server.hang()
    new.ask(CALL.format(workflow="left"))
    new.kill()
    behind.server.resume()
    assert behind.site.recorded("llmcall", "workflow", "workflow = 'left'", ("left",)) == [("left",)]


def test_what_it_tells_of_its_work_is_recorded(behind, new):
    new.ask(
        "record_task_routing(task_type='bug', strategy='rules', assigned_to='new', confidence=0.5, routing_id='r')"
    )
    assert behind.site.recorded("taskrouting", "routing_id", "1", ("r",)) == [("r",)]


def test_the_record_of_the_last_site_is_whole(behind):
    assert "The record is whole" in behind.site.manage("verify_audit")
