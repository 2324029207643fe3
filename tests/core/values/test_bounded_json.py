"""The quick look at JSON from outside never lets through what the thorough one refuses."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.values.json import (
    MAX_DEPTH,
    _check,
    _read_by_python,
    _surely_fine,
    encode_json_object,
    loads_strictly,
    once,
)

LIMIT = 1_000
KEYS = (
    st.text(st.characters(codec="ascii"), max_size=3) | st.text(st.characters(), max_size=2) | st.integers()
)
ASCII = st.text(st.characters(codec="ascii"), max_size=5)
SOUND = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ASCII
UNSOUND = st.floats() | st.text(st.characters(), max_size=3) | st.binary(max_size=2)
VALUES = st.recursive(
    SOUND | SOUND | UNSOUND,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(ASCII, inner, max_size=3) | st.dictionaries(KEYS, inner)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("examples", [100, pytest.param(500, marks=pytest.mark.long)])
def test_what_is_surely_fine_passes_the_thorough_check(examples):
    @settings(max_examples=examples)
    @given(st.dictionaries(ASCII, SOUND, max_size=4) | st.dictionaries(KEYS, VALUES, max_size=3))
    def look(value) -> None:
        if _surely_fine(value, LIMIT):
            _check(value, "value", LIMIT)

    look()


def test_the_usual_is_surely_fine():
    assert _surely_fine({"a": [1, 2.5, None, True, {"b": "text"}], "c": {}}, LIMIT)


def test_too_deep_too_large_or_repeating_itself_is_left_to_the_thorough_check():
    root: dict = {}
    inner = root
    for _ in range(MAX_DEPTH - 1):
        inner["a"] = inner = {}
    assert _surely_fine(root, LIMIT)
    inner["a"] = {}
    assert not _surely_fine(root, LIMIT)
    assert not _surely_fine({"a": "x" * (LIMIT + 1)}, LIMIT)
    assert not _surely_fine({"a": [["x"] * 50_000] * 100_000}, LIMIT)


@pytest.mark.parametrize("text", ["a", "é"], ids=["quick look", "thorough look"])
def test_an_int_that_has_no_text_is_refused_by_its_place_and_the_largest_that_has_one_is_kept(text):
    largest = 10**4300 - 1
    assert encode_json_object({"a": largest}, "payload", 5_000) == b'{"a":' + b"9" * 4300 + b"}"
    with pytest.raises(ValueError, match=r"^payload\.a\[1\] is an int of thousands of digits"):
        encode_json_object({"text": text, "a": [1, -(10**5000)]}, "payload", 5_000)


ODD_TEXTS = [
    "1e999",
    "NaN",
    "-Infinity",
    "1" * 5_000,
    '"\\ud800"',
    '"\x01"',
    "[1,]",
    "01",
    " 1 ",
    '{"a":1,"a":2}',
    "",
]
NUMBERS = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
WRITTEN = st.recursive(
    NUMBERS | st.text().map(json.dumps) | st.sampled_from(ODD_TEXTS),
    lambda parts: (
        st.lists(parts, max_size=3).map(lambda said: f"[{','.join(said)}]")
        | st.dictionaries(st.text().map(json.dumps), parts, max_size=3).map(
            lambda said: "{" + ",".join(f"{name}:{part}" for name, part in said.items()) + "}"
        )
    ),
    max_leaves=6,
)


def read_by(reader, text):
    try:
        return repr(reader(text))
    except (ValueError, RecursionError):
        return "refused"


@given(st.one_of(WRITTEN, st.text()).map(str.encode) | st.binary())
def test_the_quick_reader_takes_nothing_that_python_reads_otherwise(text):
    assert read_by(loads_strictly, text) == read_by(_read_by_python, text)


class Counted(str):
    """A name that counts how often it is compared."""

    compared = 0

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


def test_a_key_that_comes_twice_is_found_without_comparing_all_with_all():
    pairs = [(Counted(f"key {number}"), 1) for number in range(2_000)]
    with pytest.raises(ValueError, match="'key 1999' comes twice"):
        once([*pairs, (Counted("key 1999"), 2)])
    assert Counted.compared < 5 * len(pairs)
