"""Every type of outbox entry with what records it. A new type is one line here, and an effect in its room."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from core.history.agents import runs
from core.history.approvals import effects as approvals
from core.history.audit.entries import Fact
from core.history.automation import effects as automation
from core.history.usage import calls as usage
from core.history.usage.calls import SetAside
from core.store.client import Store
from core.store.outbox import OutboxEntry

Batch = approvals.Batch
Records = approvals.Records
Write = Callable[[Mapping[str, str], SetAside], None]


def _whole(write: Callable[[Mapping[str, str]], None]) -> Write:
    """Of an entry that has no parts."""
    return lambda said, _set_aside: write(said)


# By what each type is written: it takes what the entry says, and a function for a part of it that makes no sense where
# the rest does. None: it is audited, and worked out in a batch of entries about requests, as is what nobody knows,
# which the batch refuses. Telemetry is not in the audit chain, which is about decisions.
HANDLERS: Mapping[str, Write | None] = {
    **dict.fromkeys(approvals.STEPS),
    **dict.fromkeys(runs.STEPS, _whole(runs.record)),
    "llm_calls": usage.record,
    "usage_reset": _whole(usage.forget),
    "automation": _whole(automation.record),
}


def read_ahead(store: Store, entries: Sequence[OutboxEntry]) -> Records:
    """What these entries need of Redis, read before the transaction begins."""
    return approvals.read_requests(store, entries)


def is_audited(entry: OutboxEntry) -> bool:
    """Whether it is worked out in a batch."""
    return HANDLERS.get(entry.type) is None


def batch_of(entries: Iterable[OutboxEntry], records: Records) -> Batch:
    """For those of these entries that are audited."""
    return Batch(filter(is_audited, entries), records)


def record(entry: OutboxEntry, records: Records, set_aside: SetAside) -> list[Fact]:
    """Record one entry by itself; returns the facts to audit. KeyError or ValueError when it makes no sense."""
    write = HANDLERS.get(entry.type)
    if write is None:
        return approvals.apply(entry, records)
    write(entry.fields, set_aside)
    return []
