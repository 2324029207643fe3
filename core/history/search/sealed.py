"""Words of sealed contexts as the index keeps them: digests made with the key that seals, which say nothing without it.

A digest is of a whole word, of how it begins, or of the parts of a run from one of them on; so a beginning that is
longer than four characters is looked for by its first four, or by its whole parts.
"""

import hashlib
from collections.abc import Iterable, Iterator

from core.history.search.words import BEGINNING, END, MARK, SearchTerm, beginnings_of
from core.models.sealed import Key, keys

DIGEST_BYTES = 8
_SEALED = f"{MARK}{MARK}sealed"


def sealed_words(words: set[str]) -> set[str]:
    """These words for the index; none where the site has no key, and they stand as they are."""
    if not keys():
        return set()
    every = words | beginnings_of(words) | set(_runs(words))
    return {_digest(keys()[0], word) for word in every}


def any_of(term: SearchTerm) -> list[SearchTerm]:
    """A term, and what stands for it where the context is sealed, by each key of the site."""
    if term.word.startswith(MARK * 2):
        return [term]
    return [term, *(SearchTerm(_digest(key, _whole(term.marked))) for key in keys())]


def _runs(words: Iterable[str]) -> Iterator[str]:
    """The parts of runs from each one on, with as many as there are of those that follow."""
    for word in words:
        ends = [place + 1 for place, character in enumerate(word) if character == END]
        yield from (word[:end] for end in ends)


def _whole(term: SearchTerm) -> str:
    """What of it the index has a digest of."""
    if not term.prefix:
        return term.word
    parts = term.word.rfind(END) + 1
    return term.word[:parts] if parts else f"{MARK}{term.word[:BEGINNING]}"


def _digest(key: Key, word: str) -> str:
    said = word.encode(errors="surrogatepass")
    return _SEALED + hashlib.blake2b(said, key=key.of_words, digest_size=DIGEST_BYTES).hexdigest()
