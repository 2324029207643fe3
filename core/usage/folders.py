"""Where tracked calls wait, and whose spools are whose where several installations keep theirs in one directory.

By default the directory exists for every user, also one without a home directory. Each installation has a folder in
it, named by its namespace and a digest of the address of its Redis. One Redis may have several addresses, and may move:
so a folder also holds the id of the data that its address led to.
"""

import hashlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path

from ..store.configuration import data_directory
from ..store.keys import DEFAULT_NAMESPACE
from .spool import orphans

logger = logging.getLogger(__name__)

INSTALLATION_FILE = "installation"
ABANDONED_SECONDS = 3600.0
LONGEST_ID = 200


def default_dir() -> Path:
    """The folder `usage` of the data directory; where there is none, of the user's state directory.

    Without a home directory that can be written to, it is in a private folder of the directory for temporary files.
    """
    data_dir = data_directory()
    if data_dir is not None:
        return data_dir / "usage"
    state = os.environ.get("XDG_STATE_HOME")
    home = Path(state) if state else _state_of_the_home()
    return (home or _temporary()) / "agent-telemetry" / "usage"


def _state_of_the_home() -> Path | None:
    try:
        state = Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    nearest = next((path for path in (state, *state.parents) if path.exists()), state)
    return state if os.access(nearest, os.W_OK | os.X_OK) else None


@cache
def _temporary() -> Path:
    """Named by the user, so that the next process finds what a dead one left; never one that others can write to."""
    try:
        folder = Path(tempfile.gettempdir()) / f"agent-telemetry-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(folder):
            folder = Path(tempfile.mkdtemp(prefix="agent-telemetry-"))
    except OSError as error:
        folder = Path("/tmp") / f"agent-telemetry-{os.getuid()}"
        logger.error("calls have no directory: %s", error)
    logger.warning(
        "there is no home directory: calls wait in %s, which may not outlive a restart of the machine; "
        "set TELEMETRY_DATA_DIR", folder,
    )  # fmt: skip
    return folder


def _is_private(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


class SpoolFolders:
    """The folder of our own spools in `directory`, and those that others left to us.

    `address` is where the Redis is, '' while nobody knows: then the spools are in `directory` itself, where those
    from before there were folders are too. `configured`: the settings name this Redis, not an argument.
    """

    def __init__(self, directory: Path, namespace: str, address: str, *, configured: bool) -> None:
        self.directory = directory
        self._namespace = namespace
        self._configured = configured
        digest = hashlib.sha256(address.encode()).hexdigest()[:12]
        self.own = directory / f"{namespace}-{digest}" if address else directory
        self._told = False

    def note(self, installation: str) -> None:
        """Keep beside our spools which data our address leads to."""
        file = self.own / INSTALLATION_FILE
        if self.own == self.directory or not self.own.is_dir() or _noted(self.own) == installation:
            return
        draft = file.with_suffix(f".{os.getpid()}")
        try:
            draft.write_text(installation)
            draft.rename(file)
        except OSError as error:
            logger.debug("%s is not written: %s", file, error)

    def ours(self, installation: str) -> list[Path]:
        """Our own folder, and those whose addresses led to the same data."""
        same = [folder for folder in self._others() if installation and _noted(folder) == installation]
        return [self.own, *(folder for folder in same if _namespace_of(folder) == self._namespace)]

    def takes_nameless(self) -> bool:
        """Whether spools are ours that name no installation and that no Redis knows."""
        alone = self._namespace == DEFAULT_NAMESPACE or not any(self._others())
        return self._configured and alone

    def tell_of_abandoned(self, ours: list[Path]) -> None:
        """Say once in the log which spools nobody ships: their Redis has another address now, or is gone."""
        if self._told:
            return
        for folder in self._others():
            left = [] if folder in ours else _abandoned(folder)
            if left:
                self._told = True
                logger.warning(
                    "calls in %s have waited for over an hour, in %d files: no process ships to their Redis. "
                    "If it is the one of this installation now, move the files into %s",
                    folder, len(left), self.own,
                )  # fmt: skip

    def _others(self) -> Iterator[Path]:
        with suppress(OSError):
            for path in sorted(self.directory.iterdir()):
                if path != self.own and path.is_dir() and _namespace_of(path):
                    yield path


def _namespace_of(folder: Path) -> str:
    """The namespace in a folder's name; '' when it is no folder of spools."""
    namespace, _dash, digest = folder.name.rpartition("-")
    return namespace if len(digest) == 12 and not digest.strip("0123456789abcdef") else ""


def _noted(folder: Path) -> str:
    with suppress(OSError, ValueError):
        return (folder / INSTALLATION_FILE).read_text()[:LONGEST_ID]
    return ""


def _abandoned(folder: Path) -> list[Path]:
    found = []
    for file in orphans(folder):
        file.close()
        with suppress(OSError):
            if time.time() - file.path.stat().st_mtime > ABANDONED_SECONDS:
                found.append(file.path)
    return found
