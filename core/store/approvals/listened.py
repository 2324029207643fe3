"""Whether a call over HTTP still waits for a request: a client that is killed says nothing any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ..client import Store
from ..keys import Keys
from ..script import Argument

_KEPT_MS = 3_600_000
_LONGEST_SECONDS = 366 * 24 * 3600.0


def listen(store: Store, request_ids: Sequence[str]) -> None:
    """Calls wait for these requests now. Whoever holds some says so again and again; one round trip."""
    commands: list[list[Argument]] = []
    for key in map(store.keys.approval_listened, request_ids):
        commands += [["SET", key, "1", "PX", _KEPT_MS, "NX"], ["PEXPIRE", key, _KEPT_MS, "GT"]]
    store.read_many(commands)


def expect_no_call(store: Store, request_id: str, seconds: float) -> None:
    """The asker of this request is told of its end by us, within so many seconds: that no call waits says nothing."""
    kept = round(min(seconds, _LONGEST_SECONDS) * 1000) + 2 * _KEPT_MS
    store.write("SET", store.keys.approval_listened(request_id), "1", "PX", kept)


def ask_listened(keys: Keys, request_id: str) -> list[Argument]:
    """The command whose reply `last_listened` understands."""
    return ["PTTL", keys.approval_listened(request_id)]


def last_listened(reply: object, now: datetime) -> datetime | None:
    """When a call last waited for the request; None where none did in the last hour, or that says nothing."""
    if not isinstance(reply, int) or not 0 <= reply <= _KEPT_MS:
        return None
    return now - timedelta(milliseconds=_KEPT_MS - reply)


def read_listened(store: Store, request_ids: Sequence[str], now: datetime) -> dict[str, datetime]:
    """The same of several at `now`, of those that a call waited for; one round trip."""
    if not request_ids:
        return {}
    replies = store.read_many([ask_listened(store.keys, request_id) for request_id in request_ids])
    return listened_of(request_ids, replies, now)


def listened_of(request_ids: Sequence[str], replies: Sequence[object], now: datetime) -> dict[str, datetime]:
    """The same in the replies to `ask_listened` of each."""
    found = ((id_, last_listened(reply, now)) for id_, reply in zip(request_ids, replies, strict=True))
    return {id_: at for id_, at in found if at is not None}
