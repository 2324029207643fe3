"""Redis Cluster: an installation's keys share one slot, so one node holds them all; this follows that node."""

import threading
import time
from collections.abc import Callable

import redis
from redis.cluster import RedisCluster
from redis.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisClusterException

from .connections import Connections

SETTLE_SECONDS = 0.5


class ClusterConnections(Connections):
    """Connections to the node that holds `key`, found again when the slot has moved or the node is away.

    The caller's own client is asked where the slot is, with its own time limits, at most twice a second.
    """

    def __init__(
        self, cluster: RedisCluster, key: str, recipe_of: Callable[[redis.Redis], ConnectionPool]
    ) -> None:
        self._cluster, self._key, self._recipe_of = cluster, key, recipe_of
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
        self._lost = True

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
        return self._recipe_of(self._cluster.get_redis_connection(node))
