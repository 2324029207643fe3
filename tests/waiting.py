"""One way to wait in tests: for a condition, with a deadline and a name."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


PATIENCE = 60.0  # a limit costs nothing where all is well, and a busy machine may be many times slower


def wait_until(predicate: Callable[[], Result], description: str, seconds: float = PATIENCE) -> Result:
    """Poll until `predicate` is true and return what it returned; fail saying what was awaited."""
    end = time.monotonic() + seconds
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not true: {description}")
        time.sleep(0.005)
