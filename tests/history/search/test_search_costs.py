"""What a text takes to be read into words grows as the text does, whatever an agent wrote."""

import json
import tracemalloc
import unicodedata

import pytest

from core.history.search import words
from core.history.search.words import folded, lines_of, words_in, words_of

pytestmark = pytest.mark.anywhere


def memory_of(work) -> int:
    """The most bytes that stood at once meanwhile."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def below_a_long_name(size: int) -> str:
    return json.dumps({"k.k_" * size: list(range(size))})


@pytest.mark.parametrize("read", [words_in, lambda text: list(lines_of(text))], ids=["words", "lines"])
def test_a_long_name_is_not_said_again_for_each_value_below_it(read):
    read(below_a_long_name(10))  # what is read once
    once, twice = (memory_of(lambda size=size: read(below_a_long_name(size))) for size in (500, 1_000))
    assert twice < 3 * once


def test_a_long_run_is_joined_a_few_parts_at_a_time(monkeypatch):
    joined, sizes = words._joined, []
    monkeypatch.setattr(words, "_joined", lambda pieces: sizes.append(len(pieces)) or joined(pieces))
    for count in (1_000, 2_000):
        sizes.clear()
        words_of("a." * count)
        assert sum(sizes) <= words.WINDOW * count


def test_accents_are_put_in_order_a_few_at_a_time(monkeypatch):
    normalize, longest = unicodedata.normalize, []
    monkeypatch.setattr(unicodedata, "normalize", lambda *of: longest.append(len(of[1])) or normalize(*of))
    assert folded("a" + "\u0301\u0316" * 50_000) == "a"
    assert folded("Mu\u0308ller " * 100) == "muller " * 100
    assert max(longest) <= 2 * words.FOLDED_AT_ONCE


def test_a_value_is_found_by_the_names_that_lead_to_it_however_deep():
    deep = {"amount": 7}
    for number in reversed(range(20)):
        deep = {f"n{number}": deep}
    found = words_in(json.dumps({**deep, "long " + "name" * 100: {"inner part": 1}}))
    for typed in ("n0", "n3.n4.n5", "n18.n19.amount", "amount", "7", "inner", "part"):
        assert all(any(word.startswith(term.word) for word in found) for term in words.terms_of(typed)), typed
