"""How large things may grow. Exceptions stand here with their size and may only shrink."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE, FUNCTION, TEMPLATE, SCRIPT = 400, 40, 130, 120

EXCEPTIONS: dict[str, int] = {}


def tracked(pattern: str) -> list[Path]:
    """Files of the repository, and new ones that will be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [Path(name) for name in names if name and (ROOT / name).exists()]


def lines(path: Path) -> int:
    return len((ROOT / path).read_text().splitlines())


def functions(path: Path) -> dict[str, int]:
    tree = ast.parse((ROOT / path).read_text())
    return {
        f"{path}:{node.name}": node.end_lineno - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@cache
def sizes() -> list[tuple[str, int, int]]:
    """What has a size, the size, and the limit."""
    code = [path for path in tracked("*.py") if "migrations" not in path.parts]
    found = [(str(path), lines(path), FILE) for path in code]
    found += [(name, size, FUNCTION) for path in code for name, size in functions(path).items()]
    found += [(str(path), lines(path), TEMPLATE) for path in tracked("templates/*.html")]
    found += [(str(path), lines(path), SCRIPT) for path in tracked("static/dashboard/*.js")]
    found += [
        (str(path), lines(path), FILE) for path in [*tracked("*.lua"), *tracked("static/dashboard/*.css")]
    ]
    return found


def test_nothing_is_larger_than_its_limit_or_its_exception():
    assert len(sizes()) > 300
    too_large = [
        f"{name} has {size} lines, {EXCEPTIONS.get(name, limit)} are allowed"
        for name, size, limit in sizes()
        if size > EXCEPTIONS.get(name, limit)
    ]
    assert too_large == []


def test_every_exception_is_still_needed_and_as_large_as_it_says():
    now = {name: size for name, size, limit in sizes() if size > limit}
    assert now == EXCEPTIONS, "an exception shrank or is gone: write its new size, or remove it"
