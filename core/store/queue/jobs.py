"""The jobs of the queue for people to look at: read as text, so nothing that a job says of itself becomes code."""

import binascii
import re
import zlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...values.pairs import pairs
from . import PREFIX, queue_store, read_replies

STATES = {"queued": "waiting", "started": "running", "failed": "failed", "finished": "finished"}
"""RQ's words for the states that our jobs have, and ours."""
LARGEST_ERROR = 64 * 1024  # characters of a traceback; compressed, it may claim to be endless

_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_FIELDS = ("origin", "status", "description", "created_at", "started_at", "ended_at")


@dataclass(frozen=True)
class QueuedJob:
    """One job. `description`: its function and arguments. Times are None where none was written.

    state: waiting, running, failed, finished, else RQ's own word.
    """

    job_id: str
    state: str
    description: str
    created_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class JobList:
    """Jobs of one state: `counts` of every state, the number of workers, and those from `first` on.

    A job that is gone by now, or cannot be read, is its id alone.
    """

    counts: dict[str, int]
    workers: int
    first: int
    jobs: list[QueuedJob | str]


def read_jobs(name: str, state: str, first: int, most: int) -> JobList:
    """Waiting jobs in their order, others newest first: two round trips. StoreUnavailable when Redis is away.

    `first` counts from 0; beyond the end it is that of the last `most`.
    """
    if state not in STATES.values():
        raise ValueError(f"state must be one of {', '.join(STATES.values())}, not {state!r}")
    waiting, wip, failed, finished, workers = (
        f"{PREFIX}:{kind}:{name}" for kind in ("queue", "wip", "failed", "finished", "workers")
    )
    keys = {"waiting": waiting, "running": wip, "failed": failed, "finished": finished}
    cards = (["ZCARD", key] for key in (wip, failed, finished))
    numbers = read_replies(["LLEN", waiting], *cards, ["SCARD", workers])
    counts = dict(zip(keys, map(int, numbers), strict=False))
    first = max(0, min(first, (counts[state] - 1) // most * most))
    command = "LRANGE" if state == "waiting" else "ZREVRANGE"
    [entries] = read_replies([command, keys[state], str(first), str(first + most - 1)])
    ids = [entry.decode(errors="replace").partition(":")[0] for entry in entries]
    return JobList(counts, int(numbers[-1]), first, _read_each(name, ids))


def read_job(name: str, job_id: str) -> tuple[QueuedJob, str] | None:
    """A job of this queue and what its last failure said ('' without one): one round trip; None when it is gone.

    StoreUnavailable when Redis is away.
    """
    if not _ID.fullmatch(job_id):
        return None  # what else begins with rq:job: is none of our business
    newest = ["XREVRANGE", f"{PREFIX}:results:{job_id}", "+", "-", "COUNT", "1"]
    fields, results = queue_store().read_many([_fields_of(job_id), newest])
    job = _job(name, job_id, fields)
    return None if job is None else (job, _error_of(results))


def _read_each(name: str, ids: list[str]) -> list[QueuedJob | str]:
    if not ids:
        return []
    replies = queue_store().read_many([_fields_of(job_id) for job_id in ids])
    return [_job(name, job_id, reply) or job_id for job_id, reply in zip(ids, replies, strict=True)]


def _fields_of(job_id: str) -> list[str]:
    return ["HMGET", f"{PREFIX}:job:{job_id}", *_FIELDS]


def _job(name: str, job_id: str, fields: Sequence[bytes | None] | Exception) -> QueuedJob | None:
    """None where the hash is gone, is none, or belongs to the queue of another installation."""
    if isinstance(fields, Exception) or not _ID.fullmatch(job_id):
        return None
    origin, status, description, *times = (None if f is None else f.decode(errors="replace") for f in fields)
    if origin != name or not status:
        return None
    created, started, ended = map(_moment, times)
    return QueuedJob(job_id, STATES.get(status, status), description or "", created, started, ended)


def _moment(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _error_of(results: Any) -> str:
    try:
        [(_position, parts)] = results
        packed = pairs(parts).get(b"exc_string", b"")
        text = zlib.decompressobj().decompress(b64decode(packed), LARGEST_ERROR)
    except (ValueError, TypeError, binascii.Error, zlib.error):
        return ""
    return text.decode(errors="replace")
