"""Signs of life in telemetry: whoever exports lives, and is kept alive between two exports."""

import logging
import threading
import time
from collections import OrderedDict
from typing import NamedTuple

from core.agents.heartbeat import LOST_SECONDS, parsed_state
from core.api.living import RunRegistry
from core.errors import MalformedRecord, TelemetryError
from core.store.client import open_store
from core.values.moments import at, milliseconds_of

logger = logging.getLogger(__name__)

HEARD_BY = {"heard_by": "OpenTelemetry"}
SILENT = "silent"  # how a run ends of which nothing more comes: nobody says more
LINGER_SECONDS = 90.0  # exporters of metrics speak once a minute
BEAT_SECONDS = 10.0
CHANGE_SECONDS = 2.0
AFTER_END_SECONDS = 60.0  # what comes so late is of the run that ended
KEPT = 1_000  # of one token; so it keeps nobody else from being heard


class TelemetryRun(NamedTuple):
    """One run of an agent, as its token and its telemetry name it."""

    token: int
    agent: str
    run: str


class _Heard:
    def __init__(self) -> None:
        self.at = self.beaten = 0.0
        self.task = self.told = ""


class Signs:
    """The runs of which this process hears by telemetry alone. Safe from several threads.

    An agent that beats by itself, or by hooks, is left to that: it knows better how it is.
    """

    def __init__(
        self, beating: RunRegistry, linger: float = LINGER_SECONDS, pause: float = BEAT_SECONDS
    ) -> None:
        self._beating, self._linger, self._pause = beating, linger, pause
        self._lock = threading.Lock()
        self._heard: dict[int, OrderedDict[TelemetryRun, _Heard]] = {}  # by token
        self._thread: threading.Thread | None = None

    def hear(self, who: TelemetryRun, task: str) -> None:
        """An export came of this run. Never raises because Redis is away."""
        with self._lock:
            runs = self._heard.setdefault(who.token, OrderedDict())
            heard = runs.setdefault(who, _Heard())
            runs.move_to_end(who)
            while len(runs) > KEPT:
                runs.popitem(last=False)
            now = time.monotonic()
            heard.at, heard.task = now, task or heard.task
            rest = now - heard.beaten
            due = rest >= self._pause or (heard.task != heard.told and rest >= CHANGE_SECONDS)
        if due:
            self._beat(who, heard)
        self._keep_going()

    def forget(self) -> None:
        """Keep nobody alive any more."""
        with self._lock:
            self._heard.clear()

    def _beat(self, who: TelemetryRun, heard: _Heard) -> None:
        heard.beaten, heard.told = time.monotonic(), heard.task
        try:
            if _is_ours(who.agent):
                said = {"run": who.run, "status": "running", "task": heard.task, "metadata": HEARD_BY}
                self._beating.take("beat", who.token, who.agent, said)
        except TelemetryError as error:
            logger.warning("%r is not kept alive now: %s", who.agent, error)

    def _keep_going(self) -> None:
        with self._lock:
            if self._thread is None and self._heard:
                self._thread = threading.Thread(target=self._run, name="signs", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(self._pause / 2)
            with self._lock:
                runs = [run for of_token in self._heard.values() for run in of_token.items()]
                if not runs:
                    self._thread = None
                    return
            for who, heard in runs:
                self._go_on(who, heard)

    def _go_on(self, who: TelemetryRun, heard: _Heard) -> None:
        now = time.monotonic()
        silent = now - heard.at
        if silent <= self._linger:
            if now - heard.beaten >= self._pause:
                self._beat(who, heard)
            return
        # Another process of the site may hear it, and shows by then that it does.
        if silent > self._linger + 2 * self._pause:
            with self._lock:
                runs = self._heard.get(who.token, OrderedDict())
                runs.pop(who, None)
                if not runs:
                    self._heard.pop(who.token, None)
            self._end(who)

    def _end(self, who: TelemetryRun) -> None:
        try:
            if _is_ours(who.agent, unbeaten_for=1.5 * self._pause):
                self._beating.take("stop", who.token, who.agent, {"run": who.run, "status": SILENT})
        except TelemetryError as error:
            logger.warning("%r is not told as silent: %s", who.agent, error)


def _is_ours(agent: str, unbeaten_for: float = 0.0) -> bool:
    """Whether telemetry alone tells of this agent now; `unbeaten_for`: and nobody has for so many seconds."""
    store = open_store()
    record, clock = store.read_many([["GET", store.keys.agent_record(agent)], ["TIME"]])
    if record is None or isinstance(record, Exception):
        return record is None
    try:
        state = parsed_state(agent, record)
    except MalformedRecord:
        return True
    silent = (at(milliseconds_of(clock)) - state.heartbeat.last_beat).total_seconds()
    if state.heartbeat.metadata.get("heard_by") == HEARD_BY["heard_by"]:
        return silent >= unbeaten_for and not (unbeaten_for and state.finished)
    return silent > (AFTER_END_SECONDS if state.finished else LOST_SECONDS)
