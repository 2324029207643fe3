"""How we connect to Redis; idle connections, kept for the next caller; those to a cluster follow the node of our keys.

redis-py's own pool counts every borrowing for metrics that nobody reads here, which costs as much as
packing, sending and parsing a heartbeat. Why each option of a connection is what it is:

`protocol=2`         replies have one shape on every server; RESP3 changes that of XREAD and HGETALL.
`retry` none         redis-py 8 repeats a command whose reply was lost, a write too. We repeat only what
                     carries the caller's own id (`run_confirmed`).
`socket_timeout`     redis-py's default of 5 s also ends blocking reads; a `Line` sets its own per read.
`driver_info` none   saves two round trips at every connect.
`encoding`           names are quoted as UTF-8, whatever a caller's own client uses.
"""

import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisClusterException
from redis.retry import Retry

SETTLE_SECONDS = 0.5
CONNECT_TIMEOUT = 1.0
COMMAND_TIMEOUT = 2.0

_OPTIONS: dict[str, Any] = {
    "protocol": 2,
    "decode_responses": False,
    "retry": Retry(NoBackoff(), 0),
    "retry_on_timeout": False,
    "retry_on_error": [],
    "socket_connect_timeout": CONNECT_TIMEOUT,
    "socket_timeout": COMMAND_TIMEOUT,
    "health_check_interval": 0,
    "driver_info": None,
    "encoding": "utf-8",
    "encoding_errors": "strict",
}
_RESP3_ONLY = ("maint_notifications", "orig_", "oss_cluster")
_made: dict[str, "Connections"] = {}


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

    def make_within(self, seconds: float) -> AbstractConnection:
        """A new connection, which took so long at most to connect, and has the usual limits from then on."""
        connection = self.make()
        connection.socket_connect_timeout = connection.socket_timeout = seconds
        connection.connect()
        connection.socket_connect_timeout, connection.socket_timeout = CONNECT_TIMEOUT, COMMAND_TIMEOUT
        connection.update_current_socket_timeout(-1)  # to that
        buffer: Any = connection._get_parser()._buffer
        if hasattr(buffer, "socket_timeout"):  # without hiredis; redis-py forgets it there
            buffer.socket_timeout = COMMAND_TIMEOUT
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

    def take_connected(self) -> AbstractConnection | None:
        """The connection used last, for who has no time to connect; None where it would have to."""
        connection = self.take() if self._idle else None
        if connection is None or connection.is_connected:
            return connection
        self.give_back(connection)
        return None

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

    def __init__(self, cluster: RedisCluster, key: str) -> None:
        self._cluster, self._key = cluster, key
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
        return connect_options(self._cluster.get_redis_connection(node).connection_pool)


def address_of(options: Mapping[str, Any]) -> str:
    """Where a connection with these options leads: path or host and port, and the number of the database."""
    if options.get("path"):
        where = f"unix:{os.path.realpath(options['path'])}"
    else:
        host = str(options.get("host") or "localhost").lower()
        host = "localhost" if host in ("127.0.0.1", "::1") else host
        where = f"{host}:{options.get('port') or 6379}"
    return f"{where}/{options.get('db') or 0}"


def connect_options(pool: ConnectionPool) -> ConnectionPool:
    """How to connect where the connections of `pool` do, with our options."""
    kept = {name: value for name, value in pool.connection_kwargs.items() if not name.startswith(_RESP3_ONLY)}
    return ConnectionPool(connection_class=pool.connection_class, **{**kept, **_OPTIONS})


def connections_to(url: str, argument: str) -> Connections:
    """Those to a URL, the same ones each time; ValueError, naming the argument, for what is none."""
    if url not in _made:
        try:
            connections = Connections(connect_options(ConnectionPool.from_url(url)))
            connection = connections.make()  # options that no connection takes show here
            _check_host(str(getattr(connection, "host", "")))
        except (ValueError, TypeError, AttributeError, redis.RedisError):
            connection = None
        if connection is None or getattr(connection, "path", url) == "":
            # Without the reason that the library gives: it may quote a part of the password.
            raise ValueError(
                f"{argument} must be a redis://, rediss:// or unix:// URL, such as redis://:password@host:6379/0 or "
                "unix:///run/redis.sock; characters of a password that mean something in a URL are percent-quoted"
            )
        _made[url] = connections
    return _made[url]


def _check_host(host: str) -> None:
    """UnicodeError for one that no network can ask for. Plain names need no codec, which is a file of its own."""
    if not host.isascii() or any(len(label) > 63 for label in host.split(".")) or ".." in f".{host}":
        host.encode("idna")


def _spoilt(connection: AbstractConnection) -> bool:
    """Whether the server closed it meanwhile, as a restarted one has, or sent what nobody asked for."""
    try:
        return connection.is_connected and connection.can_read()
    except (redis.RedisError, OSError):
        return True
