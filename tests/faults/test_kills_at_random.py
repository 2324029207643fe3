"""kill -9 of every part, of Redis and of PostgreSQL at random moments, under load: nothing acknowledged is lost."""

import pytest

from tests.faults.load import busy, kill_at_random, parts_of
from tests.faults.site.stand import stand
from tests.waiting import PATIENCE, wait_until

SECONDS = 8.0
ANSWERS = 20  # with less, nothing was tried


@pytest.mark.long
def test_parts_killed_at_random_under_load_lose_no_decision_and_no_line_of_the_record(own_database_server):
    with stand(own_database_server) as site:
        with busy(site) as load:
            counts = kill_at_random(load, SECONDS, 0.1, 0.8, seed=7)
            # A machine that does other work too lets most answers come after the seconds that agents wait.
            wait_until(
                lambda: load.statuses[200] > ANSWERS, "people have answered often enough", 4 * PATIENCE
            )
        site.start_part_again("recorder")
        verdict = site.verdict()
    assert verdict["violations"] == []
    assert load.broken_pages() == []
    assert set(counts["kills"]) == set(parts_of(site))
    assert max(counts["slowest"].values()) < 10
    assert verdict["acknowledged"] > ANSWERS
    assert verdict["yes"] > 0
    assert load.cut > 0
