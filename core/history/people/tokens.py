"""Tokens of agents: made for an owner, shown once, revoked, and looked up at the door."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from core.history.audit import entries
from core.history.audit.at_commit import append_at_commit
from core.history.database import locks
from core.history.people import heard
from core.history.people.actor import actor
from core.history.people.lookalikes import begins_alike, skeleton
from core.models import AgentOwner, AgentToken
from core.values.names import NAME_LENGTH, checked_name

SCOPES = ("ask", "beat", "signal", "events", "usage")
PROVISION = "provision"  # makes instances of the Agent Approval Protocol; alone, with the token of a fleet
FLEET_LENGTH = NAME_LENGTH - 9  # of what provisions: an instance puts a space and 8 digits behind it
MAKE = "core.add_agenttoken"
BEGINNING = "agt_"  # by which scanners of code and logs know it
LONGEST_DAYS = 365
ASKS_LENGTH = 1000
USED_AGAIN = timedelta(minutes=1)  # how exact "last used" is


class NotYours(Exception):
    """This person may not make or end such a token; the message is a sentence for them."""


class HeardElsewhere(NotYours):
    """Agents of this name were heard without a token: an administrator says first that they are the same."""


class Bearer(NamedTuple):
    """Who stands at the door: what a token that is good says."""

    number: int
    agent: str
    is_prefix: bool
    scopes: frozenset[str]
    expires_at: datetime
    asks: str = "*"
    digest: str = (
        ""  # as it is kept, of the secret that was shown, which may be the one before the last renewal
    )
    said: str = ""  # the SHA-256 of that secret, with which what its agent is sent is signed
    known_until: float = 0.0  # by the clock of this process: so long its door asks nobody again


class TokenSpec(NamedTuple):
    """A token as its form says it. `days`: how long it is good.

    `asks`: for which tools of a coding agent people are asked: * for every one, `prompted` for what the client itself
    would ask its user, or names with spaces between them. `binds`: an administrator says that agents of this name which
    were heard without a token are the same.
    """

    label: str
    agent: str
    is_prefix: bool
    scopes: tuple[str, ...]
    days: int
    asks: str = "*"
    binds: bool = False

    def checked(self) -> "TokenSpec":
        """The same; ValueError that names what is wrong with it."""
        checked_name(self.label, "label")
        checked_name(self.agent, "agent")
        unknown = [scope for scope in self.scopes if scope not in SCOPES]
        if (unknown or not self.scopes) and self.scopes != (PROVISION,):
            raise ValueError(f"scopes must be some of {', '.join(SCOPES)}, or {PROVISION} alone")
        if self.scopes == (PROVISION,) and not self.is_prefix:
            raise ValueError(
                f"scopes: {PROVISION} is for the token of a fleet, whose names begin with its own"
            )
        if self.scopes == (PROVISION,):
            checked_name(self.agent, f"with {PROVISION}, agent", FLEET_LENGTH)
        if not 1 <= self.days <= LONGEST_DAYS:
            raise ValueError(f"days must be 1 to {LONGEST_DAYS}")
        asks = " ".join(self.asks.split())
        if not asks or len(asks) > ASKS_LENGTH or not asks.isprintable():
            raise ValueError(
                f"asks must be names of tools of {ASKS_LENGTH} characters at most, or * for every one"
            )
        return self._replace(
            asks=asks, scopes=tuple(scope for scope in (*SCOPES, PROVISION) if scope in self.scopes)
        )


def make(user: Any, wanted: TokenSpec, **how: Any) -> tuple[AgentToken, str]:
    """A new token of this person's and its secret, which is shown now and never again.

    An administrator may make one for any name and owns that agent from then on; everybody else for agents that are
    theirs. Raises NotYours, or ValueError for what is no token. Recorded, with `how` where that is no page.
    """
    said = wanted.checked()
    secret = new_secret()
    now = timezone.now()
    with transaction.atomic():
        locks.hold_people()
        check_may_make(user, said)
        if not owns(user, said.agent, said.is_prefix):
            AgentOwner.objects.create(agent=said.agent, is_prefix=said.is_prefix, person=user)
        token = AgentToken.objects.create(
            label=said.label,
            digest=signing_key_of(digest_of(secret)),
            agent=said.agent,
            is_prefix=said.is_prefix,
            scopes=" ".join(said.scopes),
            asks=said.asks,
            owner=user,
            created_at=now,
            expires_at=now + timedelta(days=said.days),
        )
        more = {"binds": True} if said.binds else {}
        terms = {"label": said.label, "scopes": list(said.scopes), "days": said.days, "asks": said.asks}
        record("token.made", token, **terms, **more, **how)
    return token, secret


def check_may_make(user: Any, wanted: TokenSpec) -> None:
    """NotYours unless this person may make such a token now."""
    is_administrator = user.has_perm(MAKE)
    if not is_administrator and not owns(user, wanted.agent, wanted.is_prefix):
        raise NotYours(
            "Only an administrator makes a token for an agent that is not yours. Nothing was made."
        )
    if wanted.binds and is_administrator:
        return
    names = heard.without_token(wanted.agent, wanted.is_prefix)
    if names:
        shown = ", ".join(f"“{name}”" for name in names)
        raise HeardElsewhere(
            f"{shown} was heard without a token before, over Redis. Whoever has the new token speaks in that name: "
            "only an administrator says that it is the same agent. Nothing was made."
        )


def revoke(user: Any, number: int) -> AgentToken | None:
    """End a token for good, whether it still is one; None where there is none of this number. Raises NotYours."""
    with transaction.atomic():
        token = locked_to_end(user, number)
        if token is not None and token.revoked_at is None:
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
            record("token.revoked", token, label=token.label)
    return token


def locked_to_end(user: Any, number: int) -> AgentToken | None:
    """The token of this number for who may end it, locked; None where there is none. Raises NotYours."""
    token = AgentToken.objects.select_for_update(of=("self",)).filter(pk=number).first()
    if token is not None and token.owner_id != user.pk and not user.has_perm(MAKE):
        raise NotYours("This token is not yours, and only its owner or an administrator ends it.")
    return token


def owns(user: Any, agent: str, is_prefix: bool = False) -> bool:
    """Whether an agent, or all whose names begin so, are this person's or their team's."""
    mine = AgentOwner.objects.filter(Q(person=user) | Q(team__people=user)).values_list("agent", "is_prefix")
    seen = skeleton(agent)
    return any(
        begins_alike(agent, name) if begins else not is_prefix and seen == skeleton(name)
        for name, begins in mine
    )


def bearer(secret: str, now: datetime) -> Bearer | None:
    """Who shows this secret; None unless its token is good now and its owner is active. One query, two at times."""
    said = digest_of(secret)
    digest = signing_key_of(said)
    both = (digest, said)
    is_theirs = Q(digest__in=both) | Q(previous_digest__in=both, previous_until__gt=now)
    token = valid_tokens(now).filter(is_theirs).first()
    if token is None:
        return None
    if said in (token.digest, token.previous_digest):  # kept by an earlier version
        name = "digest" if token.digest == said else "previous_digest"
        AgentToken.objects.filter(**{"pk": token.pk, name: said}).update(**{name: digest})
        setattr(token, name, digest)
    is_first = token.is_fresh and token.digest == digest
    if is_first or token.last_used_at is None or token.last_used_at < now - USED_AGAIN:
        same = AgentToken.objects.filter(pk=token.pk, digest=token.digest)
        same.update(last_used_at=now, is_fresh=token.is_fresh and not is_first)
    ends = token.expires_at if token.digest == digest else token.previous_until or now
    scopes = frozenset(token.scopes.split())
    return Bearer(token.pk, token.agent, token.is_prefix, scopes, ends, token.asks, digest, said)


def valid_tokens(now: datetime) -> "QuerySet[AgentToken]":
    """The tokens that let in now: neither over nor revoked, with an owner who is active."""
    return AgentToken.objects.filter(revoked_at=None, expires_at__gt=now, owner__is_active=True)


def valid_digests(digests: Collection[str], now: datetime) -> frozenset[str]:
    """Which of these secrets let in now: one from before a renewal ends while its token goes on."""
    those = valid_tokens(now).order_by()
    new = those.filter(digest__in=digests).values_list("digest", flat=True)
    old = those.filter(previous_digest__in=digests, previous_until__gt=now)
    return frozenset(new.union(old.values_list("previous_digest", flat=True)))


def listed(user: Any) -> Any:
    """The tokens that this person may see: all of them for an administrator, else their own; newest first."""
    found = AgentToken.objects.select_related("owner").order_by(F("revoked_at").asc(nulls_first=True), "-pk")
    return found if user.has_perm(MAKE) else found.filter(owner=user)


def signing_key_of(digest: str) -> str:
    """What is kept of a token, by its SHA-256: that signs what its agent is sent, so no copy of the database has it."""
    return hashlib.sha256(digest.encode()).hexdigest()


def digest_of(secret: str) -> str:
    """The SHA-256 of a secret, 64 hex digits."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def new_secret() -> str:
    """256 random bits as a token is written."""
    return BEGINNING + secrets.token_urlsafe(32)


def record(kind: str, token: AgentToken, **said: Any) -> None:
    """What became of a token; by whoever acts here, unless `said` has `through`."""
    name, how = ("", {}) if "through" in said else actor()
    fact = entries.new_fact(kind, name or token.owner.get_username(), **{"what": str(token), **how, **said})
    append_at_commit(replace(fact, agent_id=token.agent))
