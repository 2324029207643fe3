"""Redis full, read-only, with another password, or as it was an hour ago: never half a decision, never a wrong yes.

Down, hung, restarted and emptied: tests/core/approvals/test_gate_outages.py,
tests/history/recorder/test_recorder_outages.py, tests/dashboard/outages/test_redis_away.py.
"""

import pytest

from core import ApprovalGate
from tests.faults.site.stand import until
from tests.faults.test_hostile_conditions import ask, card_of
from tests.faults.trials import recorded
from tests.live_record import live_record
from tests.servers import client_of
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.long  # a whole site of processes


def full(raw):
    raw.config_set("maxmemory", 1)
    return lambda: raw.config_set("maxmemory", 0)


def read_only(raw):
    raw.replicaof("127.0.0.1", "1")
    return lambda: raw.replicaof("NO", "ONE")


@pytest.mark.parametrize(
    ("damage", "word"), [(full, "memory"), (read_only, "read only")], ids=["full", "read-only"]
)
def test_a_server_that_takes_no_write_takes_no_decision_and_the_site_says_why(site, background, damage, word):
    person, request_id = site.people[0], ask(site)
    digest = card_of(person, request_id)
    with site.raw() as raw:
        mend = damage(raw)
        try:
            answer = person.decide(request_id, digest, approved=True)
            late = background(ApprovalGate(site.server.url, "late").request_approval, "deploy", timeout=1.0)
            refused = late.result(PATIENCE)
        finally:
            mend()
    assert answer.status == 503
    assert "Nothing was decided" in answer.text
    assert word in answer.text
    assert (refused.approved, refused.responder) == (False, "system")
    assert refused.reason.startswith("unavailable")
    assert live_record(site.gate, request_id).status == "pending"
    assert person.decide(request_id, digest, approved=True).status == 200
    assert site.gate.wait_for_decision(request_id).approved


def rotate(raw, password):
    """A new password, and every connection that knew the old one is cut."""
    raw.config_set("requirepass", password)
    raw.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")


def test_a_password_rotated_while_a_request_waits_refuses_until_it_is_known_again(site, background):
    person = site.people[0]
    agent = background(ApprovalGate(site.server.url, "waiting").request_approval, "deploy", timeout=120.0)
    [(request_id, digest)] = until(person.look, "it is shown").items()
    with client_of(site.server.url) as raw:
        rotate(raw, "new")
        try:
            answer = person.decide(request_id, digest, approved=True)
            late = ApprovalGate(site.server.url, "late").request_approval("deploy", timeout=1.0)
        finally:
            raw.config_set("requirepass", "")
    assert answer.status == 503
    assert "password" in answer.text
    assert (late.approved, late.responder) == (False, "system")
    assert "password" in late.reason
    assert not agent.done()
    until(lambda: request_id in person.look(), "it is still offered")
    assert person.decide(request_id, digest, approved=True).status == 200
    heard = agent.result(PATIENCE)
    assert (heard.approved, heard.responder) == (True, person.name)


def test_a_password_that_nobody_tells_the_agent_ends_its_wait_at_the_deadline(site, background):
    def ends_because_of_the_password() -> bool:
        agent = background(ApprovalGate(site.server.url, "waiting").request_approval, "deploy", timeout=4.0)
        until(lambda: site.people[0].look() or agent.done(), "it is shown")
        with client_of(site.server.url) as raw:
            rotate(raw, "new")
            try:
                heard = agent.result(PATIENCE)
            finally:
                raw.config_set("requirepass", "")
        assert (heard.approved, heard.responder) == (False, "system")
        return "password" in heard.reason

    until(ends_because_of_the_password, "a busy machine shows it before its deadline")


def test_a_hung_server_gets_no_decision_and_gives_none_until_it_answers(site, background):
    person, request_id = site.people[0], ask(site)
    digest = card_of(person, request_id)
    site.server.hang()
    try:
        answer = person.decide(request_id, digest, approved=True)
    finally:
        site.server.resume()
    assert answer.status == 503
    assert "Nothing was decided" in answer.text
    until(lambda: request_id in person.look(), "it is still offered")
    assert person.decide(request_id, digest, approved=False).status == 200
    assert site.gate.wait_for_decision(request_id).approved is False


def test_restored_from_an_older_file_the_decision_of_the_record_stands_and_the_agent_hears_it(
    site, background
):
    person = site.people[1]
    known = ask(site, 120.0)
    digest = card_of(person, known)
    recorded(site)
    site.keep_file("older")
    assert person.decide(known, digest, approved=False).status == 200
    after = ask(site, 120.0)  # of which the older file knows nothing
    recorded(site)
    site.restore_file("older")
    agent = background(site.gate.wait_for_decision, known, PATIENCE)
    heard = agent.result(2 * PATIENCE)
    assert (heard.approved, heard.responder, heard.reason) == (False, person.name, "looked at")
    until(lambda: known not in person.look(), "it is not offered")
    assert live_record(site.gate, known).status == "rejected"
    lost = wait_until(
        lambda: site.gate.wait_for_decision(after, PATIENCE), "what the file did not know is ended"
    )
    assert (lost.approved, lost.responder) == (False, "system")
