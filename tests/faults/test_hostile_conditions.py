"""Wrong clocks, full disks, torn files, no connection left, a very long queue: never a wrong yes, nothing lost."""

import json
import os
import re
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import urlsplit

import psycopg
import pytest

from core import ApprovalGate
from tests import chosen_servers
from tests.faults.oracle import HELD_SECONDS
from tests.faults.site.stand import stand, until
from tests.faults.trials import recorded
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

HOUR, DAY = 3600.0, 86_400.0
QUEUE, ASKERS = 5_000, 4
ON_SQLITE = pytest.mark.skipif(
    chosen_servers.DATABASE != "sqlite", reason="a PostgreSQL server writes its files itself, not the site"
)
ON_POSTGRESQL = pytest.mark.skipif(
    chosen_servers.DATABASE != "postgresql", reason="only PostgreSQL has a number of connections"
)


def ask(site, timeout=120.0):
    return ApprovalGate(site.server.url, "deployer").open_request("deploy", {"n": 1}, timeout).request_id


def card_of(person, request_id):
    return until(lambda: person.look().get(request_id), "its card is shown")


@contextmanager
def no_room_on_the_disk_for(site, *parts):
    """Every write of these processes into a file fails, as on a disk that is full (ulimit -f)."""
    before = {}
    for part in parts:
        pid = site.pids[part]
        before[pid] = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[pid][1]))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@pytest.mark.long  # a whole site
@ON_SQLITE
def test_a_full_disk_refuses_answers_with_a_sentence_and_the_record_goes_on_when_there_is_room(site):
    person, request_id = site.people[0], ask(site)
    digest = card_of(person, request_id)
    recorded(site)
    with no_room_on_the_disk_for(site, "web", "recorder"):
        answer = person.decide(request_id, digest, approved=True)
        late = ask(site)
        assert live_record(site.gate, request_id).status == "pending"
    assert answer.status == 503
    assert "Nothing was decided" in answer.text
    assert person.decide(request_id, digest, approved=True).status == 200
    assert site.gate.wait_for_decision(request_id).approved
    assert person.decide(late, card_of(person, late), approved=False).status == 200
    recorded(site)


def take_what_is_free(server, held):
    """Connect until the server takes no more."""
    with suppress(psycopg.OperationalError):
        while True:
            held.enter_context(psycopg.connect(server.url(), autocommit=True))


@contextmanager
def every_connection_taken(server, database):
    """The site is cut off, and nobody gets a connection any more."""
    name = urlsplit(database).path.removeprefix("/")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    clients = "FROM pg_stat_activity WHERE backend_type = 'client backend'"
    with ExitStack() as held:
        connection = held.enter_context(psycopg.connect(server.url(), autocommit=True))
        most = int(connection.execute("SHOW max_connections").fetchone()[0])

        def only_ours() -> bool:
            connection.execute(cut, [name])
            take_what_is_free(server, held)
            counts = connection.execute(
                f"SELECT count(*), count(*) FILTER (WHERE datname = %s) {clients}", [name]
            )
            return counts.fetchone() == (most, 0)

        wait_until(only_ours, "every connection is taken")
        yield


@pytest.mark.long
@ON_POSTGRESQL
def test_without_a_connection_left_answers_are_refused_with_a_sentence_until_there_is_one(
    site, database_server
):
    person, request_id = site.people[0], ask(site)
    digest = card_of(person, request_id)
    with every_connection_taken(database_server, site.database):
        answer = person.decide(request_id, digest, approved=True)
        assert live_record(site.gate, request_id).status == "pending"
    assert answer.status == 503
    until(lambda: person.look().get(request_id), "the page is back")
    assert person.decide(request_id, digest, approved=True).status == 200
    assert site.gate.wait_for_decision(request_id).approved
    recorded(site)


