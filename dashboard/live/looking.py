"""Who looks at which request now. Each web process knows its own sockets, and tells the others what they show.

Nothing of it is kept: a process that ends, or is not heard, is forgotten within half a minute.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

TOLD_AGAIN_SECONDS = 10.0
KEPT_SECONDS = 25.0
MOST_NAMES = 8  # of one request that a process tells

Looks = dict[str, tuple[str, ...]]  # names by request
KIND = "requests.looked"


class Lookers:
    """What this process and the others know. It belongs to one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._process = uuid4().hex
        self._mine: Looks = {}
        self._told_at = clock()
        self._wanted = True  # others are to say what they know
        self._others: dict[str, dict[str, tuple[tuple[str, ...], float]]] = {}  # by request, by process

    def take(self, looks: Mapping[str, set[str]]) -> dict[str, Any] | None:
        """What this process's sockets show now; returns the message that others are owed, None for none."""
        now = {id_: tuple(sorted(names)[:MOST_NAMES]) for id_, names in looks.items()}
        again = bool(now) and self._clock() - self._told_at >= TOLD_AGAIN_SECONDS
        news: Looks = dict(now) if again else {id_: n for id_, n in now.items() if self._mine.get(id_) != n}
        news |= {id_: () for id_ in self._mine if id_ not in now}
        self._mine = now
        if not news:
            return None
        if again:
            self._told_at = self._clock()
        asks, self._wanted = self._wanted, False
        return {"type": KIND, "process": self._process, "looks": news, "asks": asks}

    def hear(self, message: Mapping[str, Any]) -> None:
        """What another process told. One that asks is told again soon what is known here."""
        if message["process"] == self._process:
            return
        until = self._clock() + KEPT_SECONDS
        for id_, names in message["looks"].items():
            self._others.setdefault(id_, {})[message["process"]] = (tuple(names), until)
        if message["asks"]:
            self._told_at = self._clock() - TOLD_AGAIN_SECONDS
        self._forget()

    def of(self, request_id: str) -> tuple[str, ...]:
        """Everybody who looks at it, by name."""
        now, found = self._clock(), set(self._mine.get(request_id, ()))
        for names, until in self._others.get(request_id, {}).values():
            found.update(names if until > now else ())
        return tuple(sorted(found))

    def _forget(self) -> None:
        now = self._clock()
        for id_, processes in list(self._others.items()):
            kept = {name: said for name, said in processes.items() if said[1] > now and said[0]}
            if kept:
                self._others[id_] = kept
            else:
                del self._others[id_]
