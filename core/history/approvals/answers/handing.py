"""Handing a request over: somebody is asked to answer it. That tells people, and changes nobody's rights."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q
from django.dispatch import Signal
from django.utils import timezone

from core.history.approvals.decisions import NotAllowed, fresh_powers, refused, still_waiting
from core.history.approvals.policy import NO_RIGHT, powers_of
from core.history.audit import entries
from core.history.audit.entries import refusals_recorded
from core.history.people import rights
from core.models import ApprovalRecord, HandOver, Team
from core.store.approvals import RequestRecord, read_record_and_time
from core.store.client import Store
from core.values.approvals import PENDING

HANDED = "approval.handed_over"
PERSON, TEAM, GROUP = "person", "team", "group"

NOBODY_CHOSEN = "choose to whom"
MAY_NOT = "{name} may not answer it"
NONE_MAY = "nobody in {name} may answer it"

handed = Signal()  # after the commit, with `request_id`: pages show it


class HandOverTarget(NamedTuple):
    """Whom something can be handed to. `kind`: PERSON, TEAM or GROUP."""

    kind: str
    pk: int
    name: str

    @property
    def key(self) -> str:
        """What a form says of it."""
        return f"{self.kind}:{self.pk}"


def receivers() -> list[HandOverTarget]:
    """The people who decide, teams, and groups whose people decide; three queries."""
    people = rights.deciders(get_user_model()).order_by("username").values_list("pk", "username")
    decide = Q(permissions__content_type__app_label="core", permissions__codename="decide_approval")
    teams, groups = Team.objects.values_list("pk", "name"), Group.objects.filter(decide).order_by("name")
    found = ((PERSON, people), (TEAM, teams), (GROUP, groups.distinct().values_list("pk", "name")))
    return [HandOverTarget(kind, pk, name) for kind, rows in found for pk, name in rows]


def hand_over(store: Store, user: Any, request_id: str, to: str) -> HandOverTarget:
    """Ask `to`, a key of a receiver, to answer a request that waits; recorded. One before it is handed on.

    Raises NotAllowed (recorded), ValueError as a sentence for what cannot be, MalformedRecord, StoreUnavailable and
    DatabaseError; then nothing is changed.
    """
    record = still_waiting(store, request_id)
    fresh, powers = fresh_powers(user)
    if not (fresh and powers.decides):
        with refusals_recorded():
            raise refused(user, record, NO_RIGHT)
    receiver = next((one for one in receivers() if one.key == to), None)
    if receiver is None:
        raise ValueError(NOBODY_CHOSEN)
    if not any(powers_of(person).verdict(record).allowed for person in _people_of(receiver)):
        raise ValueError((MAY_NOT if receiver.kind == PERSON else NONE_MAY).format(name=receiver.name))
    try:
        _keep(fresh, record, receiver)
    except IntegrityError:  # another handed it over at this very moment: then it is handed on
        _keep(fresh, record, receiver)
    handed.send(HandOver, request_id=request_id)
    return receiver


def refuse(store: Store, user: Any, request_id: str) -> None:
    """Record that somebody tried to hand over who may not; nothing where there is no such request."""
    record, _now = read_record_and_time(store, request_id)
    if record is not None:
        with suppress(NotAllowed), refusals_recorded():
            raise refused(user, record, NO_RIGHT)


def _people_of(receiver: HandOverTarget) -> Iterable[Any]:
    column = {PERSON: "pk", TEAM: "teams", GROUP: "groups"}[receiver.kind]
    return get_user_model().objects.filter(**{column: receiver.pk}, is_active=True).order_by("pk").iterator()


def _keep(giver: Any, record: RequestRecord, receiver: HandOverTarget) -> None:
    now, name = timezone.now(), giver.get_username()
    ended = ApprovalRecord.objects.filter(pk=OuterRef("request_id")).exclude(status=PENDING)
    with transaction.atomic():
        # With each new one those that are over are closed: so many are open as wait, and a few more.
        HandOver.objects.filter(Q(request_id=record.request_id) | Exists(ended), is_open=True).update(
            is_open=False
        )
        row = HandOver.objects.create(
            request_id=record.request_id,
            giver=name,
            name=receiver.name,
            created_at=now,
            **{f"{receiver.kind}_id": receiver.pk},
        )
        event_id = f"{HANDED}:{row.pk}:{record.request_id}"
        told = {"name": receiver.name, "what": receiver.kind}
        entries.append([entries.about(record, event_id, HANDED, name, now, **told)])
