"""The commands of rights: which version of them holds, and whether a change is on its way."""

import secrets

from ...values.numbers import LARGEST
from ..client import Store

CHANGING_MS = 5_000  # so long a change that never ends, such as one rolled back, holds up what pages are told
_KEPT_MS = 2 * CHANGING_MS


def begin(store: Store) -> str:
    """Before a change is committed; returns what `settle` wants. From here on nobody knows what others may hear."""
    token = secrets.token_hex(8)
    seconds, micros = (int(part) for part in store.read("TIME"))
    now = seconds * 1000 + micros // 1000
    key = store.keys.rights_changing
    store.write("ZREMRANGEBYSCORE", key, 0, now)
    store.write("ZADD", key, now + CHANGING_MS, token)
    store.write("PEXPIRE", key, _KEPT_MS)
    return token


def settle(store: Store, token: str) -> None:
    """After it was committed: there is a new version, and then the change is over."""
    store.write("INCR", store.keys.rights)
    store.write("ZREM", store.keys.rights_changing, token)


def version(store: Store) -> str | None:
    """The version that holds, '0' before the first; None while a change is on its way. One round trip."""
    held, (seconds, micros), newest = store.read_many(
        [
            ("GET", store.keys.rights),
            ("TIME",),
            ("ZRANGE", store.keys.rights_changing, 0, 0, "REV", "WITHSCORES"),
        ]
    )
    now = int(seconds) * 1000 + int(micros) // 1000
    if newest and min(float(newest[1]), LARGEST) > now:
        return None
    return bytes(held or b"0").decode(errors="replace")
