"""Where tests keep what need not outlive the machine: in memory, where a sync costs nothing.

A process that is killed loses nothing that it has written there, and no test can cut the power.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SHARED_MEMORY = Path("/dev/shm")
ROOM = 512 * 1024 * 1024


@contextmanager
def memory_folder(prefix: str) -> Iterator[Path]:
    """A folder for one test or run, in memory where this machine has room there; short enough for a socket."""
    room = 0
    if os.access(SHARED_MEMORY, os.W_OK):
        space = os.statvfs(SHARED_MEMORY)
        room = space.f_bavail * space.f_frsize
    with tempfile.TemporaryDirectory(prefix=prefix, dir=SHARED_MEMORY if room > ROOM else None) as folder:
        yield Path(folder)
