"""The file of SQLite holds hashes of passwords: it, and what SQLite writes beside it, are for their owner alone."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def files(config: dict[str, Any]) -> list[Path]:
    """The file of the database, its log and the index of that. SQLite gives the latter two the mode of the first."""
    if "sqlite" not in config["ENGINE"]:
        return []
    return [Path(f"{config['NAME']}{end}") for end in ("", "-wal", "-shm")]


def make_private(config: dict[str, Any]) -> None:
    """Take the rights of others from the files that are there, where we may.

    config: an entry of DATABASES. At the start of each process, before SQLite opens it; the check says what is left.
    """
    for path in files(config):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS:
                path.chmod(mode & ~_OTHERS)
        except OSError:
            continue  # no file yet, or that of another user


def create_private(name: str) -> None:
    """Make the file of a database that is about to be opened, empty, unless it is there or is in memory."""
    if name.startswith(("file:", ":memory:")):
        return
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def open_to_others(path: Path) -> bool:
    """Whether others on this machine may read or write a file or folder, as far as we can see it."""
    with suppress(OSError):
        return bool(path.stat().st_mode & _OTHERS)
    return False
