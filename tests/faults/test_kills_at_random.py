"""kill -9 of every part and of Redis at random moments, under load: nothing acknowledged is lost."""

from tests.faults.load import PARTS, busy, kill_at_random
from tests.faults.stand import stand

SECONDS = 8.0


def test_parts_killed_at_random_under_load_lose_no_decision_and_no_line_of_the_record():
    with stand() as site:
        with busy(site) as load:
            counts = kill_at_random(load, SECONDS, 0.1, 0.8, seed=7)
        site.kill("recorder")
        site.start("recorder")
        verdict = site.verdict()
    assert verdict["violations"] == []
    assert set(counts["kills"]) == set(PARTS)
    assert max(counts["slowest"], site.slowest_answer) < 10
    assert verdict["acknowledged"] > 20  # else nothing was tried
    assert verdict["yes"] > 0
    assert load.cut > 0
