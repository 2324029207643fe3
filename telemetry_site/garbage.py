"""Python's collector in a web process, which looks for garbage where there may be some.

Each agent that waits is a hundred objects of which none is garbage. With Python's own thresholds all of them, and all
that was ever imported, were gone through again and again: with 5,000 waiting for half a second each time, in which
nobody was answered.
"""

import gc

# New objects that make the young ones looked at; so many times that makes those that stayed once; so many of these
# that make everything, where by then a quarter more is there than the last time (a rule of Python's own).
# A request leaves some 150 objects that only know each other, and with them the bytes of its answer: after some 300
# requests, or 5 MB, they go. An agent that waits leaves none, so with 5,000 of them everything is looked at five times
# while they come, and then as rarely as without.
THRESHOLDS = (2_000, 5, 5)


def settle() -> None:
    """What is there now stays for ever: it is never gone through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
