"""People and agents that keep a site busy while its parts are killed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.person import Person, SiteAway
from tests.faults.stand import Stand
from tests.waiting import wait_until

AGENTS = 8
TIMEOUT = 4.0
PARTS = ("web", "recorder", "agents", "redis")


class Load:
    """About 20 requests a second, each answered by one of two people who both look at every card."""

    def __init__(self, site: Stand, pause: float = 0.3) -> None:
        self._site = site
        self._pause = pause
        self.stop = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.cut = 0

    def start(self) -> None:
        """Start every part."""
        self._site.start("recorder")
        self._site.start_web()
        self.start_agents()

    def start_agents(self) -> None:
        """Agents that ask again and again."""
        self._site.start_agents("busy", AGENTS, 1_000_000, TIMEOUT, self._pause)

    def person(self, person: Person, seed: int) -> None:
        """Answer what is shown, in an order of one's own, until it is enough."""
        chance = random.Random(seed)
        while not self.stop.is_set():
            try:
                cards = list(person.look().items())
                chance.shuffle(cards)
                for request_id, digest in cards:
                    answer = person.decide(request_id, digest, approved=chance.random() < 0.7)
                    self.statuses[answer.status] += 1
            except SiteAway:
                self.cut += 1
            time.sleep(0.05)

    def kill(self, part: str) -> None:
        """SIGKILL to a part, and start it again."""
        if part == "redis":
            self._site.kill_redis()
            return
        self._site.kill(part)
        {"web": self._site.start_web, "agents": self.start_agents}.get(part, lambda: self._site.start(part))()

    def answers_again(self) -> float:
        """Seconds until a page shows the queue as Redis holds it: all parts that a page needs are back."""
        began = time.monotonic()
        wait_until(self._site.answers, "the site answers", 30)
        return time.monotonic() - began


@contextmanager
def busy(site: Stand, pause: float = 0.3) -> Iterator[Load]:
    """The load, until the block ends; then agents are killed and people go home."""
    load = Load(site, pause)
    load.start()
    threads = [
        threading.Thread(target=load.person, args=(person, seed), daemon=True)
        for seed, person in enumerate(site.people)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(20)
    site.kill("agents")


def kill_at_random(load: Load, seconds: float, least: float, most: float, seed: int) -> dict[str, Any]:
    """Kill a random part at random moments; counts, and the longest time until the site answered again."""
    chance, end = random.Random(seed), time.monotonic() + seconds
    kills: Counter[str] = Counter()
    slowest, order = 0.0, list(PARTS)
    chance.shuffle(order)
    while time.monotonic() < end or len(kills) < len(PARTS):
        time.sleep(chance.uniform(least, most))  # the moment of a death
        part = order[kills.total() % len(order)] if len(kills) < len(PARTS) else chance.choice(PARTS)
        load.kill(part)
        kills[part] += 1
        slowest = max(slowest, load.answers_again())
    return {"kills": dict(kills), "slowest": slowest}
