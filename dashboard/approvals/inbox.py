"""What the inbox prints: what waits, line by line, requests of one sort folded into one line."""

from collections import Counter, defaultdict
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from core.agents import fleet
from core.history.approvals.answers.request_standings import HandOverSummary, RequestStandings
from core.history.approvals.policy import FRESH, TYPED, Verdict
from core.store.approvals import ask_listened, listened_of
from core.store.client import open_store
from dashboard import words as house
from dashboard.access import Audience
from dashboard.approvals import turns, unusual, words
from dashboard.approvals.filters import AGES, ALIKE, SHOWS, SOON, FilterLink, Filters
from dashboard.approvals.page import Asker, why_gone
from dashboard.approvals.waiting import QueuedRequest, Waiting, urgency
from dashboard.display.tags import milliseconds

PAGE_LINES = 50
LISTED = 20  # kinds, and agents, in the column of groups
FEWEST = 3  # that are folded
MOST_TOGETHER = 100  # that one press answers
MOST_COLUMNS = 8  # that differ; what differs in more is looked at one by one


class InboxLine(NamedTuple):
    """One request, or several that are alike, of which `first` is the most urgent."""

    first: QueuedRequest
    alike: tuple[QueuedRequest, ...] = ()
    odd: bool = False
    risky: bool = False
    held: str = ""  # that somebody is approving it now
    handed: HandOverSummary | None = None
    gone: str = ""  # why nobody waits for the answer, as its card says it

    @property
    def id(self) -> str:
        """What selects it."""
        return f"{ALIKE}{self.first.shape}" if self.alike else self.first.request_id

    @property
    def state(self) -> str:
        """What it says beside its request: another one is another line."""
        deadline = milliseconds(self.first.deadline_at)
        said = (deadline, len(self.alike), self.odd, self.risky, self.held, self.handed_to, self.gone)
        return "|".join(map(str, said))

    @property
    def handed_to(self) -> str:
        """To whom it was handed, '' for nobody."""
        return words.handed_to(*self.handed[:2], mine=self.handed.mine) if self.handed else ""

    @property
    def gone_in_short(self) -> str:
        """The beginning of why nobody waits: without when that was."""
        return self.gone.partition(",")[0]

    @property
    def columns(self) -> list[str]:
        """The names of the values that differ."""
        return differing(self.alike)


@dataclass(frozen=True)
class RequestGroup:
    """Requests that are alike: what they share, and a row each of what differs."""

    first: QueuedRequest
    columns: list[str]
    shared: list[tuple[str, str]]
    rows: list[tuple[QueuedRequest, list[str]]]
    count: int
    verdict: Verdict
    gone: str = ""  # why nobody waits for the answers
    held: str = ""  # that somebody is approving some of them now

    @classmethod
    def of(cls, line: InboxLine, verdict: Verdict) -> "RequestGroup":
        """The first of them, as many as one press answers."""
        columns, alike = line.columns, line.alike
        shared = [(name, text) for name, text in line.first.values if name not in columns]
        rows = [
            (account, [dict(account.values)[name] for name in columns]) for account in alike[:MOST_TOGETHER]
        ]
        return cls(line.first, columns, shared, rows, len(alike), verdict, line.gone, line.held)

    @property
    def more(self) -> int:
        """How many are left for the next press."""
        return self.count - len(self.rows)


@dataclass(frozen=True)
class Inbox:
    """One page of the queue. `waiting` counts requests, on whatever page."""

    filters: Filters
    shown: list[InboxLine]
    together: RequestGroup | None
    groups: dict[str, list[FilterLink]]
    waiting: int
    pages: int
    now: datetime
    known: bool = True  # False while Redis is away

    @property
    def earlier(self) -> str:
        """The query of the page before."""
        return self.filters.to_page(self.filters.page - 1)

    @property
    def later(self) -> str:
        """The query of the page after."""
        return self.filters.to_page(self.filters.page + 1)

    @property
    def rows(self) -> list[tuple[InboxLine, str]]:
        """Each line, and the query that shows it."""
        return [(line, self.filters.selecting(line.id)) for line in self.shown]

    @property
    def onward(self) -> str:
        """The query that shows the line after the selected one, or before it where that is the last."""
        ids = [line.id for line in self.shown]
        if self.filters.selected not in ids:
            return self.filters.bare
        place = ids.index(self.filters.selected)
        return self.filters.selecting(next(iter(ids[place + 1 :] or ids[:place][-1:]), ""))


