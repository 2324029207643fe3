"""A site is upgraded while agents of the last release run: what was under way survives, and they go on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from core import ApprovalGate
from tests.faults.site.person import Person
from tests.servers import FaultyServer, faulty_server
from tests.versions.releases import Agent, Beginning, Release, Site
from tests.waiting import wait_until

pytestmark = pytest.mark.long

CALL = (
    "UsageTracker.get_instance().track_llm_call('{workflow}', None, 'capable', 'claude-sonnet-4-5', 'anthropic', "
    "0.25, {{'input': 1000, 'output': 500}}, False, None, 120)"
)


PUT_IN = "from core import jobs; print(len(jobs.enqueue_due({})))"
RUN_ALL = """
from core import jobs
from core.management.worker import new_worker
new_worker().work(burst=True)
print(jobs.queue().finished_job_registry.count, jobs.queue().failed_job_registry.count, jobs.queue().count)
"""


class Upgrade:
    """The last release at work, stopped in the middle of everything, and this one on what it left."""

    def __init__(self, last: Release, this: Release, beginning: Beginning, server: FaultyServer) -> None:
        self.url, self.folder = server.url, beginning.copy(server.data_dir / "site")
        self.gate = ApprovalGate(self.url)
        self.agents: list[Agent] = []
        before = Site(last, self.folder, self.url)
        person = before.start(beginning.session)
        self._ask_and_beat(last, before)
        before.stop("recorder")
        self._leave_in_flight(self.start(last, server.data_dir / "quick"), person)
        self.jobs = int(before.run(PUT_IN))
        before.stop()
        self._leave_calls_behind(last, server)
        self.site = Site(this, self.folder, self.url)
        self.site.manage("migrate", "-v", "0")
        self.person = self.site.start(self.site.sign_in())

    def start(self, release: Release, data_dir: Path) -> Agent:
        self.agents.append(Agent(release, self.url, data_dir))
        return self.agents[-1]

    def _ask_and_beat(self, last: Release, before: Site) -> None:
        """An agent that lives, and one that waits for an answer."""
        self.living = self.start(last, self.folder)
        self.living.ask(
            "(heart := HeartbeatCoordinator()).start_heartbeat('living', {'old': True}, 'Living')"
        )
        self.living.ask("heart.beat('running', 0.25, 'before')")
        before.recorded("agentrun", "agent_id", "1", ("living",))
        self.waiting = self.start(last, self.folder)
        self.waiting.tell(
            "vars(ApprovalGate(agent_id='waiting').request_approval('deploy', {'release': 7}, 300))"
        )
        self.pending = self.one_request("waiting")

    def _leave_in_flight(self, agent: Agent, person: Person) -> None:
        """What Redis did, and no recorder has seen."""
        self.answered = agent.ask(
            "(gate := ApprovalGate(agent_id='quick')).open_request('delete').request_id"
        )
        assert person.decide(self.answered, person.look()[self.answered], approved=False).status == 200
        self.withdrawn = agent.ask("gate.open_request('pay').request_id")
        assert agent.ask(f"gate.cancel_request('{self.withdrawn}')") is True
        agent.ask(CALL.format(workflow="in-flight"))
        assert agent.ask("UsageTracker.get_instance().flush()") == 1
        agent.ask(
            "record_task_routing(task_type='bug', strategy='rules', assigned_to='quick', confidence=0.5, "
            "routing_id='in-flight')"
        )

    def _leave_calls_behind(self, last: Release, server: FaultyServer) -> None:
        """Two processes die with calls that Redis never got: one beside the site, one on a machine of agents."""
        self.machine = server.data_dir / "machine"
        dying = [self.start(last, data_dir) for data_dir in (self.folder, self.machine)]
        for agent in dying:
            agent.ask("UsageTracker.get_instance().flush()")
        server.hang()
        for agent, workflow in zip(dying, ("left-beside-the-site", "left-on-a-machine"), strict=True):
            agent.ask(CALL.format(workflow=workflow))
            agent.kill()
        server.resume()

    def one_request(self, agent_id: str) -> str:
        """The open request of an agent, as soon as there is one."""
        found = wait_until(
            lambda: [r.request_id for r in self.gate.get_pending_approvals() if r.agent_id == agent_id],
            f"{agent_id} asks",
        )
        assert len(found) == 1
        return found[0]

    def close(self) -> None:
        self.site.stop()
        for agent in self.agents:
            agent.kill()


@pytest.fixture(scope="module")
def upgrade(last, this, beginning) -> Iterator[Upgrade]:
    with faulty_server(durable=True) as server:
        made = Upgrade(last, this, beginning, server)
        try:
            yield made
        finally:
            made.close()


def test_who_asked_before_the_upgrade_hears_the_answer_that_is_given_after_it(upgrade):
    shown = upgrade.person.look()
    answer = upgrade.person.decide(upgrade.pending, shown[upgrade.pending], approved=True)
    assert answer.status == 200
    heard = upgrade.waiting.hear()
    assert (heard["approved"], heard["responder"]) == (True, "maria")
    of_this = f"request_id = '{upgrade.pending.replace('-', '')}'"
    assert upgrade.site.recorded("approvalrecord", "agent_id, status", of_this, ("waiting", "approved")) == [
        ("waiting", "approved")
    ]


def test_what_was_in_flight_is_recorded_once(upgrade):
    ends = [("quick", "delete", "rejected", "maria"), ("quick", "pay", "cancelled", "system")]
    columns, of_quick = "agent_id, approval_type, status, responder", "agent_id = 'quick' ORDER BY 2"
    assert upgrade.site.recorded("approvalrecord", columns, of_quick, *ends) == ends
    call = [("in-flight", 250_000_000)]
    of_the_call = "workflow = 'in-flight'"
    assert upgrade.site.recorded("llmcall", "workflow, cost_nano", of_the_call, *call) == call
    assert upgrade.site.recorded("taskrouting", "routing_id", "1", ("in-flight",)) == [("in-flight",)]


def test_an_answer_that_the_last_release_gave_and_did_not_record_is_settled(upgrade):
    of_this = f"request_id = '{upgrade.answered.replace('-', '')}'"
    settled = [("accepted", 0)]
    assert upgrade.site.recorded("decisionintent", "outcome, approved", of_this, *settled) == settled


def test_an_agent_of_the_last_release_that_lives_on_is_the_same_run(upgrade, this, agent, tmp_path):
    upgrade.living.ask("heart.beat('running', 0.75, 'after')")
    seen = agent(this, upgrade.url, tmp_path).ask("vars(HeartbeatCoordinator().get_agent_status('living'))")
    assert (seen["status"], seen["progress"], seen["current_task"]) == ("running", 0.75, "after")
    assert "Living" in upgrade.person.page("/agents/").text
    upgrade.living.ask("heart.stop_heartbeat('completed')")
    runs = [("living", "completed")]
    assert upgrade.site.recorded("agentrun", "agent_id, status", "agent_id = 'living'", *runs) == runs


@pytest.mark.parametrize("approved", [True, False])
def test_an_agent_of_the_last_release_hears_yes_and_no_of_this_site(upgrade, last, agent, tmp_path, approved):
    name = f"old-{approved}"
    asking = agent(last, upgrade.url, tmp_path)
    asking.tell(f"vars(ApprovalGate(agent_id='{name}').request_approval('deploy', {{'n': 1}}, 120))")
    request_id = upgrade.one_request(name)
    answer = upgrade.person.decide(request_id, upgrade.person.look()[request_id], approved=approved)
    assert answer.status == 200
    heard = asking.hear()
    assert (heard["approved"], heard["responder"], heard["reason"]) == (approved, "maria", "looked at")


@pytest.mark.parametrize("way", ["from the last to this", "from this to the last"])
def test_signals_pass_between_agents_of_both_releases(upgrade, last, this, agent, tmp_path, way):
    sending, waiting = (last, this) if way == "from the last to this" else (this, last)
    receiver = agent(waiting, upgrade.url, tmp_path)
    receiver.ask("(box := CoordinationSignals(agent_id='receiver')).agent_id")
    receiver.tell("box.wait_for_signal('ready', timeout=60).payload")
    sender = agent(sending, upgrade.url, tmp_path)
    sender.ask(
        f"CoordinationSignals(agent_id='sender').signal('ready', None, 'receiver', {{'way': '{way}'}})"
    )
    assert receiver.hear() == {"way": way}


def test_calls_of_an_agent_of_the_last_release_are_counted_and_recorded(upgrade, last, agent, tmp_path):
    calling = agent(last, upgrade.url, tmp_path)
    calling.ask(CALL.format(workflow="after"))
    calling.ask("UsageTracker.get_instance().flush()")
    call = [("after", 250_000_000)]
    assert upgrade.site.recorded("llmcall", "workflow, cost_nano", "workflow = 'after'", *call) == call


def test_calls_that_a_dead_agent_left_beside_the_site_are_shipped_by_the_recorder(upgrade):
    call = [("left-beside-the-site",)]
    assert upgrade.site.recorded("llmcall", "workflow", "workflow = 'left-beside-the-site'", *call) == call


def test_calls_that_a_dead_agent_left_on_its_machine_are_shipped_by_an_agent_of_this_release(
    upgrade, this, agent
):
    where = "workflow = 'left-on-a-machine'"
    assert upgrade.site.rows("llmcall", "workflow", where) == []
    agent(this, upgrade.url, upgrade.machine).ask("UsageTracker.get_instance().flush()")
    call = [("left-on-a-machine",)]
    assert upgrade.site.recorded("llmcall", "workflow", where, *call) == call


def test_jobs_that_the_last_release_put_in_are_run_by_this_one(upgrade):
    assert upgrade.jobs > 0
    finished, failed, left = map(int, upgrade.site.run(RUN_ALL).split()[-3:])
    assert (failed, left) == (0, 0)
    assert finished >= upgrade.jobs


def test_the_record_is_whole_across_the_upgrade(upgrade):
    assert "The record is whole" in upgrade.site.manage("verify_audit")


def test_without_a_migration_of_its_own_this_site_goes_back_to_the_last_one(upgrade, last, this, beginning):
    """It comes last: the site of this release is gone afterwards."""
    tables = [{path.name for path in (of.site / "core/migrations").glob("0*.py")} for of in (last, this)]
    if tables[0] != tables[1]:
        pytest.skip("this release has migrations of its own: the way back is the backup of before")
    asking = upgrade.start(this, upgrade.machine)
    asking.tell("vars(ApprovalGate(agent_id='patient').request_approval('deploy', {'n': 2}, 300))")
    request_id = upgrade.one_request("patient")
    upgrade.site.stop()
    upgrade.site = Site(last, upgrade.folder, upgrade.url)
    person = upgrade.site.start(beginning.session)
    assert person.decide(request_id, person.look()[request_id], approved=True).status == 200
    assert asking.hear()["approved"] is True
    ended = [("patient", "approved")]
    of_this = "agent_id = 'patient'"
    assert upgrade.site.recorded("approvalrecord", "agent_id, status", of_this, *ended) == ended
    assert "The record is whole" in upgrade.site.manage("verify_audit")
