"""README and docs: every path and every command that they name exists."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [path for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))] if path.exists()]
ROOMS = ["core", "dashboard", "telemetry_site", "templates", "static", "tests", "docs", ".ci"]
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, ROOMS))})/[\w./-]*[\w/]")
TEST_NAME = re.compile(r"\btest_[a-z0-9_]{12,}\b(?!\.py)")

pytestmark = pytest.mark.skipif(not DOCUMENTS, reason="no document is written yet")
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@cache
def names_of_tests() -> frozenset[str]:
    found = (re.findall(r"def (test_\w+)", file.read_text()) for file in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for names in found for name in names)


@each_document
def test_every_path_that_it_names_exists(path):
    missing = sorted({name for name in PATH.findall(path.read_text()) if not (ROOT / name).exists()})
    assert missing == []


@each_document
def test_every_link_in_it_leads_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)", path.read_text())
    local = [target for target in targets if "://" not in target and not target.startswith("mailto:")]
    assert [target for target in local if not (path.parent / target).exists()] == []


@each_document
def test_every_make_target_that_it_names_exists(path):
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    code = " ".join(re.findall(r"`[^`]+`|```.*?```", path.read_text(), re.DOTALL))
    named = re.findall(r"\bmake ((?:[a-z-]+ ?)+)", code)
    for words in named:
        assert words.split()[0] in targets, words


@each_document
def test_every_command_of_manage_py_that_it_names_exists(path):
    named = set(re.findall(r"manage\.py ([a-z_]+)", path.read_text()))
    assert named <= set(get_commands())


@each_document
def test_every_test_that_it_names_exists(path):
    assert sorted(set(TEST_NAME.findall(path.read_text())) - names_of_tests()) == []


def test_the_makefile_has_the_promised_targets_and_no_logic():
    text = (ROOT / "Makefile").read_text()
    for target in ("setup", "demo", "run", "test", "test-servers", "test-long", "check", "bench"):
        assert re.search(rf"^{target}:", text, re.MULTILINE), target
    for recipe in re.findall(r"^[a-z-]+:.*\n((?:\t.*\n?)*)", text, re.MULTILINE):
        assert len(recipe.splitlines()) <= 3


def test_the_readme_names_the_two_commands_and_what_to_read_next():
    text = (ROOT / "README.md").read_text()
    for words in ("make demo", "make test", "docs/tour.md"):
        assert words in text


def test_nothing_generated_or_secret_is_in_the_repository():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    forbidden = (".sqlite3", ".pyc", "secret-key", ".env", "redis.log", "appendonly")
    assert [name for name in names.split() if name.endswith(forbidden) or name.startswith("var/")] == []