@pytest.mark.long
def test_a_torn_end_of_the_file_of_redis_loses_no_decision_that_the_record_knows(site):
    person, request_id = site.people[1], ask(site)
    digest = card_of(person, request_id)
    recorded(site)
    [file] = (site.server.data_dir / "appendonlydir").glob("*.incr.aof")
    before = file.stat().st_size
    assert person.decide(request_id, digest, approved=False).status == 200
    recorded(site)
    site.server.process.kill()
    site.server.process.wait()
    assert file.stat().st_size > before + 20
    os.truncate(file, before + 20)  # in the middle of what came next
    site.server.start()
    heard = wait_until(lambda: site.gate.wait_for_decision(request_id, PATIENCE), "the agent hears")
    assert (heard.approved, heard.responder) == (False, person.name)
    until(lambda: request_id not in person.look(), "it is not offered again")
    assert live_record(site.gate, request_id).status == "rejected"


@pytest.mark.long
def test_a_recorder_that_is_started_a_second_time_stands_by_and_doubles_nothing(site):
    site.start_part_again("standby")
    ids = [ask(site) for _ in range(10)]
    for request_id in ids:
        assert site.gate.respond_to_approval(request_id, True, "script")
    site.kill("recorder")
    more = ask(site, 0.2)
    wait_until(lambda: live_record(site.gate, more).status == "timeout", "the standby ends what is due")
    site.start("recorder")
    site.kill("standby")
    recorded(site)


@pytest.mark.long
@pytest.mark.parametrize(("agents", "recorder", "web"), [(-DAY, DAY, HOUR), (DAY, -DAY, -HOUR)])
def test_clocks_that_are_wrong_by_a_day_change_no_deadline_and_no_answer(
    database_server, agents, recorder, web
):
    with stand(database_server) as site:
        site.clocks = {"agents": agents, "recorder": recorder, "web": web}
        site.start("recorder")
        site.start_web()
        site.start_agents("astray", 2, 3, 4.0)
        first, second = site.people
        answered = set()

        def answer() -> bool:
            for request_id, digest in first.look().items():
                if len(answered) < 4 and request_id not in answered:
                    status = second.decide(request_id, digest, approved=True).status
                    answered.add(request_id) if status == 200 else None
            return len(answered) == 4

        second.look()
        until(answer, "four are approved; two are left to their deadline")
        wait_until(lambda: site.nursery.ended(site.pids["agents"]) == 0, "every agent has heard")
        verdict = site.verdict()
        told = json.loads(site.logs[0].read_text().splitlines()[-1])
        page = first.page(f"/approvals/{next(iter(answered))}/").text
    assert verdict["violations"] == []
    assert verdict["outcomes"] == {"approved": 4, "timeout": 2}
    assert verdict["yes"] == 4
    assert verdict["held"] < HELD_SECONDS
    assert abs(told["clock"] - time.time() - agents) < HOUR  # else no clock was wrong
    assert re.search("[Aa]pproved", page)


@pytest.mark.long
def test_with_5000_requests_open_the_page_is_whole_and_each_answer_brings_up_the_next(database_server):
    with stand(database_server) as site, ThreadPoolExecutor(ASKERS) as pool:
        site.start("recorder")

        def asker(number: int) -> None:
            for turn in range(QUEUE // ASKERS):  # of one agent no more than 500 may wait
                gate = ApprovalGate(site.server.url, f"flood-{number}-{turn // 400}")
                gate.open_request("deploy", {"turn": turn}, timeout=3600)

        list(pool.map(asker, range(ASKERS)))
        site.start_web()
        person = site.people[0]
        page = person.page("/")
        assert page.status == 200
        assert re.search(r"5[,  ]?000", page.text)
        shown = person.look()
        assert 0 < len(shown) <= 50
        answered = dict(list(shown.items())[:3])
        for request_id, digest in answered.items():
            assert person.decide(request_id, digest, approved=True).status == 200
            assert site.gate.wait_for_decision(request_id).approved
        after = person.look()
        assert len(after) == len(shown)
        assert not set(after) & set(answered)
        wait_until(lambda: "5,000" not in person.page("/").text, "the count goes down")
