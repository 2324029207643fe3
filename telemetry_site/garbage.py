"""Python's collector in a web process, which looks for garbage where there may be some.

Each agent that waits is a hundred objects of which none is garbage. With Python's own thresholds all of them, and all
that was ever imported, were gone through again and again: with 5,000 waiting for half a second each time, in which
nobody was answered.
"""

import gc

# New objects that make the young ones looked at; so many times that makes those that stayed once; so many of these
# that make everything. Millions come and go before that, so a cycle that lives long is found, and nobody waits for it.
THRESHOLDS = (2_000, 5, 400)


def settle() -> None:
    """What is there now stays for ever: it is never gone through again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
