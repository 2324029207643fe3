"""`make soak MINUTES=n ENTRIES=m`: the site under load and kills, and a table of what was counted.

Four fifths of the time nothing of the site is killed, so that memory can be watched; then everything is.
At the end the entries go through the outbox while one of two recorders is killed 20 times.
"""

import sys
import time
from pathlib import Path
from typing import Any

from tests.faults.databases import database_bytes
from tests.faults.load import busy, kill_at_random
from tests.faults.stand import Stand, stand
from tests.faults.streams import entries_under_kills
from tests.faults.trials import LANES, run_lane

SAMPLES = 20
WARM_UP = SAMPLES // 4
KILLS = 20
COLUMNS = ("requests", "acked", "agents told", "yes", "audit", "repaired", "kills", "violations")


def main(minutes: float, entries: int) -> int:
    """Run, print the table, and say by the exit code whether every promise held."""
    say(row("what", *COLUMNS))
    say("|" + "-" * 34 + "|" + ("-" * 12 + ":|") * len(COLUMNS))
    found: list[str] = []
    for lane in LANES:
        killed, verdict = run_lane(lane)
        say(counted(f"failpoints: {lane}", verdict, sum(killed.values())))
        found += verdict["violations"]
    with stand() as site:
        drift = watch(site, minutes * 60 * 0.8)
        counts, verdict = kill(site, minutes * 60 * 0.2)
    say(counted("load and random kills", verdict, sum(counts["kills"].values())))
    found += verdict["violations"] + drift["violations"]
    with stand() as site:
        stream = entries_under_kills(site, entries, KILLS)
    say(counted(f"{stream['entries']:,} entries in {stream['took']:.0f} s", stream, stream["kills"]))
    found += stream["violations"]
    say(f"\nkills: {counts['kills']}; the site answered again after {counts['slowest']:.1f} s at most")
    say("\n".join(drift["lines"]))
    say("\n".join(found) or "\nno violation")
    return 1 if found else 0


def say(text: str) -> None:
    """A line as soon as it is known: a soak may be long."""
    print(text, flush=True)


def row(*cells: Any) -> str:
    """One line of the table."""
    first, *others = (str(cell) for cell in cells)
    return f"| {first:<32} | " + " | ".join(f"{cell:>11}" for cell in others) + " |"


def counted(what: str, verdict: dict[str, Any], kills: int) -> str:
    """The line of one trial."""
    names = ("requests", "acknowledged", "answers", "yes", "audit", "repaired")
    return row(what, *(verdict[name] for name in names), kills, len(verdict["violations"]))


def kill(site: Stand, seconds: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random kills under the load that was there before; the counts and the verdict over everything."""
    with busy(site) as load:
        counts = kill_at_random(load, seconds, 0.1, 1.0, seed=int(time.time()))
    site.start_part_again("recorder")
    counts["slowest"] = max(counts["slowest"], site.slowest_answer)
    return counts, site.verdict(seconds=300.0)


def watch(site: Stand, seconds: float) -> dict[str, Any]:
    """Memory, open files, Redis and database while requests come and go."""
    samples = []
    with busy(site):
        for _ in range(SAMPLES):
            time.sleep(seconds / SAMPLES)
            samples.append(sample(site))
        for part in ("web", "recorder"):
            site.kill(part)
    first, last = samples[WARM_UP], samples[-1]
    middle = samples[(WARM_UP + SAMPLES) // 2]
    lines, violations = [], []
    for part in ("web", "recorder"):
        drift = last[part]["kib"] / first[part]["kib"] - 1
        files = last[part]["files"] - first[part]["files"]
        lines.append(f"{part}: {last[part]['kib'] / 1024:.0f} MiB, drift {drift:+.1%}; open files {files:+d}")
        if drift > 0.10:
            violations.append(f"the memory of {part} grew by {drift:.1%}")
        if files > 10:
            violations.append(f"{part} has {files} more open files")
    for name in ("redis", "database"):
        early, late = rate(first, middle, name), rate(middle, last, name)
        lines.append(f"{name}: {early:.0f} bytes a request in the first half, {late:.0f} in the second")
        if late > 1.5 * early + 500:
            violations.append(f"{name} grows faster than its requests: {early:.0f}, then {late:.0f} bytes")
    return {"lines": lines, "violations": violations}


def rate(before: dict[str, Any], after: dict[str, Any], name: str) -> float:
    """Bytes for each request between two samples."""
    return (after[name] - before[name]) / max(1, after["requests"] - before["requests"])


def sample(site: Stand) -> dict[str, Any]:
    """What the processes and the stores take now."""
    with site.raw() as raw:
        memory = raw.info("memory")["used_memory"]
        requests = len(site.logs[0].read_text().splitlines())
    return {
        **{part: of_process(site.pids[part]) for part in ("web", "recorder")},
        "redis": memory,
        "database": database_bytes(site.database, site.folder),
        "requests": requests,
    }


def of_process(pid: int) -> dict[str, int]:
    """Resident memory in KiB, of which the imported modules are shared with the nursery, and open files."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = int(status.split("VmRSS:")[1].split()[0])
    return {"kib": kib, "files": len(list(Path(f"/proc/{pid}/fd").iterdir()))}


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2])))
