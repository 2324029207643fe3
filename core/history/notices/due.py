"""Who is to be told of what now: worked out anew each time from what waits and what people wish.

So a wish, a right or a rule of escalation that changes counts at once, and what is not due leaves no row. The cost
is that of the requests that wait, times those who wish to hear.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Case, F, Max, Q, When
from django.utils import timezone

from core.errors import StoreUnavailable
from core.history.approvals import answerable
from core.history.approvals.answerable import Approvers, KindAndAgent
from core.history.approvals.policy import Powers, powers_of
from core.history.notices.channels import is_personal
from core.history.notices.texts import ESCALATION, FIRST, HANDED, NOBODY
from core.history.notices.wishes import ALWAYS, LIKE_OTHERS, NoticeSubject, is_quiet, wanted_step
from core.history.people import rights
from core.history.people.lookalikes import skeleton
from core.models import (
    ApprovalRecord,
    ApprovalType,
    Escalation,
    HandOver,
    Notice,
    NoticeChannel,
    NoticeWish,
    Vote,
)
from core.models.policy import ANY
from core.store.approvals import pending_ids
from core.store.client import open_store
from core.values.approvals import PENDING

MOST = 10_000
SETS_POLICY = "core.change_approvaltype"
COLUMNS = ("request_id", "approval_type", "agent_id", "requested_at", "deadline_at")


class Due(NamedTuple):
    """One request that one person, or a channel that many share, is to be told of. `key`: once for ever."""

    key: str
    asked: NoticeSubject
    step: str
    channel: NoticeChannel
    person: Any


def waiting(now: datetime) -> list[NoticeSubject]:
    """What waits by the record, less what has ended in Redis already; by the record alone where Redis is away."""
    pending = ApprovalRecord.objects.filter(status=PENDING, deadline_at__gt=now).order_by("deadline_at")
    found = [NoticeSubject(*row) for row in pending.values_list(*COLUMNS)[:MOST]]
    if not found:
        return []
    try:
        known = set(pending_ids(open_store(), 0, 2 * MOST))
    except StoreUnavailable:
        return found
    return [asked for asked in found if str(asked.request_id) in known]


def find(now: datetime | None = None) -> list[Due]:
    """Everything that is due now, the soonest deadline first."""
    now = now or timezone.now()
    asked = waiting(now)
    return list(DueSearch(now, asked).due()) if asked else []


class DueSearch:
    """One look at everything that waits. What it needs of people is read when it is first needed."""

    def __init__(self, now: datetime, asked: list[NoticeSubject]) -> None:
        self._now = now
        self._asked = asked
        self._powers: dict[int, Powers] = {}
        self._nobody: dict[KindAndAgent, bool] = {}
        ids = [one.request_id for one in asked]
        self._told = set(Notice.objects.filter(request_id__in=ids).values_list("key", flat=True))
        self._voted = set(Vote.objects.filter(ballot__in=ids).values_list("ballot_id", "user_id"))

    def due(self) -> Iterator[Due]:
        """What is due of each request, each key once."""
        for asked in self._asked:
            found = (
                self._handed(asked),
                self._wished(asked),
                self._escalated(asked),
                self._unanswerable(asked),
            )
            for one in chain.from_iterable(found):
                if one.key not in self._told:
                    self._told.add(one.key)
                    yield one

    def _handed(self, asked: NoticeSubject) -> Iterator[Due]:
        """Whom it was handed to hears at once, whatever they wish, or when their quiet hours end."""
        one, risky = self._hand_overs.get(asked.request_id), self._is_risky(asked.approval_type)
        for person in _receivers(one) if one else ():
            wish = self._wishes.get(person.pk)
            quiet = wish is not None and is_quiet(wish, self._now)
            loud = risky and wish is not None and wish.high_risk == ALWAYS
            if one and person.get_username() != one.giver and (loud or not quiet):
                yield from self._to(person, self._channels_of(person), asked, f"{HANDED}-{one.pk}")

    def _wished(self, asked: NoticeSubject) -> Iterator[Due]:
        risky = self._is_risky(asked.approval_type)
        for wish in self._wishes.values():
            step = wanted_step(wish, asked, self._now, high_risk=risky)
            if not step:
                continue
            held = step == FIRST and not (risky and wish.high_risk != LIKE_OTHERS)
            channels = [one for one in self._chosen[wish.pk] if not (held and self._is_held(wish, one))]
            yield from self._to(wish.person, channels, asked, step)

    def _escalated(self, asked: NoticeSubject) -> Iterator[Due]:
        for one in self._escalations:
            after = asked.requested_at + timedelta(seconds=one.after_seconds)
            names = ((one.approval_type, asked.approval_type), (one.agent, asked.agent_id))
            if self._now < after or not all(said in (ANY, name) for said, name in names):
                continue
            for person in one.team.people.all():
                wish = self._wishes.get(person.pk)
                if one.in_quiet_hours or wish is None or not is_quiet(wish, self._now):
                    yield from self._to(person, self._channels_of(person), asked, f"{ESCALATION}-{one.pk}")

    def _unanswerable(self, asked: NoticeSubject) -> Iterator[Due]:
        """Administrators hear at once of what nobody may answer, whatever they wish."""
        pair = KindAndAgent(asked.approval_type, asked.agent_id)
        if pair not in self._nobody:
            self._nobody[pair] = not self._approvers.can_approve(pair)
        for person in self._administrators if self._nobody[pair] else ():
            for channel in self._channels_of(person):
                yield _due(person, channel, asked, NOBODY)

    def _to(
        self, person: Any, channels: Iterable[NoticeChannel], asked: NoticeSubject, step: str
    ) -> Iterator[Due]:
        """To somebody who may answer it and has not voted on it; asked of policy only for what is not told yet."""
        for channel in channels:
            one = _due(person, channel, asked, step)
            if one.key in self._told:
                continue
            has_voted = (asked.request_id, person.pk) in self._voted
            if person.is_active and not has_voted and self._powers_of(person).verdict(asked).allowed:
                yield one

    def _powers_of(self, person: Any) -> Powers:
        if person.pk not in self._powers:
            self._powers[person.pk] = powers_of(person)
        return self._powers[person.pk]

    def _channels_of(self, person: Any) -> list[NoticeChannel]:
        """Those that they chose; by mail for whoever chose none."""
        return self._chosen.get(person.pk) or (self._mail if person.email else [])

    def _is_held(self, wish: NoticeWish, channel: NoticeChannel) -> bool:
        """Whether they were told something there so lately that more waits for the next digest."""
        last = self._last.get((channel.pk, _whose(channel, wish.pk))) if wish.digest_seconds else None
        return last is not None and self._now < last + timedelta(seconds=wish.digest_seconds)

    def _is_risky(self, approval_type: str) -> bool:
        """A name that looks like that of a type of high risk counts as one."""
        return self._risky.get(skeleton(approval_type), self._risky.get(ANY, False))

    @cached_property
    def _wishes(self) -> dict[int, NoticeWish]:
        found = NoticeWish.objects.filter(person__is_active=True).select_related("person")
        return {wish.pk: wish for wish in found.prefetch_related("channels")}

    @cached_property
    def _chosen(self) -> dict[int, list[NoticeChannel]]:
        return {
            wish.pk: [one for one in wish.channels.all() if one.is_enabled] for wish in self._wishes.values()
        }

    @cached_property
    def _hand_overs(self) -> dict[Any, HandOver]:
        found = HandOver.objects.filter(is_open=True, request_id__in=[one.request_id for one in self._asked])
        rows = found.select_related("person").prefetch_related("team__people", "group__user_set")
        return {row.request_id: row for row in rows}

    @cached_property
    def _escalations(self) -> list[Escalation]:
        return list(Escalation.objects.select_related("team").prefetch_related("team__people"))

    @cached_property
    def _risky(self) -> dict[str, bool]:
        rows = ApprovalType.objects.values_list("name", "high_risk", "irreversible").order_by("high_risk")
        return {name if name == ANY else skeleton(name): high or final for name, high, final in rows}

    @cached_property
    def _mail(self) -> list[NoticeChannel]:
        return list(NoticeChannel.objects.filter(kind=NoticeChannel.Kind.MAIL, is_enabled=True)[:1])

    @cached_property
    def _approvers(self) -> Approvers:
        return answerable.read()

    @cached_property
    def _administrators(self) -> list[Any]:
        """The active people who set who may approve what."""
        sets = Q(is_superuser=True) | rights.holds_right(SETS_POLICY)
        return list(get_user_model().objects.filter(sets, is_active=True).order_by("pk"))

    @cached_property
    def _last(self) -> dict[tuple[int, int | None], datetime]:
        longest = max((wish.digest_seconds for wish in self._wishes.values()), default=0)
        since = self._now - timedelta(seconds=longest)
        recent = Notice.objects.filter(claimed_at__gt=since, request_id__isnull=False)
        whose = Case(When(channel__kind=NoticeChannel.Kind.MAIL, then=F("person")))
        rows = recent.order_by().values_list("channel", whose).annotate(last=Max("claimed_at"))
        return {(channel, person): last for channel, person, last in rows}


def _due(person: Any, channel: NoticeChannel, asked: NoticeSubject, step: str) -> Due:
    key = f"{asked.request_id}:{step}:{channel.pk}:{_whose(channel, person.pk) or ''}"
    return Due(key, asked, step, channel, person)


def _whose(channel: NoticeChannel, person: int) -> int | None:
    """What is told there is told to this person alone, or to all who share it."""
    return person if is_personal(channel) else None


def _receivers(one: HandOver) -> list[Any]:
    """The people whom it was handed to."""
    if one.person is not None:
        return [one.person]
    if one.team is not None:
        return list(one.team.people.all())
    return list(one.group.user_set.all()) if one.group is not None else []
