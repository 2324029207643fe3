"""The commands of heartbeats: beating, and finding those who live, are late or fell silent."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ..values.pairs import pairs
from .keys import BEAT_TTL_MS, Keys
from .script import SCRIPTS, Argument, Command


class BeatNews(NamedTuple):
    """What few beats carry: `tell` for the record, '' for nothing; `change` for the timeline."""

    tell: str
    change: bool
    run_id: str
    status: str
    progress: str
    task: str
    display_name: str
    metadata: str


def beat(
    keys: Keys,
    *,
    agent_id: str,
    instance: str,
    record: str,
    mode: str,
    event: str | None,
    news: BeatNews | None,
) -> Command[str]:
    """Store a heartbeat: the rival process beating under the same name, or ''.

    '-' when the agent was taken for lost: it beats again, and the record has not been told.
    """
    script_keys = [
        keys.agent_beat(agent_id),
        keys.agent_record(agent_id),
        keys.agents_changed,
        keys.agents_running,
    ]
    args: list[Argument] = [agent_id, instance, record, mode]
    if event is not None:
        script_keys += [keys.event_stream("agent_heartbeat"), keys.event_types]
        args.append(event)
    if news is not None:
        if news.tell:
            script_keys += [keys.outbox, keys.installation]
        if news.change:
            script_keys.append(keys.agent_timeline(agent_id))
        args += [""] * (5 - len(args)) + [news.tell, "1" if news.change else "", *news[2:]]
    return Command(SCRIPTS["agents/beat"], script_keys, args, bytes.decode)


def lost(keys: Keys, since_ms: int) -> Command[tuple[int, dict[str, int]]]:
    """Server time, and the agents whose beat key expired since then without a stop, with their last beat."""
    return Command(SCRIPTS["agents/lost"], [keys.agents_running], [since_ms, BEAT_TTL_MS], _time_and_beats)


def _time_and_beats(reply: Sequence[bytes]) -> tuple[int, dict[str, int]]:
    now, *flat = reply
    return int(now), {_name(agent): int(float(beat_ms)) for agent, beat_ms in pairs(flat).items()}


def stale(keys: Keys, age_ms: int) -> Command[list[str]]:
    """Agents that have not stopped and whose last beat is older, oldest first."""
    return Command(SCRIPTS["agents/stale"], [keys.agents_running], [age_ms], _names)


def live(keys: Keys) -> Command[list[str]]:
    """Agents that beat within the lifetime of a beat; those that stopped since have no beat key."""
    return Command(SCRIPTS["agents/live"], [keys.agents_changed], [BEAT_TTL_MS], _names)


def look(keys: Keys, *, since_ms: int, late_ms: int, lost_ms: int) -> Command[tuple[int, list[str]]]:
    """Server time, and the agents to draw again: those that beat or crossed a threshold since then."""
    args = [since_ms, late_ms, lost_ms]
    return Command(SCRIPTS["agents/look"], [keys.agents_changed, keys.agents_running], args, _time_and_names)


def put_away(keys: Keys, seen: Mapping[str, int]) -> Command[list[str]]:
    """Mark agents as away by the ms of the last beat that was looked at: those that are so now and were not."""
    args = [part for agent, beat_ms in seen.items() for part in (agent, str(beat_ms))]
    return Command(
        SCRIPTS["agents/put_away"], [keys.agents_changed, *map(keys.agent_record, seen)], args, _names
    )


def _time_and_names(reply: Sequence[bytes]) -> tuple[int, list[str]]:
    now, *agents = reply
    return int(now), sorted(set(_names(agents)))


def _names(members: Sequence[bytes]) -> list[str]:
    return [_name(member) for member in members]


def _name(member: bytes) -> str:
    # What is no UTF-8 was not written by us; no record answers to it.
    return member.decode(errors="replace")
