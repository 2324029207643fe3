"""Runs of agents in SQL: begun and ended by what agents say, and marked as lost when they fall silent.

An agent that crashes says nothing. So the recorder looks, besides reading the outbox, at those whose beat key
expired since its last look. Everything here is the same when it is done twice.
"""

import logging
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Q

from core.agent_tracking import MAX_METADATA_KEPT_BYTES
from core.agents import fleet
from core.agents.heartbeat import LOST_SECONDS, AgentState
from core.agents.snapshot import read_timeline
from core.errors import StoreRefused
from core.models import AgentRun
from core.store import agents as commands
from core.store.client import Store
from core.values.json import encode_json_object, finite, loads_strictly
from core.values.malformed import with_visible_nul
from core.values.moments import at
from core.values.names import checked_name
from core.values.pairs import in_parts

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
AT_ONCE = 500

RUNNING, STOPPED, LOST = AgentRun.State.RUNNING, AgentRun.State.STOPPED, AgentRun.State.LOST


def record(said: Mapping[str, str]) -> None:
    """Apply what an agent said of its run. KeyError or ValueError for an entry that makes no sense."""
    run_id = uuid.UUID(said["run_id"])
    known = {
        "agent_id": checked_name(said["agent_id"], "agent_id"),
        "instance_id": checked_name(said["instance"], "instance")[:40],
    }
    STEPS[said["type"]](run_id, known, said)


def _started(run_id: uuid.UUID, known: dict[str, str], said: Mapping[str, str]) -> None:
    started_at = at(said["started_ms"])
    told = {"display_name": _display_name(said), "metadata": _metadata(said["metadata"])}
    run, created = AgentRun.objects.get_or_create(
        run_id=run_id, defaults={**known, **told, "started_at": started_at}
    )
    if not created:
        # Its start reached us late or twice: of when it began, the earliest word counts.
        AgentRun.objects.filter(pk=run_id).update(**told, started_at=min(run.started_at, started_at))
        return
    others = AgentRun.objects.filter(agent_id=known["agent_id"], state=RUNNING).exclude(pk=run_id)
    # The same process begins anew without having stopped.
    others.filter(instance_id=known["instance_id"]).update(
        state=STOPPED, status="restarted", ended_at=started_at, last_beat_at=started_at
    )
    if said["previous_beat_ms"]:
        others.filter(instance_id=said["previous"]).update(last_beat_at=at(said["previous_beat_ms"]))
    if others.update(overlaps=True):
        AgentRun.objects.filter(pk=run_id).update(overlaps=True)


def _stopped(run_id: uuid.UUID, known: dict[str, str], said: Mapping[str, str]) -> None:
    stopped_at = at(said["stopped_ms"])
    end = {
        "state": STOPPED,
        "status": checked_name(said["status"], "status"),
        "ended_at": stopped_at,
        "last_beat_at": stopped_at,
        "last_progress": finite(said["progress"]),
        "last_task": with_visible_nul(said["task"]),
    }
    run, created = AgentRun.objects.get_or_create(
        run_id=run_id, defaults={**known, **end, "started_at": stopped_at}
    )
    # Told again after a return, an earlier end is over.
    if not created and (run.resumed_at is None or run.resumed_at <= stopped_at):
        AgentRun.objects.filter(pk=run_id).update(**end)


def _resumed(run_id: uuid.UUID, known: dict[str, str], said: Mapping[str, str]) -> None:
    resumed_at = at(said["resumed_ms"])
    _run, created = AgentRun.objects.get_or_create(
        run_id=run_id, defaults={**known, "started_at": resumed_at, "resumed_at": resumed_at}
    )
    if created:
        return
    # A beat that the look which found it lost already knew of is no return.
    later = Q(last_beat_at=None) | Q(last_beat_at__lt=resumed_at)
    unheard = Q(resumed_at=None) | Q(resumed_at__lt=resumed_at)
    AgentRun.objects.filter(later, unheard, pk=run_id).update(
        state=RUNNING, status="", ended_at=None, resumed_at=resumed_at
    )


STEPS = {"agent_started": _started, "agent_stopped": _stopped, "agent_resumed": _resumed}  # by type of entry


