"""Names of people and agents that are taken for each other: one key for all that look alike."""

from functools import lru_cache

from core.values import skeleton as looks

# A capital i and a small L: one in Unicode's table before letters are folded.
_SAME_STROKE = str.maketrans({"i": "l"})


@lru_cache(maxsize=10_000)
def skeleton(name: str) -> str:
    """What names that look alike have in common; never shown, only compared, and then also its beginning."""
    return looks.skeleton(name).translate(_SAME_STROKE)


def look_alike(one: str, other: str) -> bool:
    """Whether people could take one name for the other."""
    return skeleton(one) == skeleton(other) or looks.looks_like(one, other)


def begins_alike(name: str, beginning: str) -> bool:
    """Whether people could take how `name` begins for `beginning`; an m looks like rn, and does not begin like r."""
    wanted = skeleton(beginning)
    if not skeleton(name).startswith(wanted):
        return False
    return any(skeleton(name[:end]) == wanted for end in range(1, len(name) + 1))
