"""Each failpoint, several times over: reach it, die there, start again, go on."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.faults.site.person import SiteAway
from tests.faults.site.stand import Database, Stand, stand, until
from tests.live_record import live_record
from tests.waiting import wait_until

REPEATS = 5
OUTBOX = "{telemetry}:outbox"

Trial = Callable[[Stand, str, int], bool]


def web_killed(site: Stand, name: str, turn: int) -> bool:
    """The web server dies at its second answer of this life; whoever pressed the button looks again."""
    if "web" in site.pids:
        site.kill("web")
    site.start_web(f"{name}:2")
    person = site.people[turn % 2]
    answer_one(site, person, approved=True)
    try:
        [(request_id, digest)] = until(person.look, "a request is shown").items()
        person.decide(request_id, digest, approved=turn % 2 == 0)
        raise AssertionError("an answer came from a server that was to die before it")
    except SiteAway:
        killed = site.died("web")
    site.start_web()
    # If it took effect, the agent goes on with its next request; otherwise the card is still there.
    answer_one(site, person, approved=turn % 2 == 0)
    return killed


def answer_one(site: Stand, person: Any, *, approved: bool) -> str:
    """Wait for a card, press its button, and wait until it is gone."""
    [(request_id, digest), *_] = until(person.look, "a request is shown").items()
    person.decide(request_id, digest, approved=approved)
    until(lambda: request_id not in person.look(), "the request is gone")
    return request_id


def agent_killed(site: Stand, name: str, turn: int) -> bool:
    """An agent dies; its request, if it got that far, is answered or runs out all the same."""
    answered = name != "agent.before_request" and turn % 2 == 0
    site.start_agents(f"{name}-{turn}", 1, 1, 60.0 if answered else 1.0, failpoint=name)
    if answered:
        answer_one(site, site.people[0], approved=True)
    return site.died("agents")


def recorder_killed(prepare: Callable[[Stand, int], None]) -> Trial:
    """The recorder is started armed, after `prepare` made what leads it to the place."""

    def trial(site: Stand, name: str, turn: int) -> bool:
        recorded(site)
        site.kill("recorder")
        prepare(site, turn)
        site.start("recorder", failpoint=name)
        killed = site.died("recorder")
        site.start("recorder")
        return killed

    return trial


def recorded(site: Stand) -> None:
    """The recorder has come to the end of the outbox."""
    with site.raw() as raw:

        def told() -> bool:
            newest, commit = raw.xrevrange(OUTBOX, count=1), raw.xrevrange("{telemetry}:recorded", count=1)
            return not newest or (bool(commit) and commit[0][1][b"position"] == newest[0][0])

        wait_until(told, "everything is recorded")


def a_decision(site: Stand, turn: int) -> None:
    """One request, asked and answered."""
    answer_one(site, site.people[0], approved=turn % 2 == 0)


def a_deadline(site: Stand, turn: int) -> None:
    """One request whose agent has gone, and whose time is up."""
    leave_one(site, 0.01)


def leave_one(site: Stand, timeout: float) -> str:
    """A request of an agent that does not wait."""
    gate = type(site.gate)(site.server.url, "gone")
    return gate.open_request("deploy", timeout=timeout).request_id


def a_poisoned_entry(site: Stand, turn: int) -> None:
    """An outbox entry that nobody can read."""
    with site.raw() as raw:
        raw.xadd(OUTBOX, {"type": "exploded", "request_id": str(uuid.uuid4())})


def an_emptied_server(site: Stand, turn: int) -> None:
    """Two requests are answered while nobody records, people and agents are told; then all in Redis is gone.

    Of one of the two, and of a third that nobody answered, it is recorded that it was asked.
    """
    site.start("recorder")
    leave_one(site, 60)
    ask(site, f"emptied-{turn}-a")
    recorded(site)
    site.kill("recorder")
    heard(site, answered(site, f"emptied-{turn}-a", approved=turn % 2 == 0))
    ask(site, f"emptied-{turn}-b")
    heard(site, answered(site, f"emptied-{turn}-b", approved=turn % 2 == 1))
    with site.raw() as raw:
        raw.flushall()


def ask(site: Stand, name: str) -> None:
    """An agent that asks once, waits, and writes down what it heard."""
    site.start_agents(name, 1, 1, 600.0)
    until(lambda: asked_by(site, name), "it has asked")


def asked_by(site: Stand, name: str) -> list[str]:
    """The open requests of an agent."""
    return [asked.request_id for asked in site.gate.get_pending_approvals() if asked.agent_id == f"{name}-0"]


def answered(site: Stand, name: str, *, approved: bool) -> str:
    """Somebody answers what this agent asked, and reads that it took effect."""
    person, [request_id] = site.people[0], asked_by(site, name)
    digest = until(lambda: person.look().get(request_id), "its card is shown")
    answer = person.decide(request_id, digest, approved=approved)
    assert answer.status == 200, answer.text
    return request_id


def heard(site: Stand, request_id: str) -> None:
    """The agent has written down what it was told of this request."""
    wait_until(lambda: any(request_id in log.read_text() for log in site.logs if log.exists()), "it is told")


def a_lost_entry(site: Stand, turn: int) -> None:
    """A decision of which the outbox knows nothing any more."""
    decided = answer_one(site, site.people[0], approved=turn % 2 == 0)
    # An entry that the agent adds later would speak of the request, and the repair would wait for the next round.
    wait_until(lambda: live_record(site.gate, decided).collected_at, "the agent has the answer")
    with site.raw() as raw:
        raw.xtrim(OUTBOX, maxlen=0, approximate=False)


def an_older_file(site: Stand, turn: int) -> None:
    """Redis is put back to a file from before three decisions of which people and agents were told.

    Of one the record knows, and two were not recorded. Then another person tries to decide one of those otherwise.
    """
    names = [f"older-{turn}-{letter}" for letter in "abc"]
    site.start("recorder")
    for name in names:
        ask(site, name)
    recorded(site)
    site.keep_file("older")
    heard(site, answered(site, names[0], approved=turn % 2 == 0))
    recorded(site)
    site.kill("recorder")
    told = [answered(site, name, approved=turn % 2 == 1) for name in names[1:]]
    for request_id in told:
        heard(site, request_id)
    site.restore_file("older")
    digest = until(lambda: site.people[1].look().get(told[0]), "it is offered again")
    late = site.people[1].decide(told[0], digest, approved=turn % 2 == 0)
    assert late.status == 409, late.text


COMPLETING = (
    "site.in_vote",
    "site.after_signature",
    "site.after_intent",
    "site.after_script",
    "site.after_note",
)


def vote_killed(site: Stand, name: str, turn: int) -> bool:
    """Two must approve: the site dies in the vote of the first, and then in that of the second, each time elsewhere."""
    site.call("demand", "deploy", 2)
    ask(site, f"vote-{turn}")
    [request_id] = asked_by(site, f"vote-{turn}")
    first, second = site.people
    killed = _dies_at(site, name, first, request_id)
    assert "1 of 2" in _press(first, request_id)
    killed = _dies_at(site, COMPLETING[turn % len(COMPLETING)], second, request_id) and killed
    if second.look().get(request_id):  # else it took effect before it died
        assert "1 of 2" not in _press(second, request_id)
        second.acknowledged.append([request_id, True, second.name])
    heard(site, request_id)
    return killed


def _dies_at(site: Stand, name: str, person: Any, request_id: str) -> bool:
    """Somebody approves, and the web server dies at this place; then there is another one."""
    site.kill("web")
    site.start_web(name)
    try:
        _press(person, request_id)
        raise AssertionError("an answer came from a server that was to die before it")
    except SiteAway:
        killed = site.died("web")
    site.start_web()
    return killed


def _press(person: Any, request_id: str) -> str:
    """Approve what the card shows; what the site answers."""
    digest = until(lambda: person.look().get(request_id), "its card is shown")
    answer = person.press(request_id, digest, approved=True)
    assert answer.status == 200, answer.text
    return answer.text


def held_killed(site: Stand, name: str, turn: int) -> bool:
    """The web server dies while an approval is held; the recorder releases it, or it was taken back before."""
    ask(site, f"{name}-{turn}")
    [request_id] = asked_by(site, f"{name}-{turn}")
    site.kill("web")
    site.start_web(name)
    person = site.people[turn % 2]
    digest = until(lambda: person.look().get(request_id), "its card is shown")
    with suppress(SiteAway):
        person.decide(request_id, digest, approved=True)
        if name == "site.after_undo":
            person.undo(request_id)
    killed = site.died("web")
    if name == "site.after_undo":
        site.start_web()
        digest = until(lambda: person.look().get(request_id), "it waits")
        assert person.decide(request_id, digest, approved=False).status == 200
    heard(site, request_id)
    if name != "site.after_undo":
        site.start_web()
    return killed


def extended_killed(site: Stand, name: str, turn: int) -> bool:
    """The web server dies while it gives a request more time; the person does it again, and answers."""
    gate, person = type(site.gate)(site.server.url, f"patient-{name}-{turn}"), site.people[turn % 2]
    request_id = gate.open_request("deploy", timeout=600, understands=("extended",)).request_id
    site.kill("web")
    site.start_web(name)
    digest = until(lambda: person.look().get(request_id), "its card is shown")
    with suppress(SiteAway):
        person.extend(request_id, digest)
    killed = site.died("web")
    site.start_web()
    person.look()
    assert person.extend(request_id, digest).status == 200
    assert person.decide(request_id, digest, approved=False).status == 200
    return killed


RECORDER: dict[str, Trial] = {
    "recorder.after_read": recorder_killed(a_decision),
    "recorder.before_commit": recorder_killed(a_decision),
    "recorder.after_commit": recorder_killed(a_decision),
    "recorder.after_sweep": recorder_killed(a_deadline),
    "recorder.in_set_aside": recorder_killed(a_poisoned_entry),
    "repair.before_commit": recorder_killed(a_lost_entry),
}
EMPTIED: dict[str, Trial] = {"recorder.after_lost": recorder_killed(an_emptied_server)}
RESTORED: dict[str, Trial] = {"repair.before_redis": recorder_killed(an_older_file)}
SITE: dict[str, Trial] = dict.fromkeys(
    (
        *("site.before_intent", "site.after_signature", "site.after_intent"),
        *("site.after_script", "site.after_note", "site.before_reply"),
    ),
    web_killed,
)
QUORUM: dict[str, Trial] = {"site.in_vote": vote_killed}
HELD: dict[str, Trial] = dict.fromkeys(
    ("site.after_hold", "site.before_release", "site.after_undo"), held_killed
) | dict.fromkeys(("site.after_extension", "site.after_extended"), extended_killed)
AGENT: dict[str, Trial] = dict.fromkeys(
    ("agent.before_request", "agent.after_request", "agent.before_collect", "agent.after_collect"),
    agent_killed,
)
# Each lane has a site of its own, so that lanes run side by side. Whether an agent asks all the time.
LANES: dict[str, tuple[dict[str, Trial], bool]] = {
    "site": (SITE, True),
    "quorum": (QUORUM, False),
    "held": (HELD, False),
    "agent": (AGENT, False),
    "recorder": (RECORDER, True),
    "emptied": (EMPTIED, False),
    "restored": (RESTORED, False),
}


def run_lane(lane: str, database: Database, repeats: int = REPEATS) -> tuple[dict[str, int], dict[str, Any]]:
    """How often each failpoint of a lane killed, and the verdict at the end."""
    trials, asking = LANES[lane]
    expect = {"set_aside": repeats} if "recorder.in_set_aside" in trials else {}
    killed = dict.fromkeys(trials, 0)
    with stand(database) as site:
        site.undo_seconds = 2 if lane == "held" else 0
        site.start("recorder")
        site.start_web()
        if asking:
            site.start_agents("asking", 1, 10_000, 30.0)
        for turn in range(repeats):
            for name, trial in trials.items():
                killed[name] += trial(site, name, turn)
        if asking:
            until(site.people[0].look, "the agent asks again")
            site.kill("agents")
            answer_one(site, site.people[0], approved=True)
        return killed, {**site.verdict(**expect), "slowest_answer": site.slowest_answer}
