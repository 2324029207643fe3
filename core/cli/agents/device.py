"""The command's side of a code: it asks the site for one, shows it, and fetches the token that a person gives."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import TelemetryError
from .shim import NoRedirect

PATIENCE_SECONDS = 20.0
AGAIN_SECONDS = 5.0


class NotGiven(TelemetryError):
    """There is no token; the message says why."""


class Given(NamedTuple):
    """A token that a person gave."""

    token: str
    agent: str
    is_prefix: bool
    asks: str


def fetch(site: str, wants: dict[str, Any], show: Callable[[str, str], None]) -> Given:
    """Ask for a token and wait for it. `show` is told the address and the code that a person types there."""
    _status, said = call(site, "connect", wants)
    show(site + said["verification_path"], said["user_code"])
    pause, until = float(said["interval"]), time.monotonic() + said["expires_in"]
    while time.monotonic() < until:
        time.sleep(pause)
        try:
            status, answer = call(site, "connect/token", {"device_code": said["device_code"]})
        except Slow as slow:
            time.sleep(slow.seconds)
            continue
        if status == 200:
            return Given(answer["token"], answer["agent"], answer["is_prefix"], answer["asks"])
    raise NotGiven("nobody typed the code in time: run the command again")


class Slow(NotGiven):
    """The site wants to be asked later, or does not answer for a moment."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


def call(site: str, path: str, body: dict[str, Any], token: str = "") -> tuple[int, dict[str, Any]]:
    """One call of the site's door: the status and what it says. NotGiven for a no, Slow for later."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    asks = urllib.request.Request(f"{site}/api/v1/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.build_opener(NoRedirect).open(asks, timeout=PATIENCE_SECONDS) as reply:
            said = json.load(reply)
            return reply.status, said
    except urllib.error.HTTPError as error:
        if error.code in (429, 502, 503, 504):
            after = error.headers.get("Retry-After", "")
            raise Slow(_message(error), float(after) if after.isdigit() else AGAIN_SECONDS) from error
        raise NotGiven(_message(error)) from error
    except OSError as error:
        raise Slow(f"{site} does not answer: {error}", AGAIN_SECONDS) from error
    except ValueError as error:
        raise NotGiven(f"{site} does not answer as a site of this kind: {error}") from error


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["message"])
    except (OSError, ValueError, KeyError, TypeError):
        return f"the site answered {error.code}"
