"""The command's side of a code: it asks the site for one, shows it, and fetches the token that a person gives."""

import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import TelemetryError
from . import shim

PATIENCE_SECONDS = 20.0
AGAIN_SECONDS = 5.0


class NotGiven(TelemetryError):
    """There is no token; the message says why."""


class IssuedToken(NamedTuple):
    """A token that a person gave."""

    token: str
    agent: str
    is_prefix: bool
    asks: str


def fetch(site: str, wants: dict[str, Any], show: Callable[[str, str], None]) -> IssuedToken:
    """Ask for a token and wait for it. `show` is told the address and the code that a person types there."""
    _status, said = call(site, "connect", wants)
    show(site + said["verification_path"], said["user_code"])
    pause, until = float(said["interval"]), time.monotonic() + said["expires_in"]
    while time.monotonic() < until:
        time.sleep(pause)
        try:
            status, answer = call(site, "connect/token", {"device_code": said["device_code"]})
        except SiteBusy as slow:
            time.sleep(slow.seconds)
            continue
        if status == 200:
            return IssuedToken(answer["token"], answer["agent"], answer["is_prefix"], answer["asks"])
    raise NotGiven("nobody typed the code in time: run the command again")


class SiteBusy(NotGiven):
    """The site wants to be asked later, or does not answer for a moment."""

    def __init__(self, why: str, seconds: float) -> None:
        super().__init__(why)
        self.seconds = seconds


def call(site: str, path: str, body: dict[str, Any], token: str = "") -> tuple[int, dict[str, Any]]:
    """One call of the site's door: the status and what it says. NotGiven for a no, SiteBusy for later."""
    try:
        return shim.call(site, path, json.dumps(body).encode(), PATIENCE_SECONDS, token)
    except shim.SiteAway as error:
        raise SiteBusy(str(error), error.after or AGAIN_SECONDS) from error
    except shim.HookFault as error:
        raise NotGiven(str(error)) from error
