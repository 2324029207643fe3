"""`make soak MINUTES=n ENTRIES=m`: the site under load and kills, and a report of what was counted.

TEST_DATABASE=postgresql runs it on PostgreSQL. Each failpoint first. Then four fifths of the time nothing of the
site is killed, so that memory can be watched; then everything is, one part or all at once, each 40 times at least.
At the end the entries go through the outbox while one of two recorders is killed 20 times.
"""

import sys
import time
from contextlib import nullcontext

from tests.chosen_servers import DATABASE, REDIS
from tests.faults import report
from tests.faults.growth import watch
from tests.faults.load import Load, busy, kill_at_random
from tests.faults.site.stand import stand
from tests.faults.streams import entries_under_kills
from tests.faults.trials import LANES, run_lane
from tests.postgresql import PostgreSQL, postgresql_server

KILLS = 20
KILLS_OF_EACH = 40
SLOWEST_ANSWER = 10.0


def main(minutes: float, entries: int) -> int:
    """Run, print the report, and say by the exit code whether every promise held."""
    began = time.monotonic()
    report.say(f"{DATABASE}, {REDIS}; {minutes:g} minutes of load, {entries:,} entries\n")
    with postgresql_server() if DATABASE == "postgresql" else nullcontext() as postgresql:
        report.say(report.head("what", report.COLUMNS))
        killed, found = failpoints(postgresql)
        kills, growth = under_load(postgresql, minutes * 60, found)
        through_the_outbox(postgresql, entries, found)
    report.say(report.of_failpoints(killed))
    report.say(report.of_kills(kills))
    report.say(report.of_growth(growth))
    report.say(f"\nIt took {(time.monotonic() - began) / 60:.1f} minutes. Violations: {len(found)}.")
    report.say("\n".join(found) or "Nothing was lost, doubled or contradicted.")
    return 1 if found else 0


def failpoints(postgresql: PostgreSQL | None) -> tuple[dict[str, int], list[str]]:
    """Every failpoint: how often each killed, and what was wrong afterwards."""
    counts: dict[str, int] = {}
    found: list[str] = []
    for lane in LANES:
        killed, verdict = run_lane(lane, postgresql)
        report.say(report.counted(f"failpoints: {lane}", verdict, sum(killed.values())))
        counts |= killed
        found += verdict["violations"]
    return counts, found


def under_load(postgresql: PostgreSQL | None, seconds: float, found: list[str]) -> tuple[dict, dict]:
    """The load without kills and then with them; kills by victim, and how everything grew meanwhile."""
    with stand(postgresql) as site:
        growth = watch(site, seconds * 0.8)
        with busy(site) as load:
            counts = kill_at_random(load, seconds * 0.2, 0.1, 1.0, seed=int(time.time()), each=KILLS_OF_EACH)
        site.start_part_again("recorder")
        verdict = site.verdict(seconds=300.0)
    verdict["violations"] += growth["violations"] + load.broken_pages() + too_slow(load, counts)
    found += verdict["violations"]
    report.say(report.counted("load, then random kills", verdict, sum(counts["kills"].values())))
    return counts, growth


def too_slow(load: Load, counts: dict) -> list[str]:
    """Each part after whose death the site was away for longer than it may."""
    counts["slowest"]["web"] = max(counts["slowest"]["web"], load.site.slowest_answer)
    slow = {part: seconds for part, seconds in counts["slowest"].items() if seconds > SLOWEST_ANSWER}
    return [
        f"after the death of {part} the site was away for {seconds:.1f} s" for part, seconds in slow.items()
    ]


def through_the_outbox(postgresql: PostgreSQL | None, entries: int, found: list[str]) -> None:
    """Many entries while one of two recorders is killed."""
    with stand(postgresql) as site:
        verdict = entries_under_kills(site, entries, KILLS)
    if verdict["audit"] != verdict["entries"]:
        verdict["violations"].append(
            f"{verdict['entries']} entries are {verdict['audit']} lines of the record"
        )
    found += verdict["violations"]
    report.say(report.counted(f"{verdict['entries']:,} entries in {verdict['took']:.0f} s", verdict, KILLS))


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
