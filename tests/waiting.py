"""One way to wait in tests: for a condition, with a deadline and a name."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def wait_until(predicate: Callable[[], Result], description: str, seconds: float = 30.0) -> Result:
    """Poll until `predicate` is true and return what it returned; fail saying what was awaited."""
    end = time.monotonic() + seconds
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not true: {description}")
        time.sleep(0.005)
