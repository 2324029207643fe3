"""What a person reads stands in dashboard/words.py, and what a room alone says in a words.py of its own: no page has a
sentence in its code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboard import words

ROOT = Path(__file__).resolve().parents[2]
LOGGED = ("debug", "info", "warning", "error", "exception", "critical", "log")
SENTENCE = re.compile(r"(?s)(?=.* )(?=.*\b[A-Z]).*[^\s.]\.(\s|$)")


def pages() -> list[Path]:
    return sorted(path for path in (ROOT / "dashboard").rglob("*.py") if path.name != "words.py")


def said(node: ast.AST) -> str | None:
    """The text of a literal; places that are filled in stand as {}."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(said(part) or "{}" for part in node.values)
    return None


def is_for_developers(node: ast.AST) -> bool:
    """A docstring, what is raised, or a call of a log."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        of = node.func.value
        return node.func.attr in LOGGED and isinstance(of, ast.Name) and of.id == "logger"
    return isinstance(node, ast.Raise)


def sentences(node: ast.AST) -> Iterator[str]:
    """Texts with a capital, a space and a full stop."""
    if is_for_developers(node):
        return
    text = said(node)
    if text is not None:
        if SENTENCE.match(text):
            yield text
        return
    for inside in ast.iter_child_nodes(node):
        yield from sentences(inside)


def test_no_page_has_a_sentence_of_its_own():
    own = {str(path.relative_to(ROOT)): list(sentences(ast.parse(path.read_text()))) for path in pages()}
    assert {path: said for path, said in own.items() if said} == {}


@pytest.mark.parametrize(
    "planted",
    [
        'notice = "Nothing was decided."',
        'notice = f"Nothing was decided: {error}."',
        'notice = f"The queue is away. ({error})"',
        'render(request, "503.html", {"why": "Redis is away. Try again."})',
        'WORRIES = {"never": ("bad", "No recorder runs.")}',
    ],
)
def test_a_planted_sentence_is_found(planted):
    assert len(list(sentences(ast.parse(planted)))) == 1


@pytest.mark.parametrize(
    "left",
    [
        'def f():\n    """A docstring. It is for developers."""',
        'logger.warning("The queue is away. %s", error)',
        'raise ValueError("It must be a name.")',
        'name = "calls-{}.csv"',
        'headers = {"Content-Disposition": f"attachment; filename={name}.csv"}',
    ],
)
def test_what_nobody_reads_on_a_page_may_stand_anywhere(left):
    assert list(sentences(ast.parse(left))) == []


KINDS = re.compile(
    r"""(?:kind=|(?:new_fact|acted)\(\s*|Fact\([^()]*?, |about\(\s*\w+,[^,]*,\s*)"((?:[a-z_]+)\.[a-z_]+)\""""
)


def kinds_written() -> set[str]:
    """The kinds of audit entries that the code writes by name."""
    code = [path.read_text() for place in ("core", "dashboard") for path in (ROOT / place).rglob("*.py")]
    return {kind for text in code for kind in KINDS.findall(text)}


def test_every_kind_of_the_record_has_words_for_a_reader():
    assert {"record.pruned", "session.started", "decision.refused"} <= kinds_written()
    assert kinds_written() - set(words.ENTRIES) == set()
