"""The file of SQLite holds hashes of passwords: it, and what SQLite writes beside it, are for their owner alone."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def _files(config: dict[str, Any]) -> list[Path]:
    """The file of the database, its log and the index of that. SQLite gives the latter two the mode of the first."""
    if "sqlite" not in config["ENGINE"]:
        return []
    return [Path(f"{config['NAME']}{end}") for end in ("", "-wal", "-shm")]


def make_private(config: dict[str, Any]) -> None:
    """Take the rights of others from the files that are there, where we may.

    config: an entry of DATABASES. At the start of each process, before SQLite opens it; the check says what is left.
    """
    for path in _files(config):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & OTHERS:
                path.chmod(mode & ~OTHERS)
        except OSError:
            continue  # no file yet, or that of another user


def create_private(name: str) -> None:
    """Make the file of a database that is about to be opened, empty, unless it is there or is in memory."""
    if name.startswith(("file:", ":memory:")):
        return
    with suppress(OSError):  # SQLite says what is wrong
        os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


@register(Tags.security)
def check_private(app_configs: Any = None, **_options: Any) -> list[CheckMessage]:
    """W105: others on this machine may read or write the database, and we may not change that."""
    found: list[CheckMessage] = []
    for path in _files(settings.DATABASES["default"]):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & OTHERS:
            found.append(
                Warning(
                    f"{path} is open to others on this machine. It holds hashes of passwords.",
                    hint=f"As its owner: chmod go= {path}",
                    id="core.W105",
                )
            )
    return found
