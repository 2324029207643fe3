"""People and agents that keep a site busy while its parts are killed."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.faults.site.person import Person, SiteAway
from tests.faults.site.stand import Stand, until
from tests.waiting import PATIENCE, Stopwatch, wait_until

AGENTS = 8
TIMEOUT = 4.0
PARTS = ("web", "recorder", "worker", "agents", "redis")
EVERYTHING = "all at once"
PAGES = ("/agents/?id=busy-0", "/usage/", "/health/", "/exports/", "/metrics", "/readyz", "/usage/calls.csv")
PAGES += ("/admin/core/auditentry/", "/admin/core/approvalrecord/")


def parts_of(site: Stand) -> tuple[str, ...]:
    """What can be killed here."""
    return (*PARTS, "postgresql", EVERYTHING) if site.postgresql else (*PARTS, EVERYTHING)


class Load:
    """About 20 requests a second, each answered by one of two people who both look at every card."""

    def __init__(self, site: Stand, pause: float = 0.3) -> None:
        self.site = site
        self._pause = pause
        self.stop = threading.Event()
        self.statuses: Counter[int] = Counter()
        self.pages: Counter[tuple[str, int]] = Counter()
        self.cut = 0

    def start(self) -> None:
        """Start every part."""
        self.site.start("recorder")
        self.site.start_web()
        self.site.start_worker()
        self.start_agents()

    def start_agents(self) -> None:
        """Agents that ask again and again."""
        self.site.start_agents("busy", AGENTS, 1_000_000, TIMEOUT, self._pause)

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

    def visitor(self, person: Person) -> None:
        """Look at every other page, again and again, once there is an agent to look at."""
        until(lambda: self.stop.is_set() or person.page(PAGES[0]).status == 200, "the agent has a page")
        while not self.stop.is_set():
            for page in PAGES:
                try:
                    self.pages[page, person.page(page).status] += 1
                except SiteAway:
                    self.cut += 1
                if self.stop.wait(0.2):
                    return

    def broken_pages(self) -> list[str]:
        """Answers that no page and no decision may give, whatever is killed: a sentence each."""
        found = [f"{page} answered {status}" for page, status in self.pages if status not in (200, 503)]
        return found + [
            f"a decision was answered {code}" for code in self.statuses if code in (400, 403, 500)
        ]

    def kill(self, part: str) -> None:
        """SIGKILL to a part, and start it again."""
        servers: dict[str, Callable[[], None]] = {
            "redis": self.site.kill_redis,
            "postgresql": self.site.kill_postgresql,
            EVERYTHING: self.kill_everything,
        }
        if part in servers:
            servers[part]()
            return
        self.site.kill(part)
        {"web": self.site.start_web, "agents": self.start_agents}.get(part, lambda: self.site.start(part))()

    def kill_everything(self) -> None:
        """SIGKILL to every part before any of them is started again, as when a machine stops."""
        self.site.kill_everything()
        self.site.start_web()
        self.site.start("recorder")
        self.site.start_worker()
        self.start_agents()

    def revive_worker(self) -> None:
        """As the supervisor does: a worker that found no Redis has ended."""
        if self.site.nursery.ended(self.site.pids["worker"]) is not None:
            self.site.start_worker()

    def answers_again(self) -> None:
        """Until a page shows the queue as Redis holds it: all parts that a page needs are back."""
        wait_until(self.site.answers, "the site answers")


@contextmanager
def busy(site: Stand, pause: float = 0.3) -> Iterator[Load]:
    """The load, until the block ends; then agents are killed and people go home."""
    load = Load(site, pause)
    load.start()
    threads = [
        threading.Thread(target=load.person, args=(person, seed), daemon=True)
        for seed, person in enumerate(site.people)
    ]
    threads.append(threading.Thread(target=load.visitor, args=(site.visitor,), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in threads:
            thread.join(PATIENCE)
    site.kill("agents")


def kill_at_random(
    load: Load, seconds: float, least: float, most: float, seed: int, each: int = 1
) -> dict[str, Any]:
    """Kill a random part at random moments, every part `each` times at least.

    Returns counts, and by part the longest time until the site answered again.
    """
    chance, end = random.Random(seed), time.monotonic() + seconds
    kills: Counter[str] = Counter()
    slowest: dict[str, float] = {}
    parts = parts_of(load.site)
    while time.monotonic() < end or any(kills[part] < each for part in parts):
        time.sleep(chance.uniform(least, most))  # the moment of a death
        part = chance.choice([part for part in parts if kills[part] < each] or parts)
        with Stopwatch() as watch:
            load.kill(part)
            load.answers_again()
        slowest[part] = max(slowest.get(part, 0.0), watch.own)
        kills[part] += 1
        load.revive_worker()
    return {"kills": dict(kills), "slowest": slowest}
