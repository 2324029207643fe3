"""Whether anybody can approve a request at all, by the people and the policy of now: agents hear it as they ask.

The site says it in Redis after each change of people and policy; the recorder does at its start and each minute, so
that plain SQL and a Redis that was away are made up for.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import Error
from django.db.models import Count

from core.errors import StoreUnavailable
from core.history.approvals.policy import PolicySubject, Powers, powers_of, speaking
from core.history.people import rights, rights_changes
from core.history.people.lookalikes import skeleton
from core.models import AgentOwner, ApprovalRecord, ApprovalType, DecisionGrant, Team
from core.models.policy import ANY
from core.store.client import Store, open_store
from core.store.keys import quoted
from core.store.rights import policy as told
from core.values.approvals import PENDING

logger = logging.getLogger(__name__)

EVERY_SECONDS = 60.0
LOOK_SECONDS = 2.0
# Of kinds and agents that policy names; above it agents and beginnings are looked at as any other.
MOST_PAIRS = 20_000
SOME = "\N{REPLACEMENT CHARACTER}"  # how a name goes on that no row names
OTHER = chr(0x10FFFF)  # for whatever no row names: of no script, so like no name


class KindAndAgent(NamedTuple):
    """What policy looks at of a request."""

    approval_type: str
    agent_id: str


class ApproverCounts(NamedTuple):
    """How many different people may approve a request now, and how many must."""

    may: int
    must: int

    @property
    def nobody(self) -> bool:
        """Whether it cannot be approved."""
        return self.may < self.must


class Approvers(NamedTuple):
    """Everybody who may decide something; and the kinds and agents for which policy may say another thing."""

    people: tuple[Powers, ...] = ()
    kinds: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()  # of names, that have owners

    def can_approve(self, pair: KindAndAgent) -> bool:
        """Whether so many different people as it needs may approve it. Those who look alike are one, as for votes."""
        found: set[str] = set()
        for person in self.people:
            verdict = person.verdict(pair)
            if verdict.allowed:
                found.add(skeleton(person.name))
            if len(found) >= verdict.approvers:
                return True
        return False

    def reach(self, pair: PolicySubject) -> "ApproverCounts":
        """How many different people may approve it, of how many it needs."""
        verdicts = [(person, person.verdict(pair)) for person in self.people]
        names = {skeleton(person.name) for person, verdict in verdicts if verdict.allowed}
        return ApproverCounts(
            len(names), max((verdict.approvers for _person, verdict in verdicts), default=1)
        )

    def said(self) -> dict[str, bool]:
        """By field of Redis: each kind; and agents and beginnings of names for which it is otherwise."""
        found = {}
        pairs = (len(self.agents) + len(self.beginnings)) * (len(self.kinds) + 1)
        agents = self.agents if pairs <= MOST_PAIRS else ()
        beginnings = self.beginnings if pairs <= MOST_PAIRS else ()
        for kind in (OTHER, *self.kinds):
            name, usual = _name(kind), self.can_approve(KindAndAgent(kind, OTHER))
            found[told.field(name, told.ANY)] = usual
            known = {"": usual}
            for begins in sorted(beginnings, key=len):
                can = self.can_approve(KindAndAgent(kind, begins + SOME))
                if can != _of_longest(known, quoted(begins)):
                    known[quoted(begins)] = found[told.field(name, told.beginning(quoted(begins)))] = can
            for agent in agents:
                can = self.can_approve(KindAndAgent(kind, agent))
                if can != _of_longest(known, _name(agent)):
                    found[told.field(name, _name(agent))] = can
        return found


def _of_longest(known: Mapping[str, bool], name: str) -> bool:
    """What is known of the longest beginning of this name."""
    return known[max((begins for begins in known if name.startswith(begins)), key=len)]


def _name(name: str) -> str:
    return told.ANY if name == OTHER else quoted(name)


def read() -> Approvers:
    """Who may approve what, in a few queries, however many they are."""
    model: Any = get_user_model()
    held = rights.keys_of_holders(rights.DECIDE, rights.VIEW, rights.BREAK_GLASS)
    deciders = model._default_manager.in_bulk(held[rights.DECIDE])
    people = [deciders[key] for key in sorted(deciders)]
    teams = defaultdict(set)
    for person, team in Team.people.through.objects.values_list("user_id", "team_id"):
        teams[person].add(team)
    grants = list(DecisionGrant.objects.values_list("approval_type", "agent", "team_id"))
    owners: list[Any] = list(AgentOwner.objects.values_list("agent", "is_prefix", "person_id", "team_id"))
    tokens = set(speaking().order_by().values_list("agent", "is_prefix", "owner_id").distinct())
    owners += [(*token, None) for token in sorted(tokens - {owner[:3] for owner in owners})]
    types = powers_of(people[0]).types if people else ()
    powers = tuple(
        Powers(
            decides=person.pk in held[rights.VIEW],
            breaks_glass=person.pk in held[rights.BREAK_GLASS],
            alone=len(people) == 1,
            name=person.get_username(),
            grants=frozenset(grant[:2] for grant in grants if grant[2] in (None, *teams[person.pk])),
            owned=frozenset(_owned(owners, person.pk, teams[person.pk])),
            types=types,
        )
        for person in people
    )
    kinds = {*ApprovalType.objects.values_list("name", flat=True), *(kind for kind, *_ in grants)} - {ANY}
    agents = {agent for _kind, agent, _team in grants} | {agent for agent, *_ in owners} - {ANY}
    names = {person.name for person in powers}
    beginnings = {agent for agent, is_prefix, *_ in owners if is_prefix}
    return Approvers(
        powers, tuple(sorted(kinds)), tuple(sorted((agents | names) - {ANY})), tuple(sorted(beginnings))
    )


def _owned(owners: list[Any], person: int, teams: set[int]) -> Iterator[tuple[str, bool]]:
    for agent, is_prefix, owner, team in owners:
        if owner == person or team in teams:
            yield agent, bool(is_prefix)


_known: tuple[str, float, Approvers] = ("", 0.0, Approvers())


def reach_of(pair: PolicySubject, version: str) -> ApproverCounts:
    """Who may approve it, for a page: read again where rights are of another version than what is known, '' for any.

    A change that tells nobody, such as plain SQL, counts within a minute.
    """
    global _known
    kept, at, approvers = _known
    if not version or kept != version or time.monotonic() - at >= EVERY_SECONDS:
        at, approvers = time.monotonic(), read()
        _known = version, at, approvers
    return approvers.reach(pair)


def forget() -> None:
    """Know nobody: the next page reads people and policy again."""
    global _known
    _known = "", 0.0, Approvers()


def publish(store: Store) -> Approvers:
    """Say it in Redis, with whether direct answers are taken. StoreUnavailable, DatabaseError."""
    version = told.version(store)
    approvers = read()
    begin = map(quoted, approvers.beginnings)
    direct = settings.TELEMETRY_DIRECT_ANSWERS
    store.run(told.publish(store.keys, version, direct, approvers.said(), begin))
    return approvers


def connect() -> None:
    """Say it after each change. Called once, when the apps are ready."""
    rights_changes.changed.connect(_say_again)


def _say_again(**_signal: Any) -> None:
    forget()
    try:
        publish(open_store())
    except (Error, StoreUnavailable) as error:
        logger.warning("agents are told by the recorder who can approve what: %s", error)


class Unanswerable:
    """The recorder's part: it says it again, and counts the requests that wait and that nobody can approve."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.count = 0
        self.begin()

    def begin(self) -> None:
        """Say and count now."""
        self._say_at = self._look_at = 0.0
        self._version = ""
        self._approvers = Approvers()
        self._can: dict[KindAndAgent, bool] = {}  # by these approvers: what waits is counted again and again

    def look(self) -> None:
        """Say it where a minute is over or rights are others, and count. What fails is tried again."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_SECONDS
        try:
            version = told.version(self._store)
            if now >= self._say_at or version != self._version:
                self._approvers, self._can = publish(self._store), {}
                self._version, self._say_at = version, now + EVERY_SECONDS
            self.count = self._waiting()
        except (Error, StoreUnavailable) as error:
            logger.warning("not told who can approve what, tried again: %s", error)

    def _waiting(self) -> int:
        rows = ApprovalRecord.objects.filter(status=PENDING).order_by()
        pairs = rows.values_list("approval_type", "agent_id").annotate(count=Count("pk"))
        waiting = {KindAndAgent(*names): count for *names, count in pairs}
        known = self._can
        self._can = {
            pair: known[pair] if pair in known else self._approvers.can_approve(pair) for pair in waiting
        }
        return sum(count for pair, count in waiting.items() if not self._can[pair])
