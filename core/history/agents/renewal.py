"""A token gets a new secret: the one before it works on for a while, so that nothing stops in between."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from core.history.people import tokens
from core.history.people.tokens import Bearer, NotYours
from core.models import AgentToken


class AlreadyRenewed(Exception):
    """The secret after this one was used already: whoever shows this one is late, or has stolen it."""


def renew(user: Any, number: int) -> tuple[AgentToken, str] | None:
    """A new secret for a token of this person's, whose time begins anew; None where no good one has this number.

    Nobody but its owner, while the agent is theirs: whoever holds a secret asks in a name that its owner may not
    answer. Raises NotYours.
    """
    now = timezone.now()
    with transaction.atomic():
        token = _locked(number, now)
        if token is None:
            return None
        if token.owner_id != user.pk:
            raise NotYours("This token is not yours, and only its owner renews it. Nothing was changed.")
        if not user.has_perm(tokens.MAKE) and not tokens.owns(user, token.agent, token.is_prefix):
            raise NotYours("This agent is not yours any more, so its token ends with its time.")
        span = token.expires_at - (token.renewed_at or token.created_at)
        secret = _renewed(token, token.digest, now)
        token.expires_at = now + span
        token.renewed_at = now
        token.save(update_fields=["expires_at", "renewed_at"])
        tokens.record("token.renewed", token, label=token.label, until=token.expires_at.isoformat())
    return token, secret


def renew_itself(bearer: Bearer) -> tuple[AgentToken, str] | None:
    """The same for who shows a secret of it: its end stays. None where it is no good one any more.

    Whoever lost the answer asks again with the secret before: the lost one is replaced, unless it was used. Then it
    is AlreadyRenewed.
    """
    now = timezone.now()
    with transaction.atomic():
        token = _locked(bearer.number, now)
        if token is None:
            return None
        is_old = token.digest != bearer.digest
        if is_old and (token.previous_digest != bearer.digest or (token.previous_until or now) <= now):
            return None
        if is_old and not token.is_fresh:
            raise AlreadyRenewed
        secret = _renewed(token, bearer.digest, now, token.previous_until if is_old else None)
        tokens.record("token.renewed", token, label=token.label, through="the token itself")
    return token, secret


def end_previous(user: Any, number: int) -> AgentToken | None:
    """End the secret from before the renewal now; None where there is no such token. Raises NotYours."""
    with transaction.atomic():
        token = tokens.locked_to_end(user, number)
        if token is not None and token.previous_digest:
            token.previous_digest, token.previous_until = "", None
            token.save(update_fields=["previous_digest", "previous_until"])
            tokens.record("token.shortened", token, label=token.label)
    return token


def _locked(number: int, now: datetime) -> AgentToken | None:
    good = tokens.valid_tokens(now).filter(pk=number)
    return good.select_for_update(of=("self",)).select_related("owner").first()


def _renewed(token: AgentToken, kept: str, now: datetime, until: datetime | None = None) -> str:
    """A new secret in the place of the last one; `kept` works on, until it ends or this very token does."""
    overlap = timedelta(minutes=int(settings.TELEMETRY_TOKEN_OVERLAP_MINUTES))
    secret = tokens.new_secret()
    token.digest, token.is_fresh = tokens.signing_key_of(tokens.digest_of(secret)), True
    token.previous_digest, token.previous_until = kept, until or min(now + overlap, token.expires_at)
    token.save(update_fields=["digest", "is_fresh", "previous_digest", "previous_until"])
    return secret
