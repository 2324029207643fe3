"""The last room in Redis is for asking and answering: what agents tell each other is refused before it takes that."""

import time

from core.api.answers import LATER_SECONDS, Refused
from core.errors import StoreUnavailable
from core.store.client import open_store
from core.store.server import read_info

KNOWN_SECONDS = 1.0
MOST = 0.9  # of maxmemory
FULL = (
    "Redis is nearly full, so it takes no signals and no events: there must be room to ask people. Whoever runs the "
    "site gives it more memory, or revokes the token that fills it."
)


class Fullness:
    """Whether Redis is nearly full, as it was a second ago. Where it has no limit, or may not be asked, it is not."""

    def __init__(self) -> None:
        self._is_full, self._until = False, 0.0

    def refuse(self) -> None:
        """Refused where it is."""
        now = time.monotonic()
        if now >= self._until:
            self._until = now + KNOWN_SECONDS
            self._is_full = _is_full()
        if self._is_full:
            raise Refused(503, "full", FULL, after=LATER_SECONDS)


def _is_full() -> bool:
    try:
        said = read_info(open_store())
    except StoreUnavailable:
        return False  # the call itself says so
    return 0 < said.memory_limit * MOST <= said.memory
