"""Ships what is spooled: in the background, in batches, each counted once however often it is sent."""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..errors import StoreUnavailable
from ..store import usage
from ..store.client import Store
from ..store.outbox import current_installation
from ..values.malformed import ODD
from ..values.trouble import Trouble
from .call import Call, parse_call, shipped_bytes
from .folders import SpoolFolders
from .pricing import PriceBook, load_book
from .savings import also_in, sums_of
from .spool import Spool, SpoolFile, orphans
from .telling import merged_call

logger = logging.getLogger(__name__)

GATHER_SECONDS = 0.2
ORPHAN_SECONDS = 5.0
LONGEST_PAUSE = 5.0
REST = 3.0
READ_BYTES = 128 * 1024
HUGE_TOKENS = 2**53 // usage.BATCH_CALLS
AHEAD_MS = 60_000  # clocks differ a little, and the order of calls should stay theirs
MOST_EXPECTED = 5_000  # a kilobyte or two each; further ones are read from the disk
ROOM_SECONDS = 5.0  # an exporter waits for ten


class SpoolLine(NamedTuple):
    """A call as it comes from the spool, and as it is shipped; b'' until it is priced."""

    call: Call
    text: bytes


class Shipper:
    """Ships one process's spool and those of processes that are gone. Made anew in a forked child."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        book: PriceBook,
        spool: Spool,
        folders: SpoolFolders,
        retention_days: int,
        full: int,
    ) -> None:
        self._open_store = open_store
        self._book = book
        self._spool = spool
        self._folders = folders
        self._installation = ""
        self._next_look = 0.0  # at what others left here, monotonic
        self._retention_days = retention_days
        self._full_at = full
        self._places: dict[str, int] = {}
        self._expected: dict[bytes, Call] = {}
        self._room = threading.Event()  # for what is expected
        self._keeps_up = True
        self._turn = threading.RLock()
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._waiting = 0
        self._wake = threading.Event()
        self._full = threading.Event()
        self._stop = threading.Event()
        self._hurry = threading.Event()  # somebody waits for what the background ships
        self._trouble = Trouble(logger)
        self._counted = 0

    @property
    def has_begun(self) -> bool:
        """Whether it was ever told of a call, or started."""
        return self._thread is not None

    def expect(self, lines: Sequence[bytes], calls: Sequence[Call]) -> None:
        """These lines will be spooled, and are these calls, priced: where they come, nobody reads them again.

        Waits some seconds for room where more come than are shipped, once until there was some: what is read again
        costs twice as much, so that ever more would wait.
        """
        if len(self._expected) >= MOST_EXPECTED and self._keeps_up:
            self._room.clear()
            if len(self._expected) > MOST_EXPECTED // 2:
                self._keeps_up = self._room.wait(ROOM_SECONDS)
        for line, call in zip(lines, calls, strict=True):
            if len(self._expected) >= MOST_EXPECTED:
                return
            self._expected[line] = call

    # The background

    def notice(self, calls: int = 1) -> None:
        """So many calls were spooled. Cheap: it is called for each."""
        self._waiting += calls
        if self._waiting >= self._full_at and not self._full.is_set():
            self._full.set()
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self.start()

    def start(self) -> None:
        """Ship in the background from now on, also what others left here, though nothing was spooled yet."""
        self._wake.set()
        with self._start_lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._run, name="usage", daemon=True)
                try:
                    # No daemon: the process waits for it before it ends, so nothing is imported at exit.
                    threading.Thread(target=load_book, name="prices").start()
                    self._thread.start()
                except RuntimeError:  # the interpreter is ending; `close` or an adopter ships
                    self._thread = None

    def _run(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            if self._wake.wait(max(0.0, self._next_look - time.monotonic())):
                self._full.wait(GATHER_SECONDS)
            self._wake.clear()
            self._full.clear()
            self._waiting = 0
            try:
                with self._turn:
                    self._ship_all(adopt=time.monotonic() >= self._next_look)
                self._trouble.ends("calls are shipped again")
                pause = 0.0
            except StoreUnavailable as error:
                self._trouble.begins("calls wait in %s: %s", self._spool.folder, error)
                pause = min(LONGEST_PAUSE, max(0.25, 2 * pause))
                self._wake.set()
            except Exception:
                # Nothing may end this thread for good; the calls are safe in the spool.
                logger.exception("calls could not be shipped; they stay in %s", self._spool.folder)
                pause = LONGEST_PAUSE
                self._wake.set()
            if pause:
                self._stop.wait(pause)

    def close(self, seconds: float) -> None:
        """Ship what waits, trying for about so many seconds, and leave the spool; what is left is adopted."""
        for event in (self._stop, self._wake, self._full, self._hurry):
            event.set()
        if self._thread is not None:
            self._thread.join(seconds)
        if not self._turn.acquire(timeout=0.1):
            return
        shipped, file = -1, self._spool.current()
        try:
            if file is not None or self._spool.holds() or self._spool.ended():
                self._ship_all(adopt=False)
            shipped = self._places.get(file.id, 0) if file else -1
        except (StoreUnavailable, OSError) as error:
            self._trouble.begins("calls wait in %s: %s", self._spool.folder, error)
        finally:
            if self._spool.end(shipped) and file:
                self._forget(file)
            self._turn.release()

    # Shipping

    def flush(self) -> int:
        """Ship all that waits, also of others; how many calls were counted here since this was last asked."""
        with self._in_a_hurry():
            self._ship_all(adopt=True)
            counted, self._counted = self._counted, 0
            return counted

    def ship_own(self) -> None:
        """Ship what this process has spooled, if anything waits."""
        with self._in_a_hurry():
            file = self._spool.current()
            if self._spool.holds() or self._spool.ended() or (file is not None and self._waits(file)):
                self._ship_all(adopt=False)

    @contextmanager
    def _in_a_hurry(self) -> Iterator[None]:
        self._hurry.set()
        with self._turn:
            self._hurry.clear()
            yield

    def _ship_all(self, adopt: bool) -> None:
        store = self._open_store()
        self._ship_held(store)
        for ended in self._spool.ended():
            self._ship_file(store, ended)
            self._spool.drop(ended)
            self._forget(ended)
        file = self._spool.current()
        if file is not None and self._waits(file):
            self._ship_file(store, file)
        if adopt:
            self._ship_orphans(store)

    def _waits(self, file: SpoolFile) -> bool:
        return self._places.get(file.id, 0) != file.size()

    def _forget(self, file: SpoolFile) -> None:
        self._places.pop(file.id, None)
        try:
            usage.forget_spool(self._open_store(), file.id)
        except StoreUnavailable as error:
            logger.debug("the place of %s stays until it expires: %s", file.path.name, error)

    def _ship_orphans(self, store: Store) -> None:
        """Ship what others left here, and say which calls wait that nobody ships."""
        self._installation = current_installation(store)
        self._folders.note(self._installation)
        ours = self._folders.ours(self._installation)
        self._folders.tell_of_abandoned(ours)
        for folder in ours:
            for file in orphans(folder):
                self._ship_orphan(store, file)
        if self._folders.directory != self._folders.own:
            for file in orphans(self._folders.directory):
                if self._folders.takes_nameless() or usage.knows_spool(store, file.id):
                    self._ship_orphan(store, file)
                file.close()
        self._next_look = time.monotonic() + ORPHAN_SECONDS  # only now: what failed is tried again

    def _ship_orphan(self, store: Store, file: SpoolFile) -> None:
        try:
            self._ship_file(store, file)
            self._say_if_torn(file)
            file.remove()
            self._forget(file)
        finally:
            file.close()

    def _say_if_torn(self, file: SpoolFile) -> None:
        rest = file.size() - self._places.get(file.id, 0)
        if rest:
            logger.warning("%s ends in %d bytes of a call that was never tracked whole", file.path.name, rest)

    def _ship_file(self, store: Store, file: SpoolFile) -> None:
        """Ship the lines that a file has now."""
        until = file.size()
        known, now_ms = usage.shipped_and_time(store, file.id)
        self._places[file.id] = known
        while self._places[file.id] < until:
            began, start = time.monotonic(), self._places[file.id]
            lines, found = self._read(file, start)
            if not lines:
                break
            end = start + sum(map(len, lines))
            batch = self._batch(usage.CallBatch(file.id, start, end), found, now_ms)
            self._places[file.id], new = usage.ship(store, batch, now_ms, self._retention_days)
            self._counted += new
            if len(self._expected) <= MOST_EXPECTED // 2:
                self._keeps_up = True
                self._room.set()
            if not self._expected:  # what others hold ready for it is shipped at once
                self._rest(began)

    def _rest(self, began: float) -> None:
        """In the background, work a quarter of the time at most: whoever tracks many calls keeps the processor."""
        if threading.current_thread() is self._thread:
            self._hurry.wait(REST * (time.monotonic() - began))

    def _line(self, line: bytes) -> SpoolLine:
        call = self._expected.pop(line, None)
        return SpoolLine(parse_call(line), b"") if call is None else SpoolLine(call, line[:-1])

    def _read(self, file: SpoolFile, start: int) -> tuple[list[bytes], list[SpoolLine]]:
        """The next lines and their calls, so many that their sums stay exact; what is no call is set aside."""
        lines: list[bytes] = []
        found: list[SpoolLine] = []
        huge = False
        for line in _whole_lines(file, start):
            try:
                one = self._line(line)
            except ODD as error:
                logger.error("a line of %s is set aside: %s", file.path.name, error)
                file.set_aside(line.rstrip(b"\n"))
                lines.append(line)
                continue
            huge, before = _is_huge(one.call), huge
            if found and (huge or before):
                break
            lines.append(line)
            found.append(one)
        return lines, found

    def _batch(
        self, batch: usage.CallBatch, lines: list[SpoolLine], now_ms: int, *, unsure: bool = False
    ) -> usage.CallBatch:
        """With each call once, at its price; `unsure`: each may come again, whoever named it."""
        once: dict[str, SpoolLine] = {}
        for line in lines:
            call = line.call
            if call.us > (now_ms + AHEAD_MS) * 1000:
                # A clock that runs ahead must not write into days that nobody looks at.
                call.us, line = now_ms * 1000, SpoolLine(call, b"")
            name = call.call_id if call.given or unsure else f"{len(once)} without a name"
            once[name] = SpoolLine(merged_call(once[name].call, call), b"") if name in once else line
        for call, text in once.values():
            if not text:
                call.price(self._book)
            given = call.call_id if call.given or unsure else ""
            also = also_in(call.workflow, call.tier, call.provider, call.model)
            batch.add(given, call.us, sums_of(call), text or shipped_bytes(call), also)
        return batch

    def _ship_held(self, store: Store) -> None:
        """Ship from memory what the disk refuses. By call id, since the disk may take the same lines later."""
        while held := self._spool.settle()[: usage.BATCH_CALLS]:
            lines = [self._line(line) for line in held]
            if any(_is_huge(line.call) for line in lines):
                held, lines = held[:1], lines[:1]
            now_ms = store.time_ms()
            batch = self._batch(usage.CallBatch(uuid.uuid4().hex, 0, 1), lines, now_ms, unsure=True)
            _place, new = usage.ship(store, batch, now_ms, self._retention_days)
            usage.forget_spool(store, batch.spool)
            self._spool.let_go(len(held))
            self._counted += new


def _is_huge(call: Call) -> bool:
    """Whether 200 such calls might come to more than Lua can add exactly: then it goes alone."""
    return max(call.input, call.output, call.cache_read, call.cache_write) > HUGE_TOKENS


def _whole_lines(file: SpoolFile, start: int) -> list[bytes]:
    data = file.read(start, READ_BYTES)
    lines = data.split(b"\n")
    whole = [line + b"\n" for line in lines[: min(len(lines) - 1, usage.BATCH_CALLS)]]
    return whole or [data for data in lines if data]
