"""Calls on the local disk until they are shipped: one file per process, one line per call.

A line is appended by a single write, so what was tracked survives SIGKILL. The owner holds a lock on its file
that the kernel lets go when the process ends, however it ends: whoever then gets the lock may ship the rest.
"""

import fcntl
import logging
import os
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..values.trouble import Trouble

logger = logging.getLogger(__name__)

SUFFIX = ".calls"
UNBORN = ".new"
UNREADABLE = ".unreadable"
UNBORN_SECONDS = 3600.0
CLOSED = -1
OWN_NAME, GIVEN_NAME = b'"given":false}\n', b'"given":true}\n'
_NAME = re.compile(r"[0-9a-f]{32}")
# Locks belong to open files, which a forked child inherits: it must close them, or they outlive their owner.
_open_files: set[int] = set()


def forget_inherited_files() -> None:
    """In a forked child: close what belongs to the parent. The parent's locks stay with the parent."""
    while _open_files:
        with suppress(OSError):
            os.close(_open_files.pop())


class SpoolFile:
    """A file of lines and the lock on it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.id = path.stem
        self._descriptor = descriptor
        _open_files.add(descriptor)

    @classmethod
    def create(cls, folder: Path) -> "SpoolFile":
        """A new file of our own. It gets its name only when it is locked, so nobody can adopt it before."""
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        name = folder / uuid.uuid4().hex
        unborn = name.with_suffix(UNBORN)
        descriptor = os.open(unborn, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.rename(unborn, name.with_suffix(SUFFIX))
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                unborn.unlink()
            raise
        return cls(name.with_suffix(SUFFIX), descriptor)

    @classmethod
    def adopt(cls, path: Path) -> "SpoolFile | None":
        """The file of an owner that is gone; None while it lives or when somebody else has adopted it."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(descriptor).st_nlink:
                return cls(path, descriptor)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def append(self, lines: bytes, size: int) -> None:
        """Add lines after `size` bytes, whole or, with OSError, not at all."""
        written = os.write(self._descriptor, lines)
        if written != len(lines):
            os.ftruncate(self._descriptor, size)
            raise OSError(f"only {written} of {len(lines)} bytes could be written to {self.path}")

    def size(self) -> int:
        """Its bytes now."""
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, most: int) -> bytes:
        """Whole lines from `offset` on, at most so many bytes; b'' when there is none.

        So many bytes without an end of line are no call of ours: they come as they are, to be set aside.
        """
        data = os.pread(self._descriptor, most, offset)
        end = data.rfind(b"\n") + 1
        return data if not end and len(data) == most else data[:end]

    def set_aside(self, line: bytes) -> None:
        """Keep a line that nobody can read, beside the file."""
        # Of a link that somebody put there its target would hold what they wrote.
        how = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
        descriptor = os.open(self.path.with_suffix(UNREADABLE), how, 0o600)
        try:
            os.write(descriptor, line + b"\n")
        finally:
            os.close(descriptor)

    def remove(self) -> None:
        """Delete it, when all of it is shipped; then let go."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        """Let go of it; whoever looks next may adopt it."""
        # Closed again nothing happens: by then its number may be another file's.
        descriptor, self._descriptor = self._descriptor, CLOSED
        if descriptor in _open_files:
            _open_files.discard(descriptor)
            os.close(descriptor)


class Spool:
    """The lines of this process: on disk, or in memory while the disk refuses them."""

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.id = uuid.uuid4().hex  # names calls; files have names of their own, a new one after each turn
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._file: SpoolFile | None = None
        self._ended: list[SpoolFile] = []
        self._size = 0
        self._held: list[bytes] = []
        self._trouble = Trouble(logger)

    def append(self, *lines: bytes) -> None:
        """Keep lines, in one write. Never raises: what the disk refuses is held in memory and tried again."""
        with self._lock:
            if self._held or not self._written(b"".join(lines)):
                # They may be sent from memory, without an answer, and then from the disk: their ids must count.
                self._held += (line.replace(OWN_NAME, GIVEN_NAME) for line in lines)

    def _written(self, said: bytes) -> bool:
        try:
            if self._file is None:
                self._file, self._size = SpoolFile.create(self.folder), 0
            self._file.append(said, self._size)
        except OSError as error:
            sentence = "calls are held in memory, since %s refuses them: %s"
            self._trouble.begins(sentence, self.folder, error, level=logging.ERROR)
            return False
        self._size += len(said)
        if self._size >= self._max_bytes:
            # Closed by whoever ships it: a reader may hold its descriptor just now.
            self._ended.append(self._file)
            self._file = None
        return True

    def settle(self) -> list[bytes]:
        """Write what is held in memory; returns what the disk still refuses, which stays held until `let_go`.

        Only one caller at a time may be between these two.
        """
        with self._lock:
            while self._held and self._written(self._held[0]):
                del self._held[0]
            if not self._held:
                self._trouble.ends("calls are written to %s again", self.folder)
            return list(self._held)

    def let_go(self, lines: int) -> None:
        """The first so many held lines are shipped."""
        with self._lock:
            del self._held[:lines]

    def current(self) -> SpoolFile | None:
        """The file that is written to now."""
        return self._file

    def holds(self) -> bool:
        """Whether lines wait in memory."""
        return bool(self._held)

    def ended(self) -> list[SpoolFile]:
        """The files that have reached their size and wait to be shipped, oldest first."""
        return list(self._ended)

    def drop(self, file: SpoolFile) -> None:
        """A file that has ended is shipped whole."""
        with self._lock:
            self._ended.remove(file)
        file.remove()

    def end(self, shipped: int) -> bool:
        """Leave the file: deleted when `shipped` bytes were all of it (True), else to be adopted."""
        with self._lock:
            for ended in self._ended:
                ended.close()
            self._ended.clear()
            file, self._file = self._file, None
            if file is None:
                return False
            if shipped != self._size:
                file.close()
                return False
            file.remove()
            return True


def orphans(folder: Path) -> Iterator[SpoolFile]:
    """The files whose owners are gone, locked for us one after the other. Our own we hold locked already."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        if path.suffix == UNBORN:
            _bury(path)
        if path.suffix != SUFFIX or not _NAME.fullmatch(path.stem):
            continue
        adopted = SpoolFile.adopt(path)
        if adopted is not None:
            yield adopted


def _bury(path: Path) -> None:
    """Delete the empty file of a process that was killed while it made it."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > UNBORN_SECONDS and not path.stat().st_size:
            path.unlink()
