"""The ends of many requests over one connection, which another thread may cut short."""

from collections.abc import Sequence

from ..client import Line, Store


class EndsLine:
    """A connection of one's own that waits for many requests at once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._line: Line = store.line()

    def connect(self) -> None:
        """Be connected; StoreUnavailable where that is not possible."""
        self._line.read("PING")

    def ended(self, request_ids: Sequence[str], seconds: float) -> list[str]:
        """Those that have ended, waiting at most so long for one; StoreUnavailable where the connection breaks."""
        keys = {self._store.keys.approval_ended(id_).encode(): id_ for id_ in request_ids}
        return [keys[key] for key, _entries in self._line.read_streams(dict.fromkeys(keys, 0), seconds)]

    def cut(self) -> None:
        """From another thread: whoever waits in `ended` gets StoreUnavailable at once."""
        self._line.cut()

    def close(self) -> None:
        """Give the connection back."""
        self._line.close()