class LostRuns:
    """Marks runs as lost. Ask it only when everything in the outbox is in SQL: who fell silent has long begun."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.begin()

    def begin(self) -> None:
        """Look at everybody again: we are new here, or the server is."""
        self._since_ms = 0
        self._due = 0.0
        self._looked_for: dict[str, datetime] = {}  # runs that overlap: since when their process is not seen

    def look(self) -> None:
        """Mark who fell silent since the last look, at most once a second."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + LOOK_SECONDS
        first = self._since_ms == 0
        now_ms, silent = self._store.run(commands.lost(self._store.keys, self._since_ms))
        if first:
            silent |= self._forgotten()
        for agents in in_parts(sorted(silent), AT_ONCE):
            self._mark(agents, silent)
        self._look_at_overlaps(at(now_ms))
        self._since_ms = now_ms

    def _mark(self, agents: Sequence[str], silent: Mapping[str, int]) -> None:
        runs = list(AgentRun.objects.filter(state=RUNNING, agent_id__in=agents))
        if not runs:
            return
        states = {s.heartbeat.agent_id: s for s in fleet.read_states(self._store, agents)}
        for run in runs:
            heard_ms = silent[run.agent_id]
            last_beat = at(heard_ms) if heard_ms else run.resumed_at or run.last_beat_at or run.started_at
            if run.started_at > last_beat:
                continue  # it began after Redis was asked
            if run.overlaps:  # the record may hold the words of the other process
                self._lose_rival(run, run.last_beat_at or run.started_at)
            else:
                _lose(run, last_beat, _last_words(states.get(run.agent_id)))

    def _lose_rival(self, run: AgentRun, last_seen: datetime) -> None:
        """A process whose record another one overwrites: the timeline tells what it said last."""
        try:
            entries = read_timeline(run.agent_id, self._store)
        except StoreRefused:
            entries = []
        own = next((entry for entry in entries if entry.instance == run.instance_id), None)
        if own is None:
            _lose(run, last_seen, {})
            return
        words = {"status": own.status, "last_progress": own.progress, "last_task": with_visible_nul(own.task)}
        _lose(run, max(last_seen, own.at), words)

    def _forgotten(self) -> dict[str, int]:
        """Agents with a run in SQL of which Redis knows nothing: silent for days, or Redis was emptied."""
        names = AgentRun.objects.filter(state=RUNNING).values_list("agent_id", flat=True).distinct()
        forgotten: dict[str, int] = {}
        for agents in in_parts(sorted(names), AT_ONCE):
            scores = self._store.read("ZMSCORE", self._store.keys.agents_running, *agents)
            beats = self._store.read("MGET", *map(self._store.keys.agent_beat, agents))
            known = zip(agents, scores, beats, strict=True)
            forgotten |= {agent: 0 for agent, score, beat in known if score is None and beat is None}
        return forgotten

    def _look_at_overlaps(self, now: datetime) -> None:
        """Of two runs under one name, the beat key says which of them still beat."""
        runs = list(AgentRun.objects.filter(state=RUNNING, overlaps=True))
        held = (
            self._store.read("MGET", *(self._store.keys.agent_beat(r.agent_id) for r in runs)) if runs else []
        )
        looked_for: dict[str, datetime] = {}
        for run, beat in zip(runs, held, strict=True):
            key = str(run.pk)
            beats = run.instance_id.encode() in (beat or b"").split()[:2]
            looked_for[key] = now if beats else self._looked_for.get(key, now)
            if now - looked_for[key] > timedelta(seconds=LOST_SECONDS):
                logger.warning("a process that beat as %r is silent, another one goes on", run.agent_id)
                self._lose_rival(run, run.last_beat_at or run.started_at)
        self._looked_for = looked_for


def _last_words(state: AgentState | None) -> dict[str, object]:
    if state is None or state.finished:
        return {}
    beat = state.heartbeat
    return {
        "status": beat.status,
        "last_progress": beat.progress,
        "last_task": with_visible_nul(beat.current_task),
    }


def _lose(run: AgentRun, last_beat: datetime, last_words: Mapping[str, object]) -> None:
    end = {"state": LOST, "ended_at": last_beat, "last_beat_at": last_beat, **last_words}
    AgentRun.objects.filter(pk=run.pk, state=RUNNING, resumed_at=run.resumed_at).update(**end)


def _display_name(said: Mapping[str, str]) -> str:
    return said["display_name"] and checked_name(said["display_name"], "display_name")


def _metadata(text: str) -> str:
    """A JSON object as agents tell it; '' for one that was too large to tell."""
    try:
        if text:
            encode_json_object(loads_strictly(text), "metadata", MAX_METADATA_KEPT_BYTES)
    except RecursionError as error:
        raise ValueError("metadata nests too deep") from error
    return text
