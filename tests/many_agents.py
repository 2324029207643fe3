"""Agents in numbers, through the real script of a heartbeat, hundreds in one round trip."""

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event, Thread

from redis import Redis

from core.store import agents
from core.store.keys import Keys
from core.store.script import SCRIPTS
from tests.waiting import PATIENCE

KEYS = Keys()
BEAT_SECONDS = 5.0


def beat_all(client: Redis, names: Iterable[str], *, progress: float = 0.5, status: str = "running") -> None:
    """Let each of these beat once, as an agent of this name would."""
    client.script_load(SCRIPTS["agents/beat"].text)
    pipeline = client.pipeline(transaction=False)
    mode = "finished" if status in ("completed", "failed", "cancelled") else "beat"
    for name in names:
        record = (
            f'"agent_id":{json.dumps(name)},"display_name":null,"metadata":{{}},"status":"{status}",'
            f'"progress":{progress},"current_task":"chunk of {name}",'
            f'"finished":{"true" if mode == "finished" else "false"}}}'
        )
        command = agents.beat(
            KEYS, agent_id=name, instance="aa", record=record, mode=mode, event=None, news=None
        )
        pipeline.execute_command(*command.call)
    pipeline.execute()


def age_all(client: Redis, names: Iterable[str], *, silent: float = 0.0, unchanged: float = 0.0) -> None:
    """As if each had beaten for the last time `silent` seconds ago, and said the same for `unchanged` seconds."""
    names = list(names)
    now, pipeline = int(time.time() * 1000), client.pipeline(transaction=False)
    for name, record in zip(names, client.mget([KEYS.agent_record(name) for name in names]), strict=True):
        said = json.loads(record)
        said["last_beat_ms"] = now - int(silent * 1000)
        said["changed_ms"] = now - int(unchanged * 1000)
        pipeline.set(KEYS.agent_record(name), json.dumps(said, separators=(",", ":")), keepttl=True)
        pipeline.zadd(KEYS.agents_running, {name: said["last_beat_ms"]}, xx=True)
        if silent >= 30:
            pipeline.delete(KEYS.agent_beat(name))
    pipeline.execute()


@contextmanager
def going_on(client: Redis, names: list[str]) -> Iterator[None]:
    """These live for as long as a test takes, and change nothing: who is silent is late within seconds."""
    over = Event()

    def live() -> None:
        while not over.wait(BEAT_SECONDS):
            beat_all(client, names)

    thread = Thread(target=live, daemon=True)
    thread.start()
    yield
    over.set()
    thread.join(PATIENCE)


def a_fleet(client: Redis, *, alive: int = 760, lost: int = 230) -> list[str]:
    """So many alive and lost, and one each that failed and is stuck. The names of those that live."""
    living = [f"worker-{number}" for number in range(alive)]
    dead = [f"pod-{number:04x}f-b7x{number:03d}" for number in range(lost)]
    beat_all(client, [*living, *dead, "invoice-matcher"])
    beat_all(client, ["nightly-export"], status="failed", progress=0.7)
    if dead:
        age_all(client, dead, silent=400, unchanged=900)
    age_all(client, ["invoice-matcher"], unchanged=1_200)
    return [*living, "invoice-matcher"]
