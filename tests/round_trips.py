"""How often this thread asks Redis. What other threads and what ends beside it is not counted, as the server would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from redis.connection import AbstractConnection


class RoundTrips:
    """`count`: commands, or pipelines of commands, that were sent at once. To open a connection is one too."""

    count = 0


@contextmanager
def round_trips() -> Iterator[RoundTrips]:
    """Count those of the calling thread until the block ends."""
    counted, mine, send = RoundTrips(), threading.get_ident(), AbstractConnection.send_packed_command

    def noted(self: AbstractConnection, *args: object, **options: object) -> None:
        if threading.get_ident() == mine:
            counted.count += 1
        send(self, *args, **options)

    with patch.object(AbstractConnection, "send_packed_command", noted):
        yield counted
