"""Open connections that a web process keeps for its next page: to open one costs more than most pages ask of it."""

import os
from contextlib import suppress
from typing import Any, NamedTuple

AT_MOST = 8


class _Free(NamedTuple):
    """A connection that nobody uses, and the file it leads to: a backup that is restored puts another in its place."""

    connection: Any
    file: tuple[int, int]


_free: list[_Free] = []
_at_most = 0


def keep(at_most: int = AT_MOST) -> None:
    """Keep so many from now on; else each is closed when it was used. Called where no process is forked any more."""
    global _at_most
    _at_most = at_most
    while len(_free) > at_most:
        _free.pop().connection.close()


def take(name: str) -> Any:
    """An open connection to this file, which is nobody else's now; None where a new one must be made."""
    with suppress(IndexError, OSError):
        while True:
            connection, file = _free.pop()
            if file == _identity(name):
                return connection
            connection.close()
    return None


def give_back(connection: Any, name: str) -> bool:
    """Keep a connection; False where its user must close it."""
    if len(_free) >= _at_most:
        return False
    connection.rollback()
    with suppress(OSError):
        _free.append(_Free(connection, _identity(name)))
        return True
    return False


def _identity(name: str) -> tuple[int, int]:
    found = os.stat(name)
    return found.st_dev, found.st_ino
