"""Two web processes: of 64 who answer at once, by direct calls too, one wins, and everybody reads who; and who looks at
a request in one of them is seen in the other."""

import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from websockets.sync.client import connect

from core import ApprovalGate
from tests.dashboard.live.frames import next_frame
from tests.faults.site.person import Person
from tests.faults.site.stand import stand, until
from tests.live_record import live_record
from tests.ports import free_port
from tests.waiting import PATIENCE

REQUESTS = 8
AT_ONCE = 32  # by browser, and as many by direct calls
WINNER = re.compile(r"(maria|omar|You|script-\d+) already (approved|denied) ")


@pytest.mark.long
def test_64_answers_to_each_request_through_two_web_processes_have_one_winner_whom_all_are_told(
    database_server,
):
    with stand(database_server) as site, ThreadPoolExecutor(2 * AT_ONCE) as pool:
        site.start("recorder")
        site.start_web()
        other = free_port()
        site.start_second_web(other)
        people = [
            Person(person.name, port, person.session)
            for _ in range(AT_ONCE // 4)
            for person in site.people
            for port in (site.port, other)
        ]
        until(lambda: people[1].page("/").status == 200, "the second one answers")
        counts = [one_request(site, people, pool) for _ in range(REQUESTS)]
        losers, repeats = (sum(column) for column in zip(*counts, strict=True))
        site.people = people  # the oracle asks all of them what they were told
        verdict = site.verdict()
    assert verdict["violations"] == []
    assert verdict["requests"] == REQUESTS
    assert losers >= REQUESTS * (AT_ONCE - 1)
    # Each has a line of its own in the record, but for those that only repeat the answer that stands.
    assert verdict["refused"] == losers - repeats
    assert "open" not in verdict["intents"]
    assert REQUESTS * AT_ONCE - repeats <= sum(verdict["intents"].values()) <= REQUESTS * AT_ONCE


def one_request(site, people, pool) -> tuple[int, int]:
    """Answer it from everywhere at once; how many answers through the site lost, and repeat the one that stands."""
    request_id = ApprovalGate(site.server.url, "deployer").open_request("deploy", timeout=600).request_id
    digests = list(pool.map(lambda person: until(lambda: person.look().get(request_id), "a card"), people))

    def press(number: int):
        return people[number].decide(request_id, digests[number], approved=number % 2 == 0)

    def call(number: int):
        return site.gate.decide(request_id, number % 2 == 0, f"script-{number}")

    pressed = [pool.submit(press, number) for number in range(AT_ONCE)]
    called = [pool.submit(call, number) for number in range(AT_ONCE)]
    answers, decisions = [f.result(PATIENCE) for f in pressed], [f.result(PATIENCE) for f in called]
    wins = sum(answer.status == 200 for answer in answers) + sum(d.accepted for d in decisions)
    assert wins == 1
    assert {answer.status for answer in answers} <= {200, 409}
    stands = live_record(site.gate, request_id)
    assert {(d.status, d.responder) for d in decisions} == {(stands.status, stands.responder)}
    for person, answer in zip(people, answers, strict=True):
        if answer.status == 409:
            who, what = WINNER.search(answer.text).groups()
            assert (person.name if who == "You" else who) == stands.responder
            assert what == {"approved": "approved", "rejected": "denied"}[stands.status]
    given = [(person.name, "approved" if n % 2 == 0 else "rejected") for n, person in enumerate(people)]
    lost = [mine for mine, answer in zip(given, answers, strict=True) if answer.status == 409]
    return len(lost), lost.count((stands.responder, stands.status))


@pytest.mark.long
def test_who_looks_at_a_request_in_one_web_process_is_seen_in_the_other(database_server):
    with stand(database_server) as site, ExitStack() as opened:
        site.start("recorder")
        site.start_web()
        other = free_port()
        site.start_second_web(other)
        maria, omar = site.people[:2]
        there = Person(omar.name, other, omar.session)
        until(lambda: there.page("/").status == 200, "the second one answers")
        request_id = ApprovalGate(site.server.url, "deployer").open_request("deploy", timeout=600).request_id
        sockets = []
        for person, port in ((maria, site.port), (there, other)):
            here, cookie = f"127.0.0.1:{port}", {"Cookie": f"session={person.session}"}
            socket = connect(f"ws://{here}/ws/live/", origin=f"http://{here}", additional_headers=cookie)
            sockets.append(opened.enter_context(socket))
            sockets[-1].send(request_id)
        for socket, seen in zip(sockets, (omar.name, maria.name), strict=True):
            next_frame(socket, lambda frame, seen=seen: f'"names": ["{seen}"]' in frame, f"{seen} looks")
