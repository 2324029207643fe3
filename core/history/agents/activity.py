"""What goes on now, in a few numbers: for the metrics."""

from collections import Counter
from dataclasses import dataclass

from core.agents import fleet
from core.store.approvals import count_waiting
from core.store.client import open_store


@dataclass(frozen=True)
class Activity:
    """Requests that wait, for how many seconds the oldest has, and agents of the last day by state."""

    waiting: int
    oldest_seconds: float
    agents: dict[str, int]


def read() -> Activity:
    """Four round trips, however many agents and requests. StoreUnavailable when Redis is away."""
    store = open_store()
    waiting, oldest = count_waiting(store)
    now, states = fleet.look(store, None)
    counted = Counter(state.liveness(now) for state in states)
    return Activity(waiting, oldest, {word: counted[word] for word in ("alive", "late", "lost", "finished")})
