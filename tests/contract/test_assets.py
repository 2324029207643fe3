"""Files of others in this repository, and what templates and scripts of ours may hold."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parents[2]
VENDOR = ROOT / "static" / "vendor"
ENTRIES = json.loads((VENDOR / "vendor.json").read_text())
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
OWN_CODE = [
    path for name in ("core", "dashboard", "telemetry_site") for path in sorted((ROOT / name).rglob("*.py"))
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_a_vendored_file_is_the_one_that_was_looked_at(entry):
    content = (VENDOR / entry["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == entry["sha256"]
    assert (VENDOR / entry["licence_file"]).exists()
    assert entry["licence"]
    if entry["file"].endswith(".js"):
        assert f"-{entry['version']}." in entry["file"]


def test_htmx_says_its_version_itself():
    [entry] = [
        entry for entry in ENTRIES if entry["file"].startswith("htmx-") and entry["file"].endswith(".js")
    ]
    assert f'"{entry["version"]}"' in (VENDOR / entry["file"]).read_text()


def test_every_file_in_the_folder_is_listed_once():
    files = sorted(path.name for path in VENDOR.iterdir() if path.name != "vendor.json")
    assert sorted(entry["file"] for entry in ENTRIES) == files


def test_every_vendored_file_that_templates_name_is_there():
    named = set(re.findall(r"static '([^']+)'", "".join(path.read_text() for path in TEMPLATES)))
    assert named
    for name in named:
        assert finders.find(name), name


class Tags(HTMLParser):
    """Collects what a template's markup holds."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


def tags_of(path: Path) -> list[tuple[str, dict[str, str]]]:
    # Template tags go; what they print is text or a value.
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "x", path.read_text(), flags=re.DOTALL)
    tags = Tags()
    tags.feed(text)
    return tags.found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_no_code_and_no_address_of_another_host(path):
    text = path.read_text()
    assert "://" not in text
    assert "|safe" not in text
    assert "autoescape" not in text
    for tag, attributes in tags_of(path):
        assert tag not in ("style", "iframe", "object", "embed", "base")
        assert tag != "script" or attributes.get("src"), "a script without a file"
        for name, value in attributes.items():
            assert not name.startswith("on"), name
            assert name != "style"
            assert not name.startswith("hx-on"), name
            assert not value.lstrip().lower().startswith(("js:", "javascript:", "//")), value


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_htmx_attributes_evaluate_nothing(path):
    for _tag, attributes in tags_of(path):
        for name, value in attributes.items():
            if name.startswith("hx-"):
                assert "js:" not in value
                assert "javascript" not in value
                assert not (name == "hx-trigger" and "[" in value)


@pytest.mark.parametrize("path", OWN_CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_visible_text_is_marked_safe(path):
    text = path.read_text()
    if path.relative_to(ROOT) != Path("dashboard/display/text.py"):
        assert "mark_safe" not in text
        assert "|safe" not in text
        assert "SafeString(" not in text


@pytest.mark.parametrize("path", sorted((ROOT / "static/dashboard").iterdir()), ids=lambda path: path.name)
def test_our_own_assets_evaluate_nothing_and_load_nothing_from_elsewhere(path):
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
        assert word not in text
    addresses = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
    assert addresses == set()
    assert "@import" not in text
