"""How far one stream was read, and what was removed from it before it could be."""

from ..store.events import StreamBounds
from .event import id_numbers


class StreamPosition:
    """A place in the stream of a type: behind the entry `after`. `held`: what was read but not handed out yet.

    `own`: how many entries up to here the stream is known to have had, 1 where `after` is one of its own.
    """

    __slots__ = ("_count", "_exact", "after", "aside_until", "event_type", "held")

    def __init__(self, event_type: str, after: str, own: int = 0) -> None:
        self.event_type = event_type
        self.after = after
        self.held: list[tuple[bytes, list[bytes]]] = []
        self.aside_until = 0.0
        self._count, self._exact = own, False

    def hold(self, entries: list[tuple[bytes, list[bytes]]]) -> None:
        """These were read next."""
        self.held, self.after = entries, entries[-1][0].decode()
        self._count += len(entries)

    def gap(self, kept: StreamBounds) -> int:
        """How many entries behind this place are gone, at most, that no earlier look has told.

        Exact once a look found the place at the end of its stream: from then on entries are counted.
        """
        here, removed = id_numbers(self.after), kept.added - kept.length
        if kept.added < self._count:  # another stream than the one that was counted
            self._count, self._exact = 0, False
        if here == (0, 0) and not self._exact:  # from the beginning of what is kept
            self._count, self._exact = removed, True
            return 0
        if here >= id_numbers(kept.last_id):
            gone = kept.added - self._count if self._exact else 0
            self._count, self._exact = kept.added, True
            return gone
        if kept.length and here >= id_numbers(kept.first_id):
            self._count = max(self._count, removed)
            return 0
        gone = max(0, removed - self._count)
        self._count += gone
        return gone