def differing(accounts: Iterable[QueuedRequest]) -> list[str]:
    """The names of the values that are not the same in all of them."""
    texts: dict[str, set[str]] = defaultdict(set)
    for account in accounts:
        for name, text in account.values:
            texts[name].add(text)
    return [name for name, found in texts.items() if len(found) > 1]


def inbox_page(filters: Filters, audience: Audience, waiting: Waiting, standing: RequestStandings) -> Inbox:
    """The page of what waits: SQL in one query where what was approved was not read for 15 s, or tokens for a minute.

    Redis in one round trip, for the agents whose requests are on the page.
    """
    unusual.refresh(waiting.accounts)
    turns.refresh()
    odd = unusual.unusual_ids(waiting.accounts)
    holds = _tests(waiting, audience, odd, standing)
    found = [account for account in waiting.accounts if _is_asked_for(account, filters, holds, waiting.now)]
    lines = lines_of(found, audience, odd, apart=standing.handed)
    pages = max(1, -(-len(lines) // PAGE_LINES))
    page = min(filters.page, pages)  # they end: a page that was there may be gone
    filters = replace(filters, page=page)
    shown = _told(page_of(lines, page), standing, waiting.now)
    alike = (line for line in (*shown, *lines) if line.alike)  # those of this page say more
    chosen = next((line for line in alike if line.first.shape == filters.shape), None)
    return Inbox(
        filters,
        shown,
        RequestGroup.of(chosen, audience.verdict(chosen.first)) if chosen else None,
        _groups(waiting, filters, holds),
        len(waiting.accounts),
        pages,
        waiting.now,
    )


def unavailable_page(filters: Filters, now: datetime) -> Inbox:
    """The page while Redis is away."""
    return Inbox(filters, [], None, {}, 0, 1, now, known=False)


def is_risky(audience: Audience, account: QueuedRequest) -> bool:
    """Whether a yes to it asks for more than a press: what cannot be undone, is of high risk, or needs several."""
    demands = audience.powers.demands(account.approval_type)
    return not demands.bulk or demands.approvers > 1 or TYPED in demands.needs or FRESH in demands.needs


def may_go_together(audience: Audience, account: QueuedRequest) -> bool:
    """Whether it may be answered with others: never where an answer brings anything but the button."""
    verdict = audience.verdict(account)
    plain = verdict.bulk and verdict.approvers == 1 and not verdict.needs
    return plain if verdict.allowed else not is_risky(audience, account)


def lines_of(
    accounts: Iterable[QueuedRequest], audience: Audience, odd: set[str], apart: Container[str] = ()
) -> list[InboxLine]:
    """The lines by deadline. What is unusual, was handed over, or must be looked at alone, is never folded."""
    crowds: dict[str, list[QueuedRequest]] = defaultdict(list)
    lines = []
    for account in accounts:
        alone = account.request_id in odd or account.request_id in apart
        if account.shape and not alone and may_go_together(audience, account):
            crowds[account.shape].append(account)
        else:
            risky = is_risky(audience, account)
            lines.append(InboxLine(account, odd=account.request_id in odd, risky=risky))
    for alike in crowds.values():
        if len(alike) >= FEWEST and len(differing(alike)) <= MOST_COLUMNS:
            lines.append(InboxLine(alike[0], tuple(alike)))
        else:
            lines += [InboxLine(account, risky=is_risky(audience, account)) for account in alike]
    return sorted(lines, key=lambda line: urgency(line.first))


def page_of(lines: Iterable[InboxLine], page: int) -> list[InboxLine]:
    """Those of one page, by deadline: each agent's first before any agent's second, and so on; a fleet is one of them.

    So however many one agent asks, or one token in however many names, nobody else's request is hidden behind them.
    """
    taken: Counter[tuple[str, bool]] = Counter()
    queued = []
    for line in lines:
        whose = turns.turn_of(line.first.agent_id)
        queued.append((taken[whose], *urgency(line.first), line))
        taken[whose] += 1
    queued.sort(key=itemgetter(0, 1, 2))
    shown = (line for *_place, line in queued[(page - 1) * PAGE_LINES : page * PAGE_LINES])
    return sorted(shown, key=lambda line: urgency(line.first))


def _heard_of(lines: list[InboxLine], now: datetime) -> tuple[dict[str, Asker], dict[str, datetime]]:
    """Agents by name, and when calls last waited for requests, in one round trip."""
    if not lines:
        return {}, {}
    store, ids = open_store(), [line.first.request_id for line in lines]
    agents = list(dict.fromkeys(line.first.agent_id for line in lines))
    records, *left = store.read_many(
        [fleet.ask_states(store.keys, agents), *(ask_listened(store.keys, id_) for id_ in ids)]
    )
    if isinstance(records, Exception):
        raise records
    states = fleet.states_of(agents, records)
    return {state.heartbeat.agent_id: Asker.of(state, now) for state in states}, listened_of(ids, left, now)


def _told(lines: list[InboxLine], standing: RequestStandings, now: datetime) -> list[InboxLine]:
    """The same, each with what people and its agent do meanwhile."""
    askers, listened = _heard_of(lines, now)
    told = []
    for line in lines:
        alike = line.alike or (line.first,)
        holders = [standing.held[one.request_id] for one in alike if one.request_id in standing.held]
        asker, heard = askers.get(line.first.agent_id), listened.get(line.first.request_id)
        # That the call of one has gone says nothing of the others.
        gone = "" if line.alike and heard else why_gone(asker, line.first.requested_at, heard, now)
        told.append(
            line._replace(
                held=words.approving(dict.fromkeys(holders), len(holders), len(alike)),
                handed=standing.handed.get(line.first.request_id) if not line.alike else None,
                gone=house.card_of_gone(gone),
            )
        )
    return told


Tests = dict[str, Callable[[QueuedRequest], bool]]


def _tests(waiting: Waiting, audience: Audience, odd: set[str], standing: RequestStandings) -> Tests:
    """What each word of `show` asks of a request."""
    return {
        "": lambda _account: True,
        "soon": lambda account: account.deadline_at - waiting.now < SOON,
        "unusual": lambda account: account.request_id in odd,
        "handed": lambda account: (
            account.request_id in standing.handed and standing.handed[account.request_id].mine
        ),
        "risky": partial(is_risky, audience),
        "mine": lambda account: audience.verdict(account).allowed,
    }


def _is_asked_for(account: QueuedRequest, filters: Filters, holds: Tests, now: datetime) -> bool:
    return (
        (not filters.kind or account.approval_type == filters.kind)
        and (not filters.agent or account.agent_id == filters.agent)
        and _has_waited(account, filters.age, now)
        and all(word in account.text for word in filters.q.casefold().split())
        and holds[filters.show](account)
    )


def _groups(waiting: Waiting, filters: Filters, holds: Tests) -> dict[str, list[FilterLink]]:
    """Ways to look at all that waits, with how many there are."""
    shows = [(show, sum(map(holds[show], waiting.accounts))) for show in SHOWS]
    kinds = Counter(account.approval_type for account in waiting.accounts)
    agents = Counter(account.agent_id for account in waiting.accounts)
    ages = [(age, sum(_has_waited(one, age, waiting.now) for one in waiting.accounts)) for age in AGES]
    return {
        "shows": _links(filters, "show", shows, words.SHOWS),
        "kinds": _links(filters, "kind", _most(kinds, filters.kind)),
        "agents": _links(filters, "agent", _most(agents, filters.agent)),
        "ages": _links(filters, "age", ages, words.AGES),
    }


def _links(
    filters: Filters, part: str, counts: Iterable[tuple[str, int]], said: Mapping[str, str] | None = None
) -> list[FilterLink]:
    """A link for each value of a part of the filters. `said`: our words for them; a value of an agent's is its own
    word, and its link takes it away again where it is chosen.
    """
    links = []
    for value, count in counts:
        chosen = getattr(filters, part) == value
        asked = filters.on(**{part: "" if chosen and said is None else value})
        links.append(FilterLink(said[value] if said else value, count, asked.query, chosen))
    return links


def _most(counts: Counter[str], chosen: str) -> list[tuple[str, int]]:
    """Those that most wait for, and the chosen one, by name: a list that holds still."""
    most = dict(counts.most_common(LISTED))
    if chosen:
        most[chosen] = counts[chosen]
    return sorted(most.items())


def _has_waited(account: QueuedRequest, age: str, now: datetime) -> bool:
    return now - account.requested_at >= timedelta(minutes=AGES[age])
