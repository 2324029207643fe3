"""Names that people take for each other: Unicode's skeletons (UTS 39), wider by what nobody sees or looks at."""

import unicodedata
from functools import cache, lru_cache

from core.values.text import is_unsafe

_MARK = "\N{LEFT-TO-RIGHT MARK}"  # the package has it around letters that are written from right to left
_SAME_STROKE = str.maketrans(
    {"i": "l"}
)  # a capital i and a small L are one in Unicode's table, before folding


@cache
def _prototypes() -> dict[str, str]:
    """What each character looks like, from Unicode's table of confusables. Read at the first use: it is large.

    The package lists each pair both ways. A character that looks like several letters has those; one that only
    looks like another has that; of two that only look like each other, the lower one stands for both.
    """
    from confusable_homoglyphs.confusables import confusables_data

    found = {}
    for character, alike in confusables_data.items():
        if len(character) > 1:
            continue
        targets = [pair["c"].strip(_MARK) for pair in alike]
        longer = [target for target in targets if len(target) > 1]
        if longer:
            found[character] = min(longer)
        elif len(targets) == 1:
            back = confusables_data.get(targets[0], [])
            found[character] = min(character, targets[0]) if len(back) == 1 else targets[0]
    return found


@lru_cache(maxsize=10_000)
def skeleton(name: str) -> str:
    """What two names that look alike have in common: NFKC, folded, each character as what it looks like.

    Without spaces at the ends, runs of them as one, and without what draws nothing. Never shown: only compared.
    """
    seen = "".join(c for c in unicodedata.normalize("NFKC", name) if c.isspace() or not is_unsafe(c))
    text = _looks(_looks(" ".join(seen.split())).casefold())
    return unicodedata.normalize("NFKC", text.casefold()).translate(_SAME_STROKE)


def _looks(text: str) -> str:
    prototypes = _prototypes()
    decomposed = unicodedata.normalize("NFD", text)
    return unicodedata.normalize(
        "NFD", "".join(prototypes.get(character, character) for character in decomposed)
    )


def alike(one: str, other: str) -> bool:
    """Whether people could take one name for the other."""
    return skeleton(one) == skeleton(other)
