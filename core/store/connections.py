"""Idle connections, kept for the next caller; those to a cluster follow the node that holds our keys.

redis-py's own pool counts every borrowing for metrics that nobody reads here, which costs as much as
packing, sending and parsing a heartbeat.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import redis
from redis.cluster import RedisCluster
from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisClusterException

SETTLE_SECONDS = 0.5


class Connections:
    """The connections to one Redis, as many as callers need at once. `recipe` says how they are made."""

    def __init__(self, recipe: ConnectionPool) -> None:
        self._recipe = recipe
        self._pid = os.getpid()
        self._idle: deque[AbstractConnection] = deque()
        self.is_new_enough = False  # until a server has told its version

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


class ClusterConnections(Connections):
    """Connections to the node of a cluster that holds `key`, found again when the slot has moved or the node is away.

    All keys of an installation share one slot, so one node holds them all.

    The caller's own client is asked where the slot is, with its own time limits, at most twice a second.
    """

    def __init__(
        self, cluster: RedisCluster, key: str, our_way: Callable[[ConnectionPool], ConnectionPool]
    ) -> None:
        self._cluster, self._key, self._our_way = cluster, key, our_way
        self._finding = threading.Lock()
        self._asked = -SETTLE_SECONDS
        self._lost = False
        super().__init__(self._recipe_of_node())

    @property
    def address(self) -> str:
        """The first of the nodes that the client was told: the one that holds the slot may change."""
        return min(self._cluster.nodes_manager.startup_nodes)

    def lose(self) -> None:
        """The node did not answer, or said that the slot is elsewhere: look again before the next connection."""
        self._lost, self.is_new_enough = True, False

    def take(self) -> AbstractConnection:
        """The connection used last, to the node that holds the slot now."""
        if self._lost:
            self._find()
        return super().take()

    def make(self) -> AbstractConnection:
        """A new connection to the node that holds the slot now."""
        if self._lost:
            self._find()
        return super().make()

    def _find(self) -> None:
        if time.monotonic() - self._asked < SETTLE_SECONDS or not self._finding.acquire(blocking=False):
            return
        try:
            self._cluster.nodes_manager.initialize()
            self._recipe, self._lost = self._recipe_of_node(), False
            self._idle.clear()
        except RedisClusterException as error:
            raise redis.ConnectionError(f"no node of the cluster answers: {error}") from error
        finally:
            self._asked = time.monotonic()
            self._finding.release()

    def _recipe_of_node(self) -> ConnectionPool:
        node = self._cluster.get_node_from_key(self._key)
        if node is None:
            raise redis.ConnectionError("the cluster has no node for this installation's keys")
        return self._our_way(self._cluster.get_redis_connection(node).connection_pool)


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
