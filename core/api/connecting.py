"""How an agent comes to its token, and to the next one: by a code that a person confirms, and by the token itself."""

from functools import partial
from typing import Any

from django.urls import reverse

from core.api.answers import Refused, Reply
from core.api.living import refuse_other_fields, with_fields
from core.history.agents import devices, renewal
from core.history.agents.devices import LIVES, TooManyCodes
from core.history.agents.renewal import AlreadyRenewed
from core.history.people.tokens import SCOPES, Bearer
from core.models import AgentToken

ASKED = ("machine", "agent", "client", "scopes")
GONE = "This code is over: it was not confirmed in time, its place was needed, or its token was fetched. Begin again."


def begin(body: dict[str, Any], address: str) -> Reply:
    """A code for a command without a token: 201. `address` is where it asks from."""
    refuse_other_fields(body, ASKED)
    scopes = body.get("scopes", list(SCOPES))
    if not isinstance(scopes, list) or not all(isinstance(scope, str) for scope in scopes):
        raise Refused(400, "scopes", "scopes must be a list of texts.", of="scopes")
    machine, agent, client = (body.get(field, "") for field in ("machine", "agent", "client"))
    try:
        code, secret = with_fields(partial(devices.begin, machine, agent, tuple(scopes), client, address), {})
    except TooManyCodes as error:
        raise Refused(429, "too_many", str(error), after=60) from error
    times = {"expires_in": int(LIVES.total_seconds()), "interval": devices.INTERVAL_SECONDS}
    names = {
        "device_code": secret,
        "user_code": devices.shown(code.code),
        "verification_path": reverse("connect-code"),
    }
    return Reply(201, {**names, **times})


def fetch(body: dict[str, Any]) -> Reply:
    """The token, once a person gave it: 200, and 202 while nobody has."""
    refuse_other_fields(body, ("device_code",))
    secret = body.get("device_code")
    if not isinstance(secret, str) or not secret:
        raise Refused(400, "device_code", "device_code must be a text.", of="device_code")
    told = devices.fetch(secret)
    if told.word == "slow":
        pause = devices.INTERVAL_SECONDS
        raise Refused(429, "slow", f"Ask every {pause} seconds.", after=pause)
    if told.word == "refused":
        raise Refused(403, "refused", "Somebody refused this on the site. Nothing was made.")
    if told.token is None:
        if told.word == "over":
            raise Refused(410, "over", GONE)
        return Reply(202, {"status": "waiting"})
    return Reply(200, token_said(told.token, told.secret))


def rotate(bearer: Bearer) -> Reply:
    """The next secret of this token: 200. The one that was shown works on until `previous_until`."""
    try:
        renewed = renewal.renew_itself(bearer)
    except AlreadyRenewed as error:
        message = (
            "This secret is the old one, and the new one is in use. Revoke the token if that is not you."
        )
        raise Refused(409, "renewed", message) from error
    if renewed is None:
        raise Refused(401, "token", "This token is not good any more.")
    return Reply(200, token_said(*renewed))


def token_said(token: AgentToken, secret: str) -> dict[str, Any]:
    """A token as its client reads it, this once with its secret."""
    until = token.previous_until
    return {
        "token": secret,
        "agent": token.agent,
        "is_prefix": token.is_prefix,
        "scopes": token.scopes.split(),
        "asks": token.asks,
        "expires_at": token.expires_at.isoformat(),
        "previous_until": None if until is None else until.isoformat(),
    }
