"""Passwords are hashed by a few threads of their own: whoever waits for it holds up nobody but themselves."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

T = TypeVar("T")

RETRY_SECONDS = 5


class TooManyTries(Exception):
    """More people sign in at once than this process takes; nothing was compared."""


class _Pool:
    """Begins with the first password, so that a process may fork before; bounds are read at each call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._inside = 0

    def run(self, work: Callable[[], T]) -> T:
        with self._lock:
            if self._inside >= settings.TELEMETRY_HASHING_THREADS + settings.TELEMETRY_HASHING_WAITING:
                raise TooManyTries
            if self._pool is None:
                self._pool = ThreadPoolExecutor(settings.TELEMETRY_HASHING_THREADS, "hashing")
            self._inside += 1
        try:
            return self._pool.submit(work).result()
        finally:
            with self._lock:
                self._inside -= 1


_pool = _Pool()


class PooledPBKDF2(PBKDF2PasswordHasher):
    """Django's own hasher, so hashes of before stay good; computed elsewhere. Raises TooManyTries."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """The same; `verify` comes here too."""
        return _pool.run(lambda: super(PooledPBKDF2, self).encode(password, salt, iterations))
