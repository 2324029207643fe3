"""Many agents over HTTP while web, Redis and the database are killed under them: each hears its own answer, once."""

import os
import threading
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.faults.site.stand import stand
from tests.waiting import PATIENCE, wait_until

AGENTS, EACH = (200, 2) if os.environ.get("WHOLE_SCALE") else (60, 2)
ALL = AGENTS * EACH
KILLS = ("web", "redis", "web", "redis", "web")  # and a database that is a server of its own, last


@pytest.mark.long
def test_no_answer_is_lost_doubled_or_forged_while_web_redis_and_database_die(own_database_server):
    with stand(own_database_server) as site:
        site.start("recorder")
        site.start_web()
        log = site.folder / "http.log"
        site.logs.append(log)
        secret = site.call("fleet")
        site.start("http_agents", site.port, secret, str(log), AGENTS, EACH, 3600.0)
        load = Load(site)
        people = [
            threading.Thread(target=load.person, args=(person, seed), daemon=True)
            for seed, person in enumerate(site.people)
        ]
        wait_until(lambda: len(site.gate.get_pending_approvals()) >= AGENTS // 2, "agents wait")
        for person in people:
            person.start()
        for part in (*KILLS, "postgresql", "postgresql") if site.postgresql else KILLS:
            before = told(log)
            wait_until(lambda before=before: told(log) > before or told(log) == ALL, "one more heard")
            load.kill(part)
            load.answers_again()
        wait_until(lambda: told(log) == ALL, "everybody heard", 10 * PATIENCE)
        load.stop.set()
        for person in people:
            person.join(PATIENCE)
        verdict = site.verdict()
    assert verdict["violations"] == []
    assert (verdict["requests"], verdict["answers"]) == (ALL, ALL)


def told(log: Path) -> int:
    """How many answers agents have written down."""
    return len(log.read_text().splitlines()) if log.exists() else 0
