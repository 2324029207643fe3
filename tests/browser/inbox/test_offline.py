"""A browser that was away while anything happened is, once it is back, as one that was opened then."""

import random
from contextlib import suppress
from difflib import unified_diff

import pytest
from playwright.sync_api import Page

from core import ApprovalGate, HeartbeatCoordinator
from core.history.approvals.answers import extensions, handing
from core.history.approvals.comments import comment
from core.models import ApprovalRecord
from core.store.client import open_store
from tests.browser.inbox.choosing import choose
from tests.browser.inbox.elsewhere import elsewhere
from tests.browser.test_when_things_break import IN_5_5_SECONDS, SHAPE_OF_PAGE, silence
from tests.live_record import live_record
from tests.waiting import wait_until

STEPS = 25
SEEDS = [1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 8))]


class World:
    """Agents that ask, end, beat and stop, and a person who answers, extends, comments and hands over."""

    def __init__(self, url: str, person, seed: int) -> None:
        self.chance, self.person = random.Random(seed), person
        self.gate = ApprovalGate(url, "robot")
        self.crew = {name: HeartbeatCoordinator(url) for name in ("one", "two", "three")}
        self.open: list[str] = []
        self.kept = ""
        self.kept = self.ask()
        self.open.remove(self.kept)  # it is looked at, and waits to the end

    def ask(self) -> str:
        kind = self.chance.choice(("deploy", "delete", "send_money"))
        context = {"n": self.chance.randrange(9), "to": self.chance.choice("xyz")}
        asked = self.gate.open_request(kind if self.kept else "kept", context, 900, understands=("extended",))
        self.open.append(asked.request_id)
        return asked.request_id

    def end(self) -> None:
        if self.open:
            self.gate.cancel_request(self.open.pop(self.chance.randrange(len(self.open))))

    def decide(self) -> None:
        if self.open:
            request_id = self.open.pop(self.chance.randrange(len(self.open)))
            self.gate.decide(request_id, self.chance.random() < 0.5, "tom", reason="a reason")

    def beat(self) -> None:
        name = self.chance.choice(list(self.crew))
        self.crew[name].start_heartbeat(name)
        self.crew[name].beat("running", self.chance.random(), f"step {self.chance.randrange(99)}")
        if self.chance.random() < 0.3:
            self.crew[name].stop_heartbeat()

    def any(self) -> str:
        return self.chance.choice([self.kept, *self.open])

    def extend(self) -> None:
        request_id = self.any()
        extensions.extend(open_store(), self.person, request_id, 1, live_record(self.gate, request_id).digest)

    def hand_over(self) -> None:
        to = self.chance.choice([one.key for one in handing.receivers() if one.kind == handing.PERSON])
        handing.hand_over(open_store(), self.person, self.any(), to)

    def comment(self) -> None:
        comment(self.any(), "robot", "ann", f"look at it {self.chance.randrange(99)}")

    def go_on(self, steps: int) -> None:
        """So many things of all that, by chance."""
        things = (self.ask, self.ask, self.ask, self.end, self.decide)
        things += (self.beat, self.extend, self.hand_over, self.comment)
        for _ in range(steps):
            self.chance.choice(things)()


def go_away(*pages: Page) -> None:
    """Their network is silent, as each sees in time."""
    for page in pages:
        silence(page)
        page.evaluate(IN_5_5_SECONDS)
    for page in pages:
        assert page.evaluate("window.inTime") is True
        assert page.locator("[data-decide]:not(:disabled)").count() == 0


def is_as_new(page: Page) -> None:
    """The page equals one that is opened at its address now, but for times."""
    page.wait_for_selector("[data-connection=live]")
    fresh = page.context.new_page()
    fresh.set_viewport_size(page.viewport_size or {"width": 1440, "height": 900})
    fresh.goto(page.url)
    fresh.wait_for_selector("[data-connection=live]")
    differ: list[str] = []

    def equal() -> bool:
        shapes = page.evaluate(SHAPE_OF_PAGE), fresh.evaluate(SHAPE_OF_PAGE)
        differ[:] = list(unified_diff(*shapes, lineterm="", n=0))
        return not differ

    with suppress(AssertionError):
        wait_until(equal, "both pages are equal", every=0.25)  # a whole page is compared
    assert differ == []
    fresh.close()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_browser_that_was_away_equals_a_fresh_one(sign_in, make_user, clean_redis, seed):
    world = elsewhere(lambda: World(clean_redis, make_user("ann", "approver"), seed))
    elsewhere(lambda: world.go_on(5))
    page = sign_in("maria", "approver", viewport={"width": 1440, "height": 900})
    choose(page, "kept")
    own = page.context.new_page()
    own.goto(f"/approvals/{world.kept}/")
    own.wait_for_selector("[data-connection=live]")
    page.context.set_offline(True)
    go_away(page, own)
    elsewhere(lambda: world.go_on(STEPS))
    waiting = ApprovalRecord.objects.filter(status="pending")
    wait_until(lambda: waiting.count() == 1 + len(world.open), "all of it is recorded")
    page.context.set_offline(False)
    for one in (page, own):
        is_as_new(one)
