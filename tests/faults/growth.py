"""Memory, open files, Redis and database while requests come and go: what must not grow without end."""

import time
from pathlib import Path
from typing import Any

from tests.faults.load import busy
from tests.faults.site.databases import database_bytes
from tests.faults.site.stand import Stand

SAMPLES = 20
WARM_UP = SAMPLES // 4
PROCESSES = ("web", "recorder", "worker")
MOST_DRIFT = 0.10
MOST_FILES = 10


def watch(site: Stand, seconds: float) -> dict[str, Any]:
    """Load without kills: `processes` (KiB, drift, files), `stores` (bytes a request, early and late), `violations`."""
    samples = []
    with busy(site) as load:
        for _ in range(SAMPLES):
            time.sleep(seconds / SAMPLES)  # the load goes on meanwhile
            samples.append(sample(site))
        violations = load.broken_pages()
        for part in PROCESSES:
            site.kill(part)
    first, middle, last = samples[WARM_UP], samples[(WARM_UP + SAMPLES) // 2], samples[-1]
    processes = {part: drift_of(first[part], last[part]) for part in PROCESSES}
    stores = {name: (rate(first, middle, name), rate(middle, last, name)) for name in ("redis", "database")}
    for part, (_now, drift, files) in processes.items():
        if drift > MOST_DRIFT:
            violations.append(f"the memory of {part} grew by {drift:.1%}")
        if files > MOST_FILES:
            violations.append(f"{part} has {files} more open files")
    for name, (early, late) in stores.items():
        if late > 1.5 * early + 500:
            violations.append(f"{name} grows faster than its requests: {early:.0f}, then {late:.0f} bytes")
    requests = last["requests"] - first["requests"]
    return {"processes": processes, "stores": stores, "requests": requests, "violations": violations}


def drift_of(first: dict[str, int], last: dict[str, int]) -> tuple[int, float, int]:
    """KiB now, growth of memory as a part of it, growth of open files."""
    return last["kib"], last["kib"] / first["kib"] - 1, last["files"] - first["files"]


def rate(before: dict[str, Any], after: dict[str, Any], name: str) -> float:
    """Bytes for each request between two samples."""
    return (after[name] - before[name]) / max(1, after["requests"] - before["requests"])


def sample(site: Stand) -> dict[str, Any]:
    """What the processes and the stores take now."""
    with site.raw() as raw:
        memory = raw.info("memory")["used_memory"]
    return {
        **{part: of_process(site.pids[part]) for part in PROCESSES},
        "redis": memory,
        "database": database_bytes(site.database, site.folder),
        "requests": len(site.logs[0].read_text().splitlines()),
    }


def of_process(pid: int) -> dict[str, int]:
    """Resident memory in KiB, of which the imported modules are shared with the nursery, and open files."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = int(status.split("VmRSS:")[1].split()[0])
    return {"kib": kib, "files": len(list(Path(f"/proc/{pid}/fd").iterdir()))}
