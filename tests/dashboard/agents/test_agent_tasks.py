"""The tasks on the page of an agent: its own, how they ended, and how long they took."""

import pytest

from core import AutomationRecorder
from tests.dashboard.agents.test_agent_page import page_of, panel

pytestmark = pytest.mark.django_db


def test_tasks_are_those_of_the_agent_newest_first_and_say_how_they_ended(
    beat, clean_redis, record, signed_in
):
    beat("worker")
    tell = AutomationRecorder(clean_redis)
    mended = tell.record_agent_assignment(agent_id="worker", task_type="mend tests")
    tell.record_agent_assignment(agent_id="worker", task_type="write docs")
    failed = tell.record_agent_assignment(agent_id="worker", task_type="deploy")
    tell.record_agent_assignment(agent_id="another", task_type="not mine")
    tell.complete_agent_assignment(assignment_id=mended, success=True, automated=True, human_review=False)
    tell.complete_agent_assignment(assignment_id=failed, success=False, automated=False, human_review=True)
    record()
    shown = panel(page_of(signed_in("viewer"), "worker"), "tasks")
    places = [shown.index(f"{task} ") for task in ("deploy failed", "write docs open", "mend tests done")]
    assert places == sorted(places)
    assert "failed reviewed by a person" in shown
    assert "done by itself" in shown
    assert "not mine" not in shown


def test_an_agent_that_was_only_given_a_task_has_a_page(clean_redis, record, signed_in):
    AutomationRecorder(clean_redis).record_agent_assignment(agent_id="newcomer", task_type="mend tests")
    record()
    assert "mend tests open" in panel(page_of(signed_in("viewer"), "newcomer"), "tasks")
