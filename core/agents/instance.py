"""One process that beats: its id, the run it is in, and what it has told Redis of that run so far."""

import os
import threading
import uuid
from typing import NamedTuple

TIMELINE_STEP = 5  # points of progress, of a hundred
MAX_TASK_LENGTH = 2_000


class BeatReport(NamedTuple):
    """What a heartbeat says: status, progress within 0..1, task."""

    status: str
    progress: float
    task: str


class AgentInstance:
    """One coordinator in one process, by whose id a rival is seen. A run lasts from a start to its end."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.id = uuid.uuid4().hex
        self.lock = threading.RLock()
        self.begin_run()

    def begin_run(self) -> None:
        """A new run, of which nobody knows yet."""
        self.run_id = uuid.uuid4().hex
        self._told = ("", "")
        self._entry: BeatReport | None = None

    def to_tell(self, said: BeatReport, mode: str) -> str:
        """agent_started, agent_stopped or agent_resumed when the record must hear of it, else ''.

        What was never confirmed is told again with the next beat; told twice, it counts once.
        """
        known, status = self._told
        if mode in ("start", "beat"):
            return "agent_resumed" if known == "agent_stopped" else "" if known else "agent_started"
        told = mode == "finished" and (known, status) == ("agent_stopped", said.status)
        return "" if told else "agent_stopped"

    def is_change(self, said: BeatReport) -> bool:
        """Whether this belongs into the timeline: another status or task, or five points of progress."""
        last = self._entry
        if said == last:
            return False
        if last is None or last.status != said.status or last.task != said.task:
            return True
        # Rounded: 0.15 - 0.1 is a little less than 0.05.
        return round(100 * abs(said.progress - last.progress), 6) >= TIMELINE_STEP

    def confirm(self, said: BeatReport, tell: str, *, change: bool) -> None:
        """Redis has it."""
        if tell:
            self._told = (tell, said.status)
        if change:
            self._entry = said
