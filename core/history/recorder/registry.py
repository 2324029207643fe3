"""Every type of outbox entry with what records it. A new type is one line here, and an effect in its room."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Handler:
    """How one type is recorded: by `write` alone; or, audited, worked out in a batch of entries about requests.

    `write` takes what the entry says, and a function for a part of it that makes no sense where the rest does.
    """

    write: Write | None = None

    @property
    def audited(self) -> bool:
        """Whether the audit chain tells of it. Telemetry is not in it: the chain is about decisions."""
        return self.write is None


def _whole(write: Callable[[Mapping[str, str]], None]) -> Handler:
    """Of an entry that has no parts."""
    return Handler(lambda said, _set_aside: write(said))


HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(approvals.STEPS, Handler()),
    **dict.fromkeys(runs.STEPS, _whole(runs.record)),
    "llm_calls": Handler(usage.record),
    "usage_reset": _whole(usage.forget),
    "automation": _whole(automation.record),
}
UNKNOWN = Handler()  # the batch refuses it


def read_ahead(store: Store, entries: Sequence[OutboxEntry]) -> Records:
    """What these entries need of Redis, read before the transaction begins."""
    return approvals.read_requests(store, entries)


def is_audited(entry: OutboxEntry) -> bool:
    """Whether it is worked out in a batch."""
    return HANDLERS.get(entry.type, UNKNOWN).audited


def batch_of(entries: Iterable[OutboxEntry], records: Records) -> Batch:
    """For those of these entries that are audited."""
    return Batch(filter(is_audited, entries), records)


def record(entry: OutboxEntry, records: Records, set_aside: SetAside) -> list[Fact]:
    """Record one entry by itself; returns the facts to audit. KeyError or ValueError when it makes no sense."""
    write = HANDLERS.get(entry.type, UNKNOWN).write
    if write is None:
        return approvals.apply(entry, records)
    write(entry.fields, set_aside)
    return []
