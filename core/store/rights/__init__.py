"""The commands of rights: which version of them holds, and whether a change is on its way."""

import secrets

from ...values.moments import milliseconds_of
from ...values.numbers import LARGEST
from ..client import Store
from ..script import refuse_errors

CHANGING_MS = 5_000  # so long a change that never ends, such as one rolled back, holds up what pages are told
_KEPT_MS = 2 * CHANGING_MS


def begin(store: Store) -> str:
    """Before a change is committed; returns what `settle` wants. From here on nobody knows what others may hear."""
    token = secrets.token_hex(8)
    now, key = store.time_ms(), store.keys.rights_changing
    marked = store.read_many(
        [
            ["ZREMRANGEBYSCORE", key, 0, now],
            ["ZADD", key, now + CHANGING_MS, token],
            ["PEXPIRE", key, _KEPT_MS],
        ]
    )
    refuse_errors("the changes of rights", *marked)
    return token


def settle(store: Store, token: str) -> None:
    """After it was committed: there is a new version, and then the change is over."""
    store.write("INCR", store.keys.rights)
    store.write("ZREM", store.keys.rights_changing, token)


def version(store: Store) -> str | None:
    """The version that holds, '0' before the first; None while a change is on its way. One round trip."""
    held, time, newest = store.read_many(
        [
            ("GET", store.keys.rights),
            ("TIME",),
            ("ZRANGE", store.keys.rights_changing, 0, 0, "REV", "WITHSCORES"),
        ]
    )
    refuse_errors("the version of rights", held, newest)
    if newest and min(float(newest[1]), LARGEST) > milliseconds_of(time):
        return None
    return bytes(held or b"0").decode(errors="replace")
