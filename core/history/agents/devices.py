"""A command on some machine gets a token: it shows a code, and a signed-in person who types it gives it one, once.

The codes are short, so they live for ten minutes, few are open at once, and wrong ones are counted by whoever asks.
What a command fetches with is long, and only its digest stands in the database.
"""

import json
import secrets
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone

from core.history.agents.origins import neighbourhood_of, origin_of
from core.history.audit.at_commit import append_at_commit
from core.history.people import tokens
from core.history.people.actor import acted
from core.history.people.tokens import SCOPES, NotYours, TokenSpec
from core.models import AgentToken, DeviceCode
from core.values.names import checked_name

LIVES = timedelta(minutes=10)
KEPT = timedelta(days=1)
INTERVAL_SECONDS = 5
LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words; 20 to the power of 8 codes
LENGTH = 8
OPEN_FROM_ONE, OPEN = 10, 500  # codes at once: from one address, and of all
WAITING = DeviceCode.State.WAITING


class TooManyCodes(Exception):
    """So many codes are open that no other one is given out; the message is a sentence."""


class DeviceReply(NamedTuple):
    """What a command hears: waiting, slow (it asks too often), refused, over, or given with its token and secret."""

    word: str
    token: AgentToken | None = None
    secret: str = ""


def begin(
    machine: str, agent: str, scopes: tuple[str, ...], client: str, address: str
) -> tuple[DeviceCode, str]:
    """A code that waits for a person, and what its command fetches with. ValueError names a fault; TooManyCodes."""
    for name, said in (("machine", machine), ("agent", agent), ("client", client)):
        checked_name(said, name)
    if not scopes or set(scopes) - set(SCOPES):
        raise ValueError(f"scopes must be some of {', '.join(SCOPES)}")
    now, secret = timezone.now(), secrets.token_urlsafe(32)
    DeviceCode.objects.filter(expires_at__lt=now - KEPT).delete()
    _make_room(address, now)
    code = DeviceCode.objects.create(
        code="".join(secrets.choice(LETTERS) for _ in range(LENGTH)),
        digest=tokens.digest_of(secret),
        machine=machine,
        agent=agent,
        client=client,
        scopes=" ".join(scope for scope in SCOPES if scope in scopes),
        address=address,
        created_at=now,
        expires_at=now + LIVES,
    )
    return code, secret


def _make_room(address: str, now: datetime) -> None:
    """TooManyCodes where this address has its share.

    Where all places are taken, the network that holds most gives up its oldest code to one that holds less, so that
    nobody keeps others out by many addresses, and nobody takes back and forth.
    """
    still = DeviceCode.objects.filter(state=WAITING, expires_at__gt=now).order_by("created_at", "pk")
    waiting = [(pk, origin_of(of), neighbourhood_of(of)) for pk, of in still.values_list("pk", "address")]
    if sum(origin == origin_of(address) for _pk, origin, _of in waiting) >= OPEN_FROM_ONE:
        raise TooManyCodes(
            "Too many commands from this address wait for a person already. Try again in ten minutes."
        )
    if len(waiting) < OPEN:
        return
    held = Counter(of for _pk, _origin, of in waiting)
    fullest, most = held.most_common(1)[0]
    if most < held[neighbourhood_of(address)] + 2:
        raise TooManyCodes("Too many commands wait for a person already. Try again in ten minutes.")
    oldest = next(pk for pk, _origin, of in waiting if of == fullest)
    DeviceCode.objects.filter(pk=oldest, state=WAITING).update(expires_at=now)


def shown(code: str) -> str:
    """BCDF-GHJK."""
    return f"{code[: LENGTH // 2]}-{code[LENGTH // 2 :]}"


def find(typed: str) -> DeviceCode | None:
    """The command that waits with this code, as somebody typed it; None for none, and for one that is over."""
    code = "".join(letter for letter in typed.upper() if letter in LETTERS)
    still = DeviceCode.objects.filter(state=WAITING, expires_at__gt=timezone.now())
    return still.filter(code=code).first() if len(code) == LENGTH else None


def give(user: Any, code: str, wanted: TokenSpec) -> DeviceCode | None:
    """Let the command have such a token of this person's; None where it does not wait any more.

    Raises NotYours, or ValueError, as `tokens.make` does when it is made.
    """
    said = wanted.checked()
    with transaction.atomic():
        asked = _locked(code)
        if asked is None:
            return None
        tokens.check_may_make(user, said)
        asked.state, asked.person, asked.wanted = DeviceCode.State.GIVEN, user, json.dumps(said._asdict())
        asked.save(update_fields=["state", "person", "wanted"])
        _record("device.given", asked, said.agent, scopes=list(said.scopes), days=said.days, asks=said.asks)
    return asked


def refuse(user: Any, code: str) -> DeviceCode | None:
    """Let it have none; None where it does not wait any more."""
    with transaction.atomic():
        asked = _locked(code)
        if asked is not None:
            asked.state, asked.person = DeviceCode.State.REFUSED, user
            asked.save(update_fields=["state", "person"])
            _record("device.refused", asked, asked.agent)
    return asked


def fetch(secret: str) -> DeviceReply:
    """What a command hears that asks with its secret; a token that was given is made now, and fetched once."""
    now = timezone.now()
    with transaction.atomic():
        found = DeviceCode.objects.select_for_update(of=("self",)).select_related("person")
        asked = found.filter(digest=tokens.digest_of(secret), expires_at__gt=now).first()
        if asked is None or asked.state == DeviceCode.State.FETCHED:
            return DeviceReply("over")
        if asked.state == DeviceCode.State.REFUSED:
            return DeviceReply("refused")
        if _is_too_soon(asked, now):
            return DeviceReply("slow")
        if asked.state == WAITING:
            return DeviceReply("waiting")
        return _made(asked)


def _made(asked: DeviceCode) -> DeviceReply:
    asked.state = DeviceCode.State.FETCHED
    asked.save(update_fields=["state"])
    said = json.loads(asked.wanted)
    wanted = TokenSpec(**{**said, "scopes": tuple(said["scopes"])})
    if asked.person is None or not asked.person.is_active:
        return DeviceReply("refused")
    how = {"through": "a code", "machine": asked.machine, "address": asked.address}
    try:
        token, secret = tokens.make(asked.person, wanted, **how)
    except NotYours:  # since they gave it, they lost the right to
        return DeviceReply("refused")
    return DeviceReply("given", token, secret)


def _is_too_soon(asked: DeviceCode, now: datetime) -> bool:
    """Whether it was asked within the interval; then the next one has to wait anew."""
    last, asked.polled_at = asked.polled_at, now
    asked.save(update_fields=["polled_at"])
    return last is not None and now < last + timedelta(seconds=INTERVAL_SECONDS - 1)


def _locked(code: str) -> DeviceCode | None:
    still = DeviceCode.objects.filter(code=code, state=WAITING, expires_at__gt=timezone.now())
    return still.select_for_update(of=("self",)).first()


def _record(kind: str, asked: DeviceCode, agent: str, **said: Any) -> None:
    what = {"what": str(asked), "machine": asked.machine, "address": asked.address}
    append_at_commit(replace(acted(kind, **what, **said), agent_id=agent))
