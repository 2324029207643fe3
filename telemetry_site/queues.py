"""The queue of background jobs, as django-rq wants to hear of it."""

from pathlib import Path
from typing import Any


def rq_queues(url: str, data_dir: Path, name: str) -> dict[str, Any]:
    """The setting RQ_QUEUES. Without a URL the queue is in the embedded server of the data directory.

    Whoever asks it brings a connection of ours, with its time limits.
    JSON, since RQ's default runs whatever code somebody wrote into Redis.
    """
    url = url or _embedded_url(data_dir)
    return {name: {"URL": url, "SERIALIZER": "rq.serializers.JSONSerializer", "DEFAULT_TIMEOUT": 600}}


def _embedded_url(data_dir: Path) -> str:
    try:
        return (data_dir / "redis.url").read_text().strip()
    except OSError:
        return f"unix://{data_dir / 'redis.sock'}"
