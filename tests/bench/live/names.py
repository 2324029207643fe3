"""The names that both ends of a floor know."""

STREAM = "bench:relay"
GROUP = "bench"


def layer_options(url: str) -> dict[str, object]:
    """As the site makes its own layer: no limit on a blocking read, and as many connections as it wants."""
    host = {"address": url, "socket_timeout": None, "max_connections": 10_000}
    return {"hosts": [host], "prefix": "bench-layer"}
