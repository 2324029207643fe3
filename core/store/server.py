"""What the Redis server says of itself: version, memory, persistence, and what it would lose."""

from dataclasses import dataclass

from ..errors import StoreRefused, StoreUnavailable
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
    said = _info(store)
    name = "Valkey" if "valkey_version" in said else "Redis"
    return ServerInfo(
        version=f"{name} {said.get('valkey_version') or said.get('redis_version', 'unknown')}",
        memory=int(said.get("used_memory", 0)),
        memory_limit=int(said.get("maxmemory", 0)),
        policy=said.get("maxmemory_policy", "unknown"),
        aof=said.get("aof_enabled") == "1",
        aof_failed=said.get("aof_last_write_status", "ok") != "ok",
    )


def weaknesses(store: Store) -> list[tuple[str, str]]:
    """Pairs of what is wrong and what to set; empty where nothing is. Raises StoreUnavailable."""
    said = _info(store)
    policy = said.get("maxmemory_policy", "noeviction")
    found = []
    if said.get("aof_enabled") == "0":
        found.append(("appendonly is off: a restart forgets open requests and decisions", "appendonly yes"))
    elif _setting(store, "appendfsync") not in ("always", ""):
        found.append(("appendfsync is not always: a power cut loses decisions", "appendfsync always"))
    if policy != "noeviction":
        lost = f"maxmemory-policy is {policy}: a full server drops requests"
        found.append((lost, "maxmemory-policy noeviction"))
    return [(what, f"Set `{setting}`.") for what, setting in found]


def open_doors(store: Store, stranger: Store) -> list[tuple[str, str]]:
    """The same for who may come in: `stranger` is the same server without a name and a password."""
    found = []
    try:
        store.read("ACL", "USERS")
    except StoreRefused:
        pass
    else:
        found.append(
            (
                "this account may change accounts: whoever has the site's settings owns the server",
                "Give the site an account of its own: docs/reference/redis-accounts.md.",
            )
        )
    try:
        stranger.read("PING")
    except StoreUnavailable:
        return found
    hint = "Set `requirepass`, or `ACL SETUSER default off`, and an account for each part."
    return [*found, ("the server takes everybody who reaches it, without a password", hint)]


def _info(store: Store) -> dict[str, str]:
    reply = store.read("INFO", "server", "memory", "persistence")
    if not isinstance(reply, bytes):
        raise StoreUnavailable("INFO cannot be read")
    return dict(line.split(":", 1) for line in reply.decode(errors="replace").splitlines() if ":" in line)


def _setting(store: Store, name: str) -> str:
    """A line of the configuration; '' where the server does not show it, as hosted ones often do not."""
    try:
        pair = store.read("CONFIG", "GET", name)
    except StoreRefused:
        return ""
    return pair[1].decode() if pair else ""
