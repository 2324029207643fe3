"""Idle connections, kept for the next caller.

redis-py's own pool counts every borrowing for metrics that nobody reads here, which costs as much as
packing, sending and parsing a heartbeat.
"""

import os
from collections import deque
from collections.abc import Mapping
from typing import Any

import redis
from redis.connection import AbstractConnection, ConnectionPool


class Connections:
    """The connections to one Redis, as many as callers need at once. `recipe` says how they are made."""

    def __init__(self, recipe: ConnectionPool) -> None:
        self._recipe = recipe
        self._pid = os.getpid()
        self._idle: deque[AbstractConnection] = deque()

    def make(self) -> AbstractConnection:
        """A new connection; it connects at its first command."""
        connection: AbstractConnection = self._recipe.connection_class(**self._recipe.connection_kwargs)
        return connection

    def take(self) -> AbstractConnection:
        """The connection used last, or a new one when all are in use."""
        if self._pid != os.getpid():
            # A forked child must not talk on its parent's sockets.
            self._pid, self._idle = os.getpid(), deque()
        try:
            connection = self._idle.pop()
        except IndexError:
            return self.make()
        if _spoilt(connection):
            connection.disconnect()
        return connection

    @property
    def address(self) -> str:
        """Where it leads, without names and passwords; the same in every process that goes to the same place."""
        return address_of(self._recipe.connection_kwargs)

    def lose(self) -> None:
        """Told when a connection failed; here the address stays what it is."""

    def give_back(self, connection: AbstractConnection) -> None:
        """Keep a connection that has no reply outstanding; a disconnected one is fine, it connects again."""
        if self._pid == os.getpid():
            self._idle.append(connection)


def address_of(options: Mapping[str, Any]) -> str:
    """Where a connection with these options leads: path or host and port, and the number of the database."""
    if options.get("path"):
        where = f"unix:{os.path.realpath(options['path'])}"
    else:
        host = str(options.get("host") or "localhost").lower()
        host = "localhost" if host in ("127.0.0.1", "::1") else host
        where = f"{host}:{options.get('port') or 6379}"
    return f"{where}/{options.get('db') or 0}"


def _spoilt(connection: AbstractConnection) -> bool:
    """Whether the server closed it meanwhile, as a restarted one has, or sent what nobody asked for."""
    try:
        return connection.is_connected and connection.can_read()
    except (redis.RedisError, OSError):
        return True
