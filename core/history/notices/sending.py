"""Sending what is due: each notice once.

A row under the notice's key is committed before anything is sent, so of several workers one sends it. What
certainly was not taken is tried again, with longer and longer rests. What was under way when its process died, or when
its time was over, is unknown and is not sent again: docs/decisions/0022-notices.md.
"""

import logging
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from django.db.models import F
from django.utils import timezone

from core import failpoints
from core.history.notices import due
from core.history.notices.addresses import SendRefused
from core.history.notices.channels import is_personal, send
from core.history.notices.post import DeliveryUnknown, NotSent
from core.history.notices.texts import TEST, Item, NoticeMessage
from core.history.notices.wishes import zone_of
from core.models import Notice, NoticeChannel, NoticeWish
from core.values.pairs import in_parts

logger = logging.getLogger(__name__)

State = Notice.State

AT_ONCE = 8  # messages under way; as many can be unknown when a process dies
ROUND_SECONDS = 60.0
REQUESTS_OF_A_MESSAGE = 200
ABANDONED = timedelta(minutes=3)  # longer than a message may take
RESTS = (30, 120, 600, 1800)  # seconds after each failure; after the last one it has failed
KEPT = timedelta(days=30)
ENDED_MEANWHILE = "it was answered, or its time was up, before this was sent"
DIED = "the process that sent it died: nobody knows whether it went out"


class DeliveryResult(NamedTuple):
    """What came of a try."""

    state: str
    error: str = ""


class NoticeDraft(NamedTuple):
    """What one message is about, before it is claimed; `rows` are not stored yet unless `again`."""

    channel: NoticeChannel
    person: Any
    message_id: uuid.UUID
    rows: list[Notice]
    again: bool


def tell_people() -> dict[str, int]:
    """Send everything that is due, for a minute at most: how many notices ended in which state."""
    ends, counts = time.monotonic() + ROUND_SECONDS, dict.fromkeys(State.values, 0)
    counts[State.UNKNOWN] += give_up_on_the_abandoned()
    drafts = iter([*_to_repeat(timezone.now()), *_new(due.find())])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while time.monotonic() < ends and (batch := list(islice(drafts, AT_ONCE))):
            claimed = [draft for draft in batch if _claim(draft)]
            failpoints.reach("notices.after_claim")
            for draft, outcome in zip(claimed, pool.map(_try, claimed, _zones(claimed)), strict=True):
                failpoints.reach("notices.after_send")
                state, count = _settle(draft, outcome)
                counts[state] += count
    return {state: count for state, count in counts.items() if count}


def give_up_on_the_abandoned() -> int:
    """What was claimed and never came back is unknown: how many notices."""
    left = Notice.objects.filter(state=State.CLAIMED, claimed_at__lt=timezone.now() - ABANDONED)
    return left.update(state=State.UNKNOWN, error=DIED, finished_at=timezone.now())


def ask_for_test(person: Any) -> int:
    """Have each channel of this person tried, by the next round: how many."""
    now, wish = timezone.now(), NoticeWish.objects.filter(pk=person.pk).first()
    channels = list(wish.channels.filter(is_enabled=True)) if wish else []
    Notice.objects.bulk_create(
        Notice(
            key=f"{TEST}:{uuid.uuid4()}",
            step=TEST,
            channel=channel,
            person=person,
            message=uuid.uuid4(),
            state=State.AGAIN,
            tries=0,
            claimed_at=now,
            next_at=now,
        )
        for channel in channels
    )
    return len(channels)


def tidy() -> int:
    """Delete what ended a month ago, unless its request still waits: how many."""
    now = timezone.now()
    still = [asked.request_id for asked in due.waiting(now)]
    old = Notice.objects.filter(finished_at__lt=now - KEPT).exclude(request_id__in=still)
    return old.delete()[0]


# What there is to send


def _new(found: Iterable[due.Due]) -> Iterator[NoticeDraft]:
    """What is due, one message for each channel and, where each has their own, each person."""
    gathered: dict[tuple[int, int], list[due.Due]] = {}
    for one in found:
        gathered.setdefault((one.channel.pk, one.person.pk if is_personal(one.channel) else 0), []).append(
            one
        )
    for together in gathered.values():
        yield from map(_draft, in_parts(together, REQUESTS_OF_A_MESSAGE))


