"""The follower's thread: what pages show, and who is sent what, in one order."""

import logging
import math
import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from django.db import Error

from core.errors import TelemetryError
from core.history.approvals.policy import Verdict
from core.store import rights
from core.store.client import open_store
from core.store.outbox import OutboxEntry
from core.values.trouble import Trouble
from dashboard import access, words
from dashboard.access import Audience
from dashboard.approvals import page as contexts
from dashboard.approvals.page import EndsAndVotes
from dashboard.live import fragments, group, looking
from dashboard.live.doorbells import LIVE, Bells, is_doorbell
from dashboard.live.state import LiveState, PageMessage
from dashboard.live.subscription import Subscription
from dashboard.live.timers import Timers
from dashboard.live.workers import Inbox, Worker

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0  # at agents, who beat into no stream, and at whether rights changed
HURRIED_SECONDS = 0.25  # the same, while somebody is owed something
READ_SECONDS = 2.0  # after which a connection that is dead without a word is noticed
TICK_SECONDS = 2.0
DESERTED_SECONDS = (
    10.0  # after the last page is gone nothing is read; a page that is loaded again comes sooner
)
VERIFY_SECONDS = 15.0
ACCESS_SECONDS = 4.0
PAUSE_SECONDS = 0.5
PAGE_THREADS = 3

Regions = dict[Audience, str]


def _sentence(error: BaseException) -> str:
    """What pages say of this trouble."""
    if isinstance(error, Error):
        logger.error("the database is away: %s", error)
        return words.DATABASE_AWAY
    if isinstance(error, TelemetryError):
        return words.unavailable(error)
    logger.error("the follower failed and goes on", exc_info=error)
    return words.UNAVAILABLE


def _read_regions(request_id: str, audiences: set[Audience]) -> Regions:
    """What pages of this request show; read from SQL, so by a worker."""
    approval = access.read_approval(request_id)
    if approval is None:
        return dict.fromkeys(audiences, fragments.problem(words.FORGOTTEN_REQUEST))
    page = contexts.approval_page(request_id, approval)
    regions: Regions = {}
    texts: dict[tuple[Verdict | None, bool], str] = {}
    for audience in audiences:
        verdict = audience.verdict(page.card.asked) if page.card else None
        held = page.card.held if page.card else None
        shown = (verdict, held is not None and held.name == audience.powers.name)  # theirs to take back
        if shown not in texts:
            texts[shown] = fragments.approval_region(page, audience)
        regions[audience] = texts[shown]
    return regions


def _looked_at(subscription: Subscription) -> str:
    """The request that is on this page; '' for none."""
    if subscription.topic == LIVE:
        return subscription.looks_at
    return "" if is_doorbell(subscription.topic) else subscription.topic


