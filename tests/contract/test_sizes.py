"""How large things may grow. Exceptions stand here with their size and may only shrink."""

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE, FUNCTION, TEMPLATE, SCRIPT = 500, 40, 130, 120  # lines
FOLDER = 16  # modules
# What git finds is matched from the top, and `*` stands for folders too.
LIMITS = {
    "*.py": FILE,
    "*.lua": FILE,
    "static/dashboard/*.css": FILE,
    "static/dashboard/*.js": SCRIPT,
    "templates/*.html": TEMPLATE,
}
NOT_COUNTED = ("__init__.py", "__main__.py")
HOLDS_FUNCTIONS = (ast.stmt, ast.ExceptHandler, ast.match_case)  # no expression does

EXCEPTIONS: dict[str, int] = {}

Texts = Mapping[str, str]


def texts() -> dict[str, str]:
    """The files of the repository that have a limit, and new ones that will be of it, by their path."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *LIMITS]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return {
        name: (ROOT / name).read_text()
        for name in names
        if name and (ROOT / name).exists() and "migrations" not in Path(name).parts
    }


def limit_of(name: str) -> int:
    return next(limit for pattern, limit in LIMITS.items() if Path(pattern).suffix == Path(name).suffix)


@cache
def functions(name: str, text: str) -> list[tuple[str, int, int]]:
    """Each with its lines; no file is read twice."""
    if text.count("\n") <= FUNCTION:  # none in it can be too long
        return []
    left: list[ast.AST] = [ast.parse(text)]
    found = []
    while left:
        node = left.pop()
        left += [inside for inside in ast.iter_child_nodes(node) if isinstance(inside, HOLDS_FUNCTIONS)]
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            found.append((f"{name}:{node.name}", node.end_lineno - node.lineno + 1, FUNCTION))
    return found


def sizes(found: Texts) -> Iterator[tuple[str, int, int]]:
    """What has a size, the size, and the limit."""
    modules = [name for name in found if name.endswith(".py")]
    for name, text in found.items():
        yield name, len(text.splitlines()), limit_of(name)
    for name in modules:
        yield from functions(name, found[name])
    counted = Counter(str(Path(name).parent) for name in modules if Path(name).name not in NOT_COUNTED)
    for folder, count in counted.items():
        yield f"{folder}/", count, FOLDER


def too_large(found: Texts) -> dict[str, int]:
    """What is larger than its limit, with its size."""
    return {name: size for name, size, limit in sizes(found) if size > limit}


def test_nothing_is_larger_than_its_limit_but_by_a_known_exception_of_just_this_size():
    found = texts()
    assert len(list(sizes(found))) > 300
    assert too_large(found) == EXCEPTIONS, (
        "make it smaller; or an exception shrank or is gone: write its new size"
    )


def a_function(lines: int) -> str:
    return "def long():\n" + "    pass\n" * (lines - 1)


@pytest.mark.parametrize(
    ("planted", "offence"),
    [
        ({"core/planted.py": "\n" * (FILE + 1)}, {"core/planted.py": FILE + 1}),
        ({"core/store/lua/planted.lua": "\n" * (FILE + 1)}, {"core/store/lua/planted.lua": FILE + 1}),
        ({"static/dashboard/planted.css": "\n" * (FILE + 1)}, {"static/dashboard/planted.css": FILE + 1}),
        ({"static/dashboard/planted.js": "\n" * (SCRIPT + 1)}, {"static/dashboard/planted.js": SCRIPT + 1}),
        ({"templates/a/b/planted.html": "\n" * (TEMPLATE + 1)}, {"templates/a/b/planted.html": TEMPLATE + 1}),
        ({"core/planted.py": a_function(FUNCTION + 1)}, {"core/planted.py:long": FUNCTION + 1}),
        ({f"tests/planted/test_{n}.py": "" for n in range(FOLDER + 1)}, {"tests/planted/": FOLDER + 1}),
    ],
    ids=["file", "Lua", "styles", "script", "template", "function", "folder"],
)
def test_what_grows_by_one_over_its_limit_is_found(planted, offence):
    assert too_large(planted) == offence


def test_what_just_fits_is_no_offence():
    fitting = {f"core/planted/module_{number}.py": a_function(FUNCTION) for number in range(FOLDER)}
    assert too_large({**fitting, "core/planted/__init__.py": "\n" * FILE}) == {}
