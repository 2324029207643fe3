"""What 100 agents cost the server while they wait and nothing happens.

They wait on a server of their own during the whole run, over one full slice of a blocking read at least:
all of them read again at the same time.
"""

import threading
import time
from typing import Any

from core import ApprovalGate
from core.approvals.waiting import SLICE_SECONDS
from tests.bench.measure import Bench, Row, plain_client, store_in

WAITERS = 100


class IdleWaiters:
    """Starts the waiters; `row` counts what they sent since."""

    def __init__(self, bench: Bench) -> None:
        self._client = plain_client(bench.idle_url)
        store = store_in(bench.idle_url, "idle")

        def wait(number: int) -> None:
            ApprovalGate(store, agent_id=f"idle-{number}").request_approval("deploy", {}, 600)

        for number in range(WAITERS):
            threading.Thread(target=wait, args=(number,), daemon=True).start()
        while self._client.info("clients")["blocked_clients"] < WAITERS:
            time.sleep(0.01)
        self._started = time.monotonic()
        self._before = self._commands()

    def row(self) -> Row:
        # Whole slices only: part of one would count too many or too few.
        slices = int((time.monotonic() - self._started) // SLICE_SECONDS) + 1
        end = self._started + slices * SLICE_SECONDS + 1.0
        time.sleep(max(0.0, end - time.monotonic()))
        rate = (self._commands() - self._before) / (slices * SLICE_SECONDS)
        return Row(
            "commands a second, idle", f"{WAITERS} waiting", rate, 0.0, "/s", None, "under 4/s", rate < 4
        )

    def _commands(self) -> int:
        stats: dict[str, Any] = self._client.info("commandstats")
        return sum(stat["calls"] for name, stat in stats.items() if name != "cmdstat_info")
