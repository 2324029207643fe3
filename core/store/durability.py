"""What a Redis server would lose, asked of the server itself."""

from ..errors import StoreRefused
from .client import Store


def weaknesses(store: Store) -> list[tuple[str, str]]:
    """Pairs of what is wrong and what to set; empty where nothing is. Raises StoreUnavailable."""
    said = _info(store, "persistence") | _info(store, "memory")
    found = []
    if said.get("aof_enabled") == "0":
        found.append(
            ("appendonly is off: a restart forgets open requests and decisions", "Set `appendonly yes`.")
        )
    elif _setting(store, "appendfsync") not in ("always", ""):
        found.append(("appendfsync is not always: a power cut loses decisions", "Set `appendfsync always`."))
    policy = said.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        found.append(
            (
                f"maxmemory-policy is {policy}: a full server drops requests",
                "Set `maxmemory-policy noeviction`.",
            )
        )
    return found


def _info(store: Store, section: str) -> dict[str, str]:
    text = store.read("INFO", section).decode()
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _setting(store: Store, name: str) -> str:
    """A line of the configuration; '' where the server does not show it, as hosted ones often do not."""
    try:
        pair = store.read("CONFIG", "GET", name)
    except StoreRefused:
        return ""
    return pair[1].decode() if pair else ""
