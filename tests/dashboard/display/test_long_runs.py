"""A browser sets letters with marks, or from right to left, in the square of their run: so no run of a text is long."""

import json

import pytest

from dashboard.display.context import whole_tree
from dashboard.display.text import marked, one_piece
from tests.dashboard.display.markup import parse

pytestmark = pytest.mark.anywhere

LONGEST = 1_000
TEXTS = ["a" + "\u0301" * 9_000, "\u05d0 " * 5_000, "\u0628" * 9_000, "\u05d0\n" * 4_500, "a\u202e" * 3_000]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
@pytest.mark.parametrize("show", [marked, one_piece, lambda text: whole_tree(json.dumps({text: [text]}))])
def test_a_long_text_is_many_runs_and_says_the_same(show, text):
    html = parse(f"<div>{show(text)}</div>")
    runs = [element.text for element in html.elements if element.tag == "bdi"]
    assert "".join(runs).replace("⟦U+202E⟧", "\u202e").startswith(text)
    assert max(len(run.replace("⟦U+202E⟧", "\u202e")) for run in runs) <= LONGEST
    assert all(e.attributes["dir"] == "ltr" for e in html.elements if e.tag == "bdi")


def test_what_is_short_or_ascii_is_one_run():
    for text in ("\u05d0 " * 500, "a" * 9_000):
        assert "<bdi" not in marked(text)
