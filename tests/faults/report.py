"""What a soak prints: tables that docs/running/promises.md can hold as they are."""

from typing import Any

from tests.faults.trials import REPEATS

COLUMNS = ("requests", "acked", "agents told", "yes", "audit", "repaired", "kills", "violations")


def say(text: str) -> None:
    """A line as soon as it is known: a soak may be long."""
    print(text, flush=True)


def row(*cells: Any) -> str:
    """One line of a table."""
    first, *others = (str(cell) for cell in cells)
    return f"| {first:<32} | " + " | ".join(f"{cell:>11}" for cell in others) + " |"


def head(first: str, columns: tuple[str, ...]) -> str:
    """The two lines that begin a table."""
    return row(first, *columns) + "\n|" + "-" * 34 + "|" + ("-" * 12 + ":|") * len(columns)


def counted(what: str, verdict: dict[str, Any], kills: int) -> str:
    """The line of one trial."""
    names = ("requests", "acknowledged", "answers", "yes", "audit", "repaired")
    return row(what, *(verdict[name] for name in names), kills, len(verdict["violations"]))


def of_failpoints(killed: dict[str, int]) -> str:
    """How often each failpoint killed the process that reached it."""
    lines = [row(f"`{name}`", times, REPEATS) for name, times in killed.items()]
    return "\n".join(["", head("killed on purpose at", ("kills", "of")), *lines])


def of_kills(counts: dict[str, Any]) -> str:
    """How often each part was killed under load, and how long the site was away afterwards at most."""
    lines = [
        row(part, number, f"{counts['slowest'][part]:.1f} s")
        for part, number in sorted(counts["kills"].items())
    ]
    return "\n".join(["", head("killed at random under load", ("kills", "away")), *lines])


def of_growth(growth: dict[str, Any]) -> str:
    """Memory and open files of each process, and bytes for each request in Redis and the database."""
    processes = [
        row(part, f"{now / 1024:.0f} MiB", f"{drift:+.1%}", f"{files:+d}")
        for part, (now, drift, files) in growth["processes"].items()
    ]
    stores = [
        row(f"{name}: bytes a request", f"{early:.0f}", f"{late:.0f}")
        for name, (early, late) in growth["stores"].items()
    ]
    return "\n".join(
        [
            "",
            head("process after the warm-up", ("memory", "drift", "open files")),
            *processes,
            "",
            head(f"of {growth['requests']:,} requests", ("first half", "second half")),
            *stores,
        ]
    )
