"""Heartbeats: which agents live, which are late, which crashed. Time is Redis's, never the agent's."""

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .agents import fleet
from .agents.heartbeat import FINAL_STATUSES, AgentHeartbeat, parsed_state, readable_state
from .agents.instance import MAX_TASK_LENGTH, AgentInstance, BeatReport
from .agents.waits import WaitStack
from .errors import StoreUnavailable
from .store import agents
from .store.client import UsesStore
from .store.keys import BEAT_TTL_MS
from .values.json import checked_text, encode_json_object
from .values.names import checked_name
from .values.numbers import checked_seconds, checked_share
from .values.trouble import Trouble

__all__ = ["AgentHeartbeat", "HeartbeatCoordinator"]

logger = logging.getLogger(__name__)

MAX_METADATA_BYTES = 64 * 1024
MAX_METADATA_KEPT_BYTES = 16 * 1024
QUIET_SECONDS = 1.0
MAX_THRESHOLD = 10 * 365 * 24 * 3600


class HeartbeatCoordinator(UsesStore):
    """Sends the heartbeats of one agent, and reads those of all.

    memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or an object whose `_client` is one.
    enable_streaming: publish each heartbeat as an `agent_heartbeat` event too.

    Sending never raises because Redis is away: it logs once and goes on by itself when Redis is back.
    Reading raises StoreUnavailable.

    A subclass may set HEARTBEAT_INTERVAL, how often `keep_alive` beats. HEARTBEAT_TTL only tells, in seconds, how
    long a beat lives: every process, the recorder and the pages call an agent late after 20 s and lost after 30 s,
    so no coordinator can have another lifetime of its own, and a subclass that sets one is a TypeError.
    """

    _SHARED = ("HEARTBEAT_TTL",)

    HEARTBEAT_TTL = BEAT_TTL_MS // 1000
    HEARTBEAT_INTERVAL: float = 10

    def __init__(self, memory: object = None, enable_streaming: bool = False) -> None:
        self.agent_id: str | None = None
        self.conflict = False
        self._streaming = enable_streaming
        super().__init__(memory)
        self._identity = self._display_name = self._metadata = ""
        self._instance = AgentInstance()
        self._last = BeatReport("starting", 0.0, "")
        self._waits = WaitStack()
        self._stopped = False
        self._blocked = 0  # in so many `keep_alive` at once
        self._trouble = Trouble(logger)
        self._quiet_until = 0.0

    @property
    def _lock(self) -> threading.RLock:
        # A forked child is another agent process, and a lock it inherits may be held by nobody.
        if self._instance.process != os.getpid():
            self._instance = AgentInstance()
        return self._instance.lock

    # Sending

    def start_heartbeat(
        self, agent_id: str, metadata: dict[str, Any] | None = None, display_name: str | None = None
    ) -> None:
        """Register as `agent_id` with status `starting`.

        metadata: a JSON object of at most 64 KiB. `stuck_after` in it is for how many seconds this agent may say
        the same before it counts as stuck, None for ever. Another process that lives under the same name
        is logged and shown as a conflict as soon as it beats again; one that crashed is not. Raises
        ValueError or TypeError for a bad argument.
        """
        checked_name(agent_id, "agent_id")
        if display_name is not None:
            checked_name(display_name, "display_name")
        encoded = encode_json_object({} if metadata is None else metadata, "metadata", MAX_METADATA_BYTES)
        with self._lock:
            self.agent_id = agent_id
            self._identity = (
                f'"agent_id":{json.dumps(agent_id)},"display_name":{json.dumps(display_name)},'
                f'"metadata":{encoded.decode()},'
            )
            # A history of runs, not a store of bodies: what is larger stays in the record alone.
            self._metadata = encoded.decode() if len(encoded) <= MAX_METADATA_KEPT_BYTES else ""
            self._display_name = display_name or ""
            self._instance.begin_run()
            self._send(BeatReport("starting", 0.0, ""), "start")

    def beat(self, status: str = "running", progress: float = 0.0, current_task: str | None = "") -> None:
        """Say that the agent lives: one round trip.

        progress: finite and within 0..1; what rounding put a millionth beyond is taken as the end it is beside.
        current_task: None is "". Raises ValueError or TypeError for a bad argument, nothing else.
        """
        checked_name(status, "status")
        task = "" if current_task is None else checked_text(current_task, "current_task", MAX_TASK_LENGTH)
        done = checked_share(progress, "progress")
        with self._lock:
            self._beat(BeatReport(status, done, task))

    def stop_heartbeat(self, final_status: str = "completed") -> None:
        """Say that the agent ends here. Keeps the last progress; `completed` makes it 1."""
        checked_name(final_status, "final_status")
        with self._lock:
            progress = 1.0 if final_status == "completed" else self._last.progress
            self._send(BeatReport(final_status, progress, self._last.task), "stop")

    @contextmanager
    def keep_alive(self, status: str = "waiting", current_task: str | None = None) -> Iterator[None]:
        """Beat in the background while the body blocks, for example in `request_approval`.

        Only for a wait whose end is known: an agent that hangs inside still looks alive, and does not count as
        stuck. What the body itself says with `beat` or `stop_heartbeat` stands. Of several that overlap, in threads
        or tasks, the newest that still runs counts, and after the last of them what was said before the first.
        """
        checked_name(status, "status")
        if current_task is not None:
            checked_text(current_task, "current_task", MAX_TASK_LENGTH)
        done = threading.Event()

        def beat_until_done() -> None:
            while not done.wait(self.HEARTBEAT_INTERVAL):
                with self._lock:
                    self._beat_again(self._last)

        with self._lock:
            self._blocked += 1
            last = self._last
            inside = BeatReport(status, last.progress, last.task if current_task is None else current_task)
            wait = self._waits.begin(inside, last)
            self._beat(inside)
        thread = threading.Thread(target=beat_until_done, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            with self._lock:
                self._blocked -= 1
                self._beat_again(self._waits.end(wait, self._last))

    def _beat_again(self, last: BeatReport) -> None:
        if not self._stopped:
            self._beat(last)

    def _beat(self, said: BeatReport) -> None:
        self._send(said, "finished" if said.status in FINAL_STATUSES else "beat")

    def _send(self, said: BeatReport, mode: str) -> None:
        if self.agent_id is None:
            logger.error("no heartbeat was sent: call start_heartbeat first")
            return
        self._last, self._stopped = said, mode == "stop"
        if mode == "beat" and time.monotonic() < self._quiet_until:
            return
        try:
            rival = self._store_beat(said, mode, self._instance.to_tell(said, mode))
            if rival == "-":
                # It was taken for lost, or Redis was emptied: only Redis knows, so it is told with a second trip.
                rival = self._store_beat(said, mode, "agent_resumed")
        except StoreUnavailable as error:
            self._note_trouble(error)
            return
        self._trouble.ends("heartbeats of %r are received again", self.agent_id)
        self._note_conflict(bool(rival))

    def _store_beat(self, said: BeatReport, mode: str, tell: str) -> str:
        agent_id, instance, store = self.agent_id or "", self._instance, self._store
        rest = (
            f'"status":{json.dumps(said.status)},"progress":{said.progress!r},'
            f'"current_task":{json.dumps(said.task)},'
            f'"finished":{"false" if mode in ("start", "beat") else "true"}}}'
        )
        change = instance.is_change(said)
        news = None
        if tell or change:
            words = (said.status, repr(said.progress), said.task, self._display_name, self._metadata)
            news = agents.BeatNews(tell, change, instance.run_id, *words)
        command = agents.beat(
            store.keys,
            agent_id=agent_id,
            instance=instance.id,
            record=self._identity + ('"declared":true,' if self._blocked else "") + rest,
            mode=mode,
            event=f'"agent_id":{json.dumps(agent_id)},{rest}' if self._streaming else None,
            news=news,
        )
        rival = store.run(command)
        if news is not None:
            instance.confirm(said, tell, change=change)
        return rival

    def _note_trouble(self, error: StoreUnavailable) -> None:
        self._trouble.begins("heartbeats of %r are not received: %s", self.agent_id, error)
        self._quiet_until = time.monotonic() + QUIET_SECONDS

    def _note_conflict(self, conflict: bool) -> None:
        if conflict and not self.conflict:
            logger.warning("another process beats as %r too: give each its own agent_id", self.agent_id)
        self.conflict = conflict

    # Reading

    def get_active_agents(self) -> list[AgentHeartbeat]:
        """The agents whose key lives, by name: two round trips, whatever else Redis holds."""
        store = self._store
        names = store.run(agents.live(store.keys))
        if not names:
            return []
        beats = [store.keys.agent_beat(agent) for agent in names]
        replies = store.read("MGET", *beats, *(store.keys.agent_record(agent) for agent in names))
        alive = zip(names, replies[: len(names)], replies[len(names) :], strict=True)
        states = [readable_state(agent, record) for agent, beat, record in alive if beat is not None]
        return sorted((s.heartbeat for s in states if s is not None), key=lambda beat: beat.agent_id)

    def is_agent_alive(self, agent_id: str) -> bool:
        """Whether the agent's key lives: at most 30 s since its last beat, and not stopped."""
        beat = self._store.keys.agent_beat(checked_name(agent_id, "agent_id"))
        return bool(self._store.read("EXISTS", beat))

    def get_agent_status(self, agent_id: str) -> AgentHeartbeat | None:
        """The last heartbeat, for a day also after a crash or a stop. MalformedRecord if unreadable."""
        record = self._store.read("GET", self._store.keys.agent_record(checked_name(agent_id, "agent_id")))
        return None if record is None else parsed_state(agent_id, record).heartbeat

    def get_stale_agents(self, threshold_seconds: float = 60.0) -> list[AgentHeartbeat]:
        """Agents not finished whose last beat is older, oldest first; a crash stays for a day."""
        age_ms = int(checked_seconds(threshold_seconds, "threshold_seconds", MAX_THRESHOLD) * 1000)
        names = self._store.run(agents.stale(self._store.keys, age_ms))
        return [state.heartbeat for state in fleet.read_states(self._store, names)]
