"""Many entries, a recorder that is killed again and again, and a second one that stands by."""

import threading
import time
from typing import Any

from core import ApprovalGate
from tests.faults.site.stand import Stand

ASKERS = 4
OF_ONE_NAME = 500  # an agent may ask so often a minute; the next name goes on


def ask_and_answer(url: str, name: str, requests: int) -> None:
    """Two entries for each request: asked, and decided by a direct call."""
    for number in range(requests):
        if number % OF_ONE_NAME == 0:
            gate = ApprovalGate(url, f"{name}-{number // OF_ONE_NAME}")
        request_id = gate.open_request("deploy", {"number": number}, timeout=3600).request_id
        gate.respond_to_approval(request_id, number % 2 == 0, "script")


def entries_under_kills(site: Stand, entries: int, kills: int) -> dict[str, Any]:
    """Write entries from several threads and kill one of two recorders in between; the verdict afterwards."""
    share = entries // 2 // ASKERS
    threads = [
        threading.Thread(target=ask_and_answer, args=(site.server.url, f"asker-{number}", share), daemon=True)
        for number in range(ASKERS)
    ]
    site.start("recorder")
    began = time.monotonic()
    for thread in threads:
        thread.start()
    with site.raw() as raw:
        for number in range(kills):
            # Alternately: so the standby becomes the first one, and the other way round.
            part = ("recorder", "standby")[number % 2]
            site.start_part_again(part)
            before = recorded(raw)
            while recorded(raw) == before and any(thread.is_alive() for thread in threads):
                time.sleep(0.002)
    for thread in threads:
        thread.join()
    site.start_part_again("recorder")
    verdict = site.verdict(seconds=60.0 + entries / 20)
    return {**verdict, "kills": kills, "entries": 2 * ASKERS * share, "took": time.monotonic() - began}


def recorded(raw: Any) -> Any:
    """The newest commit that watchers were told of."""
    return raw.xrevrange("{telemetry}:recorded", count=1)