class Feed(threading.Thread):
    """The follower's thread. It alone moves the state and decides who is sent what, so all of it is in order.

    It reads Redis, without which no page is live. What waits for longer is done by workers: they wait for the
    outbox, look at rights, and read SQL. What came of it is put into this thread's inbox, as sockets are.
    """

    def __init__(self, watching: Callable[[], list[Subscription]], check_access: Callable[[], None]) -> None:
        super().__init__(name="follower", daemon=True)
        self._watching = watching
        self._check_access = check_access
        self._inbox: Inbox = SimpleQueue()
        self._outbox = Worker("outbox", self._inbox)
        self._rights = Worker("rights", self._inbox, keeps_connection=True)
        self._pages = Worker("pages", self._inbox, threads=PAGE_THREADS)
        self._telling = Worker("looking", self._inbox)
        self._lookers = looking.Lookers()
        self._untold = Trouble(logger)
        self._reading: dict[str, bool] = {}  # requests that a worker reads: was one wanted again meanwhile
        self._bells = Bells()
        self._timers = Timers()
        self._unsure = False  # is there somebody whose rights may have changed since the last look
        self._stale = False  # SQL knows more than is being read
        self._asked: set[str] = set()  # what a worker has not answered yet
        self._problems: dict[str, str] = {}  # sentences for people; while there is one, no page is live
        self._state: LiveState | None = None
        self._opened: LiveState | None = None  # by a worker, and not taken over yet
        self._rests = False  # nobody watches
        self._ending = threading.Event()

    # From any thread

    def stop(self) -> None:
        """End, and wait for it and for what the workers have begun."""
        self._ending.set()
        self._inbox.put(lambda: None)
        self.join()

    def enter(self, subscription: Subscription) -> None:
        """A page was opened."""
        self._inbox.put(partial(self._enter, subscription))

    def leave(self, subscription: Subscription) -> None:
        """A page is gone."""
        self._inbox.put(partial(self._bells.remove, subscription))

    def look_at_sql(self) -> None:
        """SQL knows something new that live pages show."""
        self._inbox.put(self._ask_again)

    def touch(self, request_id: str) -> None:
        """The page of a request shows something that no change of the request tells of."""
        self._inbox.put(partial(self._touch, request_id))

    def hear_lookers(self, message: dict[str, Any]) -> None:
        """Another process told who looks at what."""
        self._inbox.put(partial(self._lookers.hear, message))

    # The thread

    def run(self) -> None:
        """Follow until it is stopped."""
        try:
            self._open()
            while not self._ending.is_set():
                try:
                    self._step()
                except Exception as error:
                    self._begin_again(_sentence(error))
        finally:
            self._end()

    def _end(self) -> None:
        if self._state is not None:
            self._state.cut()
        for worker in (self._outbox, self._rights, self._pages, self._telling):
            worker.stop()
        for state in (self._state, self._opened):
            if state is not None:
                state.close()

    def _step(self) -> None:
        try:
            task = self._inbox.get(timeout=self._left())
        except Empty:
            pass
        else:
            task()
        if self._left() == 0.0:
            self._look()

    def _left(self) -> float | None:
        """Seconds until the time asks for something; None while nobody watches."""
        if self._rests:
            return None
        is_hurried = self._unsure or self._state is None or self._bells.owes
        look = self._timers.left("look", HURRIED_SECONDS if is_hurried else LOOK_SECONDS)
        rights = math.inf if "rights" in self._asked else self._timers.left("rights", self._rights_period)
        return min(look, rights, self._timers.left("tick", TICK_SECONDS))

    def _touch(self, request_id: str) -> None:
        self._distribute([], {request_id})
        if self._state is not None:
            self._state.changes.of_queue()  # its line says it too
            self._ring()

    def _enter(self, subscription: Subscription) -> None:
        self._timers.begin("watched")
        if self._rests:
            self._rests = False
            self._open()
        self._require_rights_if_live()
        self._welcome([subscription])

    def _require_rights(self) -> None:
        """Before anybody is told anything: a look at rights that is older than the last change is none."""
        watching = self._watching()
        version = rights.version(open_store()) if watching else None
        for subscription in watching:
            subscription.required = version
        self._unsure = any(version is None or one.version != version for one in watching)

    def _require_rights_if_live(self) -> None:
        if self._state is not None:
            self._require_rights()

    def _look(self) -> None:
        if self._watching():
            self._timers.begin("watched")
        elif self._timers.left("watched", DESERTED_SECONDS) == 0.0:
            self._rest()
            return
        self._timers.begin("look")
        self._require_rights_if_live()
        self._look_at_rights()
        if self._state is not None:
            self._look_at_state(self._state)
        elif self._timers.due("open", PAUSE_SECONDS):
            self._open()
        if self._timers.due("tick", TICK_SECONDS):
            self._distribute([] if self._state is None else self._state.tick(), set())
            self._tick()
        self._look_at_lookers()
        self._ring()

    def _rest(self) -> None:
        self._rests = True
        self._drop()
        self._problems.clear()  # whoever comes next hears what is wrong then

    def _look_at_state(self, state: LiveState) -> None:
        messages = state.look()
        self._distribute(messages, state.take_touched())
        if self._timers.due("verify", VERIFY_SECONDS):
            self._ask_sql(state)

    def _look_at_lookers(self) -> None:
        """Tell pages who else looks at their request, and other processes who does so here."""
        looks: dict[str, set[str]] = defaultdict(set)
        looking_at = [(one, _looked_at(one)) for one in self._watching()]
        for subscription, request_id in looking_at:
            if request_id:
                looks[request_id].add(subscription.audience.powers.name)
        message = self._lookers.take(looks) if "looking" not in self._asked else None
        if message is not None:
            self._asked.add("looking")
            self._telling.do(partial(group.tell, message), self._lookers_told)
        for subscription, request_id in looking_at if self._state is not None else ():
            self._tell_lookers(subscription, request_id)

    def _tell_lookers(self, subscription: Subscription, request_id: str) -> None:
        names = self._lookers.of(request_id) if request_id else ()
        others = tuple(name for name in names if name != subscription.audience.powers.name)
        known = subscription.lookers if subscription.lookers_of == request_id else ()
        if others != known and subscription.owed_since is None and self._state is not None:
            subscription.tell([fragments.lookers(request_id, others, self._state.now)])
            known = others
        subscription.lookers, subscription.lookers_of = known, request_id

    def _lookers_told(self, done: Future[None]) -> None:
        self._asked.discard("looking")
        if done.exception() is None:
            self._untold.ends("who looks at what is told to the other processes again")
        else:
            self._untold.begins("who looks at what is not told to the other processes: %s", done.exception())

    # What workers do

    def _open(self) -> None:
        if "open" not in self._asked:
            self._asked.add("open")
            self._outbox.do(self._make_state, self._take_state)

    def _make_state(self) -> None:
        self._opened = LiveState()

    def _take_state(self, done: Future[None]) -> None:
        self._asked.discard("open")
        done.result()
        self._state, self._opened = self._opened, None
        if self._rests:
            self._drop()  # whoever it was for is gone
        if self._state is not None:
            self._require_rights()  # of those who came before there was anything to tell
            self._listen(self._state)
        self._be_well("state")

    def _listen(self, state: LiveState) -> None:
        # Asked anew when what came has been applied: nobody else moves the state's place in the outbox.
        self._outbox.do(partial(self._wait, state), partial(self._hear, state))

    def _wait(self, state: LiveState) -> list[OutboxEntry]:
        before = state.recorded
        while state is self._state and not self._ending.is_set():
            entries = state.wait(READ_SECONDS)
            if entries or state.recorded != before:
                return entries
        return []

    def _hear(self, state: LiveState, done: Future[list[OutboxEntry]]) -> None:
        if state is self._state:
            messages, touched = state.apply(done.result())
            self._require_rights()
            self._listen(state)
            self._distribute(messages, touched)
            self._ring()

    def _ask_again(self) -> None:
        self._stale = "sql" in self._asked  # what is being read may lack it: once more then
        if self._state is not None:
            self._ask_sql(self._state)

    def _ask_sql(self, state: LiveState) -> None:
        if "sql" not in self._asked:
            self._asked.add("sql")
            waiting = state.begin_verification()
            self._pages.do(partial(contexts.known_of, waiting), partial(self._verify, state))

    def _verify(self, state: LiveState, done: Future[EndsAndVotes]) -> None:
        self._asked.discard("sql")
        if state is self._state:
            self._distribute(state.verify(*done.result()), set())
            if self._stale:
                self._ask_again()

    def _look_at_rights(self) -> None:
        # Also while Redis is away: whoever signs out then is let go as well.
        if "rights" not in self._asked and self._timers.due("rights", self._rights_period):
            self._asked.add("rights")
            self._rights.do(self._check_access, self._rights_came)

    @property
    def _rights_period(self) -> float:
        if self._unsure:
            return HURRIED_SECONDS
        return PAUSE_SECONDS if "rights" in self._problems else ACCESS_SECONDS

    def _rights_came(self, done: Future[None]) -> None:
        self._asked.discard("rights")
        error = done.exception()
        if error is not None:
            self._be_troubled("rights", _sentence(error))  # nobody knows who may hear anything
            return
        self._require_rights_if_live()
        for subscription in self._watching():
            if subscription.held and subscription.is_confirmed():
                subscription.send(subscription.take_held())
        self._be_well("rights")

    def _want(self, request_id: str, audiences: set[Audience]) -> None:
        again = self._reading[request_id] = request_id in self._reading
        if not again:
            self._pages.do(
                partial(_read_regions, request_id, audiences), partial(self._region_came, request_id)
            )

    def _region_came(self, request_id: str, done: Future[Regions]) -> None:
        again = self._reading.pop(request_id)  # something may have happened after it was read: once more then
        self._require_rights_if_live()
        owed = [s for s in self._watching() if s.topic == request_id and s.owed_since is not None]
        error = done.exception()
        if error is not None:
            self._say(owed, _sentence(error))
            return
        for subscription in owed:
            region = done.result().get(subscription.audience)
            if region is not None and self._can_give(subscription):
                self._give(subscription, region)
                if again:
                    subscription.owe()
        if again:
            self._welcome(owed)

    # Trouble

    @property
    def _problem(self) -> str:
        return next(iter(self._problems.values()), "")

    def _begin_again(self, sentence: str) -> None:
        self._drop()
        self._be_troubled("state", sentence)

    def _drop(self) -> None:
        state, self._state = self._state, None
        if state is not None:
            state.cut()
            self._outbox.do(state.close, lambda _done: None)  # there, because it may be read there now

    def _be_troubled(self, word: str, sentence: str) -> None:
        before = self._problem
        self._problems[word] = sentence
        if not before:
            logger.error("live pages stand still: %s", sentence)
        if self._problem != before:
            self._say(self._watching(), self._problem)

    def _be_well(self, word: str) -> None:
        owed = self._owed()
        if self._problems.pop(word, ""):
            for subscription in owed:
                subscription.owe()  # but for another reason now
        self._welcome(owed)

    # What sockets are sent

    def _say(self, subscriptions: list[Subscription], sentence: str) -> None:
        """These pages are not true any more, and this is why."""
        texts = [fragments.problem(sentence), fragments.no_tick(None, sentence)]
        for subscription in subscriptions:
            subscription.owe(sentence)
            subscription.send(texts)

    def _can_give(self, subscription: Subscription) -> bool:
        return self._state is not None and not self._problem and subscription.is_confirmed()

    def _owed(self) -> list[Subscription]:
        """Whose page is not true, and is not being read already."""
        return [s for s in self._watching() if s.owed_since is not None and s.topic not in self._reading]

    def _welcome(self, subscriptions: list[Subscription]) -> None:
        """What these pages are owed: the whole region, or a word of what is wrong."""
        if self._problem:
            self._say(subscriptions, self._problem)
            return
        requests: dict[str, set[Audience]] = {}
        for subscription in subscriptions:
            if self._state is None or not self._can_give(subscription):
                continue
            if is_doorbell(subscription.topic):
                self._bells.add(subscription)
                self._give(subscription)
            elif subscription.topic == LIVE:
                self._bells.add(subscription)
                self._give(subscription, self._state.region())
            else:
                requests.setdefault(subscription.topic, set()).add(subscription.audience)
        for request_id, audiences in requests.items():
            self._want(request_id, audiences)

    def _give(self, subscription: Subscription, *region: str) -> None:
        """This page is true now, and hears of every change from here on."""
        assert self._state is not None
        subscription.owed_since = None
        alarm, tick = fragments.alarm(self._state.alarm), fragments.tick(self._state.now)
        subscription.send([fragments.problem(""), alarm, *region, tick])

    def _distribute(self, messages: list[PageMessage], touched: set[str]) -> None:
        here = [message.text for message in messages]
        everywhere = [message.text for message in messages if message.everywhere]
        changed = []
        for subscription in self._watching() if messages or touched else ():
            if subscription.topic in touched:
                subscription.owe()
                changed.append(subscription)
            elif subscription.owed_since is None:
                heard = here if subscription.topic == LIVE else everywhere
                if heard:
                    subscription.tell(heard)
        self._welcome(changed)

    def _ring(self) -> None:
        if self._state is None:
            return
        self._bells.changed(self._state.changes.take())
        for subscription in self._bells.due():
            if subscription.owed_since is None:  # or it is rung when it gets what it is owed
                subscription.tell([fragments.ring(self._state.now)])

    def _tick(self) -> None:
        """A sign of life for every page; one that is not true, or of which that is not known, hears so."""
        now = None if self._state is None else self._state.now
        good = fragments.tick(now)
        if not self._problem:
            self._welcome(self._owed())
        for subscription in self._watching():
            if subscription.owed_since is None and subscription.is_confirmed():
                subscription.send([good])
                continue
            if subscription.owed_since is None:
                subscription.held.append(fragments.problem(""))  # takes the sentence away, with what is kept
            if subscription.owed_since is None or subscription.is_owed_for(TICK_SECONDS):
                why = self._problem or subscription.why
                subscription.send([fragments.problem(why), fragments.no_tick(now, why)])