def _draft(together: Sequence[due.Due]) -> NoticeDraft:
    message_id, now, first = uuid.uuid4(), timezone.now(), together[0]
    rows = [
        Notice(
            key=one.key,
            request_id=one.asked.request_id,
            agent=one.asked.agent_id,
            approval_type=one.asked.approval_type,
            deadline_at=one.asked.deadline_at,
            step=one.step,
            channel=one.channel,
            person=one.person,
            message=message_id,
            claimed_at=now,
        )
        for one in together
    ]
    return NoticeDraft(first.channel, first.person, message_id, rows, again=False)


def _to_repeat(now: datetime) -> Iterator[NoticeDraft]:
    """What failed and has rested; what was answered meanwhile is not sent."""
    rested = Notice.objects.filter(state=State.AGAIN, next_at__lte=now).select_related("channel", "person")
    rows = list(rested.order_by("next_at", "pk"))
    if not rows:
        return
    still = {asked.request_id for asked in due.waiting(now)}
    over = [row.pk for row in rows if row.request_id is not None and row.request_id not in still]
    ended = Notice.objects.filter(pk__in=over, state=State.AGAIN)
    ended.update(state=State.NEEDLESS, error=ENDED_MEANWHILE, finished_at=now)
    gathered: dict[uuid.UUID, list[Notice]] = {}
    for row in rows:
        if row.pk not in over:
            gathered.setdefault(row.message, []).append(row)
    for message_id, together in gathered.items():
        yield NoticeDraft(together[0].channel, together[0].person, message_id, together, again=True)


# One message


def _claim(draft: NoticeDraft) -> bool:
    """Take it for this process; what another one has taken is left out of it. False when nothing is left."""
    now = timezone.now()
    of_message = Notice.objects.filter(message=draft.message_id)
    if not draft.again:
        Notice.objects.bulk_create(draft.rows, ignore_conflicts=True)
    elif not of_message.filter(state=State.AGAIN, key__in=[row.key for row in draft.rows]).update(
        state=State.CLAIMED, claimed_at=now, tries=F("tries") + 1
    ):
        return False
    mine = set(of_message.filter(state=State.CLAIMED).values_list("key", flat=True))
    draft.rows[:] = [row for row in draft.rows if row.key in mine]
    return bool(draft.rows)


def _zones(drafts: list[NoticeDraft]) -> list[Any]:
    wishes = NoticeWish.objects.in_bulk([draft.person.pk for draft in drafts])
    return [zone_of(wishes.get(draft.person.pk) if is_personal(draft.channel) else None) for draft in drafts]


def _try(draft: NoticeDraft, zone: Any) -> DeliveryResult:
    """Send it: in a thread, so nothing of the database is asked here."""
    items = tuple(
        Item(row.request_id, row.approval_type, row.agent, row.deadline_at, row.step)
        for row in draft.rows
        if row.request_id is not None and row.deadline_at is not None
    )
    try:
        send(draft.channel, draft.person.email, NoticeMessage(draft.message_id, items, zone))
    except SendRefused as error:
        return DeliveryResult(State.FAILED, str(error))
    except NotSent as error:
        return DeliveryResult(State.AGAIN, str(error))
    except DeliveryUnknown as error:
        return DeliveryResult(State.UNKNOWN, str(error))
    except Exception as error:
        logger.exception("a notice by %s was not sent as it should be", draft.channel.name)
        return DeliveryResult(State.UNKNOWN, type(error).__name__)
    return DeliveryResult(State.SENT)


def _settle(draft: NoticeDraft, outcome: DeliveryResult) -> tuple[str, int]:
    """Write down what came of it: how many notices are now in which state."""
    now, state, next_at = timezone.now(), outcome.state, None
    rests = RESTS[draft.rows[0].tries - (0 if draft.again else 1) :]
    if state == State.AGAIN:
        state, next_at = (state, now + timedelta(seconds=rests[0])) if rests else (State.FAILED, None)
    if state in (State.FAILED, State.UNKNOWN):
        logger.error("a notice by %s is %s: %s", draft.channel.name, state, outcome.error)
    rows = Notice.objects.filter(message=draft.message_id, state=State.CLAIMED)
    finished = None if state == State.AGAIN else now
    return state, rows.update(state=state, error=outcome.error, next_at=next_at, finished_at=finished)
