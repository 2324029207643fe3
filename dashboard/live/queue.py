"""The queue as this process reads it: what several pages read at once is in memory once."""

from core.store.approvals import PendingRequests, RequestRecord, read_pending
from core.store.client import Store

_known: dict[str, RequestRecord] = {}


def read(store: Store) -> PendingRequests:
    """What waits, with the bytes of each; those that were read before are the same objects."""
    global _known
    pending = read_pending(store, _known)
    _known = {record.request_id: record for record in pending.records}
    return pending


def shared_record(record: RequestRecord) -> RequestRecord:
    """This record; the one that is held already, where it says the same."""
    known = _known.get(record.request_id)
    if known == record:
        return known
    _known[record.request_id] = record
    return record
