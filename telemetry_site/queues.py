"""The queue of background jobs, as django-rq wants to hear of it."""

from pathlib import Path
from typing import Any

# django-rq's own pages in the admin connect by this URL: a server that hangs must not hold them for long.
_LIMITS = "socket_timeout=2&socket_connect_timeout=1"


def rq_queues(url: str, data_dir: Path, name: str) -> dict[str, Any]:
    """The setting RQ_QUEUES. Without a URL the queue is in the embedded server of the data directory.

    JSON, since RQ's default runs whatever code somebody wrote into Redis.
    """
    url = url or _embedded_url(data_dir)
    limited = f"{url}{'&' if '?' in url else '?'}{_LIMITS}"
    return {name: {"URL": limited, "SERIALIZER": "rq.serializers.JSONSerializer", "DEFAULT_TIMEOUT": 600}}


def _embedded_url(data_dir: Path) -> str:
    try:
        return (data_dir / "redis.url").read_text().strip()
    except OSError:
        return f"unix://{data_dir / 'redis.sock'}"
