"""README and docs: every path and every command that they name exists."""

import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = {
    path: path.read_text()
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if path.exists()
}
ROOMS = ["core", "dashboard", "telemetry_site", "templates", "static", "tests", "docs", ".ci"]
PATH = re.compile(rf"(?<![\w/.-])(?:{'|'.join(map(re.escape, ROOMS))})/[\w./-]*[\w/]")
TEST_NAME = re.compile(r"\btest_[a-z0-9_]{12,}\b(?!\.py)")

pytestmark = pytest.mark.skipif(not DOCUMENTS, reason="no document is written yet")


def names_of_tests() -> frozenset[str]:
    found = (re.findall(r"def (test_\w+)", file.read_text()) for file in (ROOT / "tests").rglob("test_*.py"))
    return frozenset(name for names in found for name in names)


def test_every_path_that_a_document_names_exists():
    named = {(path.name, name) for path, text in DOCUMENTS.items() for name in PATH.findall(text)}
    assert sorted((path, name) for path, name in named if not (ROOT / name).exists()) == []


def anchors(text: str) -> set[str]:
    """What a link may name behind `#`: the headings, as GitHub spells them."""
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads}


def test_every_link_in_a_document_leads_somewhere():
    links = [(path, to) for path, text in DOCUMENTS.items() for to in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [(path, *to.partition("#")[::2]) for path, to in links if "://" not in to and "mailto:" not in to]
    assert len(local) > 20
    targets = [(path, (path.parent / to).resolve() if to else path, anchor) for path, to, anchor in local]
    assert [(path.name, str(to)) for path, to, _ in targets if not to.exists()] == []
    named = [(path, to, anchor) for path, to, anchor in targets if anchor]
    missing = [
        (path.name, to.name, anchor) for path, to, anchor in named if anchor not in anchors(to.read_text())
    ]
    assert missing == []


def test_every_make_target_that_a_document_names_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path, text in DOCUMENTS.items():
        code = " ".join(re.findall(r"`[^`]+`|```.*?```", text, re.DOTALL))
        for words in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", code):
            assert words.split()[0] in targets, (path.name, words)


def test_every_command_of_manage_py_that_a_document_names_exists():
    named = {
        (path.name, name)
        for path, text in DOCUMENTS.items()
        for name in re.findall(r"manage\.py ([a-z_]+)", text)
    }
    commands = set(get_commands())
    assert [(path, name) for path, name in sorted(named) if name not in commands] == []


def test_every_test_that_a_document_names_exists():
    named = {(path.name, name) for path, text in DOCUMENTS.items() for name in TEST_NAME.findall(text)}
    known = names_of_tests()
    assert [(path, name) for path, name in sorted(named) if name not in known] == []


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
