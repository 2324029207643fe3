"""Reading the outbox: every change that SQL must remember, in order."""

import re
import uuid
from dataclasses import dataclass
from itertools import takewhile

from ..errors import StoreRefused, StoreUnavailable
from ..values.moments import milliseconds_of
from ..values.pairs import text_pairs
from .client import Line, Store, open_store
from .keys import Keys
from .script import SCRIPTS, Command, nothing, refuse_errors

BATCH = 200
_POSITION = re.compile(r"[0-9]{1,15}(-[0-9]{1,15})?")
ASTRAY_MS = 366 * 24 * 3600 * 1000
SPOILED = (
    "somebody appended to the outbox under the id {position}, which is of no time, so nothing comes after it: "
    "find out who, then delete the key {key} (docs/reference/redis-accounts.md#accounts)"
)
KEPT_MS = 3600 * 1000  # watchers that lag find what they missed for an hour


@dataclass(frozen=True)
class OutboxEntry:
    """One change. `position` orders it; `fields` are text, as the script wrote them."""

    position: str
    fields: dict[str, str]

    @property
    def type(self) -> str:
        """What kind of change it is; docs/reference/redis.md lists them."""
        return self.fields.get("type", "")


class Watcher:
    """Follows the outbox and the recorder's commits for somebody who shows them.

    It starts at the last commit, so that what is not recorded yet is seen too. Nothing here is consumed.
    """

    def __init__(self, memory: object = None) -> None:
        store = open_store(memory)
        self._line = store.line()
        self._is_cut = False
        self.recorded = "0-0"
        self._position, self._commit = self._last_positions(store)

    def wait(self, seconds: float) -> list[OutboxEntry]:
        """The changes since the last call, waiting at most `seconds` for one; moves `recorded` forward too.

        Once it is cut it has none, and waits no more.
        """
        keys, streams = self._line.keys, {}
        try:
            self._line.connect()
            if not self._is_cut:  # or whoever sets it from here on finds what to cut
                after = {keys.outbox: self._position, keys.recorded: self._commit}
                streams = _read(self._line, after, seconds)
        except StoreUnavailable:
            if not self._is_cut:
                raise
        for commit in streams.get(keys.recorded, []):
            self._commit = commit.position
            self._hear(commit)
        entries = streams.get(keys.outbox, [])
        if entries:
            self._position = entries[-1].position
        return entries

    def is_recorded(self, position: str) -> bool:
        """Whether SQL holds the change of this position."""
        return numbers(position) <= numbers(self.recorded)

    def cut(self) -> None:
        """From another thread, for good: whoever waits here does so no more."""
        self._is_cut = True
        self._line.cut()

    def close(self) -> None:
        """Give the connection back."""
        self._line.close()

    def _last_positions(self, store: Store) -> tuple[str, str]:
        streams = (store.keys.outbox, store.keys.recorded)
        newest, commits = store.read_many([["XREVRANGE", stream, "+", "-", "COUNT", 1] for stream in streams])
        refuse_errors("the outbox", newest, commits)
        newest_position = newest[0][0].decode() if newest else "0-0"
        if not commits:
            return newest_position, "0-0"
        commit = OutboxEntry(commits[0][0].decode(), text_pairs(commits[0][1]))
        self._hear(commit)
        return self.recorded, commit.position

    def _hear(self, commit: OutboxEntry) -> None:
        # Forward only: a standby that lags tells of an older place.
        position = commit.fields.get("position", "")
        if _POSITION.fullmatch(position) and not self.is_recorded(position):
            self.recorded = position


def installation(store: Store) -> tuple[str, bool]:
    """The id of this server's data, and whether it was given just now: then the server is new or was emptied."""
    given = str(uuid.uuid4())
    new = bool(store.write("HSETNX", store.keys.installation, "id", given))
    return (given if new else current_installation(store)), new


def current_installation(store: Store) -> str:
    """The id of this server's data, or '' when it has none."""
    return (store.read("HGET", store.keys.installation, "id") or b"").decode(errors="replace")


def load_scripts(store: Store) -> None:
    """Make the server know every script, so that callers need no second trip."""
    for script in SCRIPTS.values():
        store.write("SCRIPT", "LOAD", script.text)


def next_deadline_seconds(store: Store) -> float | None:
    """Seconds until the earliest deadline of a pending request, by the server's clock; None without one."""
    time, earliest = store.read_many([["TIME"], ["ZRANGE", store.keys.approvals_pending, 0, 0, "WITHSCORES"]])
    if isinstance(earliest, Exception) or not earliest:
        return None
    return (float(earliest[1]) - milliseconds_of(time)) / 1000


def read_after(line: Line, position: str, seconds: float) -> list[OutboxEntry]:
    """The entries after `position`, at most 200, waiting up to `seconds` for the first.

    StoreRefused for one under an id of no time; those before it come first.
    """
    found = _read(line, {line.keys.outbox: position}, seconds).get(line.keys.outbox, [])
    ours = list(takewhile(lambda entry: _POSITION.fullmatch(entry.position), found))
    if found and not ours:
        raise StoreRefused(SPOILED.format(position=found[0].position, key=line.keys.outbox))
    return ours


def unread(store: Store, position: str, most: int) -> list[OutboxEntry]:
    """The entries after `position`, at most so many."""
    return entries_of(store.read("XRANGE", store.keys.outbox, f"({position}", "+", "COUNT", most))


def committed_position(store: Store) -> str:
    """How far SQL was when this server's data was last told so; '0' for data that never was."""
    commits = store.read("XREVRANGE", store.keys.recorded, "+", "-", "COUNT", 1)
    position = text_pairs(commits[0][1]).get("position", "") if commits else ""
    return position if _POSITION.fullmatch(position) else "0"


def committed(keys: Keys, position: str) -> Command[None]:
    """Tell watchers how far SQL is, and let go of what is committed and an hour old."""
    newest_ms, _ = numbers(position)
    args = [position, f"{max(0, newest_ms - KEPT_MS)}-0"]
    return Command(SCRIPTS["recorder/recorded"], [keys.outbox, keys.recorded], args, nothing)


def doubt(keys: Keys, request_id: str, why: str) -> Command[None]:
    """Tell the record that an agent heard a yes which it did not believe."""
    return Command(SCRIPTS["approvals/doubt"], [keys.outbox, keys.installation], [request_id, why], nothing)


def numbers(position: str) -> tuple[int, int]:
    """A position as it is ordered."""
    milliseconds, _, sequence = position.partition("-")
    return int(milliseconds), int(sequence or 0)


def is_astray(store: Store, position: str) -> bool:
    """Whether a position is a year ahead of the server's clock: of an entry whose id somebody chose."""
    return numbers(position)[0] > store.time_ms() + ASTRAY_MS


def _read(line: Line, after: dict[str, str], seconds: float) -> dict[str, list[OutboxEntry]]:
    found = line.read_streams(after, seconds, count=BATCH)
    return {key.decode(): entries_of(entries) for key, entries in found}


def entries_of(reply: list[tuple[bytes, list[bytes] | None]]) -> list[OutboxEntry]:
    """The entries of a stream as the server sends them."""
    return [OutboxEntry(id_.decode(), text_pairs(flat)) for id_, flat in reply]
