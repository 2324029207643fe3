"""Threads that wait for Redis and SQL in the place of one that must not."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeVar

from django.db import close_old_connections, connections, reset_queries

T = TypeVar("T")

Inbox = SimpleQueue[Callable[[], object]]  # what a thread is to do next


class Worker:
    """Does what it is asked in threads of its own, with one of them one after another.

    What came of it is put into the inbox of whoever asked, to be looked at there. One that is asked all the time
    keeps its connection to the database until that fails; the others give theirs back.
    """

    def __init__(self, name: str, inbox: Inbox, *, threads: int = 1, keeps_connection: bool = False) -> None:
        self._inbox = inbox
        self._keeps_connection = keeps_connection
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"follower-{name}", daemon=True) for _ in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def do(self, work: Callable[[], T], then: Callable[[Future[T]], object]) -> None:
        """Do `work` here, and let the inbox's thread call `then` with what came of it."""
        self._tasks.put(partial(self._do, work, then))

    def stop(self) -> None:
        """Begin nothing more, and wait for what has begun."""
        try:
            while True:
                self._tasks.get_nowait()
        except Empty:
            pass
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        for task in iter(self._tasks.get, None):
            task()
        connections.close_all()

    def _do(self, work: Callable[[], T], then: Callable[[Future[T]], object]) -> None:
        done: Future[T] = Future()
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)
        if done.exception() is not None or not self._keeps_connection:
            close_old_connections()
        reset_queries()  # with DEBUG, Django keeps the text of thousands
        self._inbox.put(partial(then, done))
