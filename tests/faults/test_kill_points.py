"""Every failpoint: the process is killed exactly there, started again, and nothing is lost.

Once each time; with WHOLE_SCALE=1 long runs do so again and again, as the soak does.
What the oracle reads: the agents' own synced logs, what people were told, and the database.
"""

import os

import pytest

from core.failpoints import PLACES
from tests.chosen_servers import DATABASE
from tests.faults.trials import LANES, REPEATS, run_lane
from tests.history.backups.test_backup_crashes import KILLED_AT
from tests.site.test_notices_at_work import KILLED

OFTEN = [1, *([pytest.param(REPEATS, marks=pytest.mark.long)] if "WHOLE_SCALE" in os.environ else [])]
# What they kill has tests in one process too: decisions, votes, holds, the recorder, and what Redis or an agent lost.
EACH = [pytest.param(lane, marks=pytest.mark.long if DATABASE == "sqlite" else []) for lane in LANES]


def test_every_failpoint_has_its_trial():
    tried = [name for trials, _asking in LANES.values() for name in trials]
    assert sorted([*tried, *KILLED_AT, *(place for place, _reached in KILLED)]) == sorted(PLACES)


@pytest.mark.parametrize("lane", EACH)
@pytest.mark.parametrize("repeats", OFTEN)
def test_killed_at_each_place_of_it_nothing_is_lost_doubled_or_contradicted(lane, repeats, database_server):
    killed, verdict = run_lane(lane, database_server, repeats)
    assert killed == dict.fromkeys(LANES[lane][0], repeats)
    assert verdict["violations"] == []
    if lane == "site":  # else nothing was tried
        assert verdict["acknowledged"] >= 4 * repeats
        assert verdict["yes"] > repeats
    if lane == "quorum":
        assert (verdict["answers"], verdict["yes"]) == (repeats, repeats)
    if lane == "held":  # each was heard: as yes, and as no where it was taken back
        assert (verdict["answers"], verdict["yes"]) == (3 * repeats, 2 * repeats)
    if lane == "recorder":
        assert verdict["repaired"] >= repeats
    if lane in ("emptied", "restored"):  # people and agents were told before Redis lost it
        told = {"emptied": 2, "restored": 3}[lane] * repeats
        assert (verdict["acknowledged"], verdict["answers"]) == (told, told)
        assert verdict["yes"] >= repeats
        assert verdict["repaired"] >= told
