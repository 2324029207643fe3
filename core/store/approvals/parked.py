"""The request that a call of a tool was asked as, found by what the call says: for the same call that comes again."""

from datetime import datetime

from ..client import Store
from .records import ID_LENGTH, RequestRecord, read_record_and_time


def park(store: Store, agent_id: str, call: str, request_id: str, seconds: float) -> None:
    """Remember that this call is asked as this request. `call`: a digest of what it says."""
    key = store.keys.approval_parked(agent_id, call)
    store.write("SET", key, request_id, "PX", round(seconds * 1000))


def read_parked(store: Store, agent_id: str, call: str) -> tuple[datetime, RequestRecord] | None:
    """The server's time and the request that this call was asked as last; None where there is none any more.

    MalformedRecord when it cannot be read.
    """
    named = store.read("GET", store.keys.approval_parked(agent_id, call))
    if named is None:
        return None
    record, now = read_record_and_time(store, named[:ID_LENGTH].decode(errors="replace"))
    return None if record is None or record.agent_id != agent_id else (now, record)
