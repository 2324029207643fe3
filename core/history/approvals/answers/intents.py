"""The attempts to decide that entries of the outbox speak of: what they confirm, and what they came to."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime

from core.history.approvals import signing
from core.history.database.prepared import Query, Update
from core.models import DecisionIntent
from core.store.approvals import valid_id
from core.values.approvals import ACCEPTED, HELD, OPEN, VOID, status_of_answer
from core.values.digests import edited_digest


def tried_on(said: Iterable[Mapping[str, str]], gone: Iterable[str]) -> dict[str, list[DecisionIntent]]:
    """The attempts to decide the requests of which these entries say that they ended, or which Redis lost."""
    ids = {*gone, *(fields.get("request_id", "") for fields in said if "ended_ms" in fields)}
    valid = [uuid.UUID(id_) for id_ in ids if valid_id(id_)]
    found: dict[str, list[DecisionIntent]] = {}
    for intent in _ON.objects(valid) if valid else ():
        found.setdefault(str(intent.request_id), []).append(intent)
    return found


_ON = Query(lambda ids: DecisionIntent.objects.select_related("user").filter(request_id__in=ids), [uuid.UUID])


def without_held(intents: dict[str, list[DecisionIntent]]) -> dict[str, uuid.UUID]:
    """Leave out the attempts that never went to Redis: no end can come of them. Those still held, by request."""
    held = {}
    for request_id, tried in intents.items():
        for intent in tried:
            if intent.outcome == HELD:
                held[request_id] = intent.pk
        intents[request_id] = [intent for intent in tried if intent.outcome not in (HELD, VOID)]
    return held


def intent_of(intents: Iterable[DecisionIntent], said: Mapping[str, str]) -> DecisionIntent | None:
    """The intent of that very person, or of a rule of theirs, which this end says that it came of."""
    about = tuple(said[name] for name in ("decision_id", "status", "channel"))
    stands = (*about, said.get("answer", ""), said.get("edited_digest", ""))
    for intent in intents:
        mine = (str(intent.pk), status_of_answer(intent.approved), intent.channel)
        is_it = (*mine, intent.answer, edited_digest(intent.edited_to.encode())) == stands
        if is_it and signing.is_by(intent, said["responder"]):
            return intent
    return None


def confirm_asking(intents: Iterable[DecisionIntent], said: Mapping[str, str]) -> bool:
    """Whether somebody had this very request before them."""
    asked = (said["agent_id"], said["approval_type"], said["digest"])
    return any((one.agent_id, one.approval_type, one.digest) == asked for one in intents)


def accept(ids: list[uuid.UUID], now: datetime) -> None:
    """These attempts were accepted."""
    _ACCEPT.run(ids, now)


def lose(request_ids: list[uuid.UUID], standing: list[uuid.UUID], outcome: str, now: datetime) -> None:
    """Of requests that ended, the open attempts that are not the standing ones came to this.

    One that was noted as accepted is for the repair: it says that the record and what a person heard differ.
    """
    _LOSE.run(request_ids, standing, outcome, now)


_ACCEPT = Update(
    lambda ids, now: (
        DecisionIntent.objects.filter(pk__in=ids).exclude(outcome=ACCEPTED),
        {"outcome": ACCEPTED, "settled_at": now},
    ),
    [uuid.UUID],
    datetime,
)
_LOSE = Update(
    lambda request_ids, standing, outcome, now: (
        DecisionIntent.objects.filter(request_id__in=request_ids, outcome=OPEN, accepted_at=None).exclude(
            pk__in=standing
        ),
        {"outcome": outcome, "settled_at": now},
    ),
    [uuid.UUID],
    [uuid.UUID],
    str,
    datetime,
)
