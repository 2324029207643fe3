"""The queue of background jobs, as django-rq wants to hear of it."""

from pathlib import Path
from typing import Any

from core.store.embedded import last_url, socket_url


def rq_queues(url: str, data_dir: Path, name: str) -> dict[str, Any]:
    """The setting RQ_QUEUES. Without a URL the queue is in the embedded server of the data directory.

    Whoever asks it brings a connection of ours, with its time limits.
    JSON, since RQ's default runs whatever code somebody wrote into Redis.
    """
    url = url or last_url(data_dir) or socket_url(data_dir)
    return {name: {"URL": url, "SERIALIZER": "rq.serializers.JSONSerializer", "DEFAULT_TIMEOUT": 600}}
