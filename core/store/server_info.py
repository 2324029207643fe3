"""What the Redis server says of itself: memory, persistence, version."""

from dataclasses import dataclass

from ..errors import StoreUnavailable
from .client import Store


@dataclass(frozen=True)
class ServerInfo:
    """Sizes in bytes; `memory_limit` 0 is none. aof: changes are appended to a file before they are answered."""

    version: str
    memory: int
    memory_limit: int
    policy: str
    aof: bool
    aof_failed: bool


def read_info(store: Store) -> ServerInfo:
    """One round trip. StoreUnavailable when Redis is away, or when this user may not ask."""
    reply = store.read("INFO", "server", "memory", "persistence")
    if not isinstance(reply, bytes):
        raise StoreUnavailable("INFO cannot be read")
    said = dict(line.split(":", 1) for line in reply.decode(errors="replace").splitlines() if ":" in line)
    name = "Valkey" if "valkey_version" in said else "Redis"
    return ServerInfo(
        version=f"{name} {said.get('valkey_version') or said.get('redis_version', 'unknown')}",
        memory=int(said.get("used_memory", 0)),
        memory_limit=int(said.get("maxmemory", 0)),
        policy=said.get("maxmemory_policy", "unknown"),
        aof=said.get("aof_enabled") == "1",
        aof_failed=said.get("aof_last_write_status", "ok") != "ok",
    )
