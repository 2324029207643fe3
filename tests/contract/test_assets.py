"""Files of others in this repository, and what templates and scripts of ours may hold."""

import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

from dashboard.health.checks import check_collected

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


@cache
def tags_of(path: Path) -> list[tuple[str, dict[str, str]]]:
    # Template tags go; what they print is text or a value.
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", "x", path.read_text(), flags=re.DOTALL)
    tags = Tags()
    tags.feed(text)
    return tags.found


def test_a_template_holds_no_code_and_no_address_of_another_host():
    for path in TEMPLATES:
        text = path.read_text()
        assert [word for word in ("@import", "://", "|safe", "autoescape") if word in text] == [], path.name
        for tag, attributes in tags_of(path):
            assert tag not in ("style", "iframe", "object", "embed", "base"), path.name
            assert tag != "script" or attributes.get("src"), f"a script without a file in {path.name}"
            for name, value in attributes.items():
                assert not name.startswith(("on", "hx-on")), (path.name, name)
                assert name != "style", path.name
                address = value.lstrip().lower()
                assert not address.startswith(("js:", "javascript:", "//")), (path.name, value)


def test_htmx_attributes_evaluate_nothing():
    found = [
        (path.name, name, value)
        for path in TEMPLATES
        for _tag, all_ in tags_of(path)
        for name, value in all_.items()
    ]
    of_htmx = [one for one in found if one[1].startswith("hx-")]
    assert of_htmx
    for path, name, value in of_htmx:
        assert "js:" not in value, path
        assert "javascript" not in value, path
        assert not (name == "hx-trigger" and "[" in value), path


def test_only_the_visible_text_is_marked_safe():
    marks = ("mark_safe", "|safe", "SafeString(")
    marking = {path for path in OWN_CODE if any(mark in path.read_text() for mark in marks)}
    assert marking == {ROOT / "dashboard/display/text.py"}


def test_our_own_assets_evaluate_nothing_and_load_nothing_from_elsewhere():
    writing = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function")
    for path in sorted((ROOT / "static/dashboard").iterdir()):
        text = path.read_text()
        assert [word for word in (*writing, "@import") if word in text] == [], path.name
        addresses = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), path.name


@pytest.mark.long
def test_files_that_are_not_collected_are_named_with_the_way_out(settings, tmp_path):
    manifest = {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    settings.STATIC_ROOT, settings.STORAGES = str(tmp_path), {**settings.STORAGES, "staticfiles": manifest}
    (found,) = check_collected()
    assert "collectstatic" in found.hint
    call_command("collectstatic", interactive=False, verbosity=0)
    assert check_collected() == []


LOADED = re.compile(r"<script src=\"\{% static '(dashboard/[^']+)' %\}")
EXTENDS = re.compile(r'\{% extends "([^"]+)" %\}')
TOP_LEVEL = re.compile(
    r"^(?:(?:const|let|var|class|(?:async )?function\*?) (\w+)|(?:const|let|var) [\[{](.*?)[\]}] =)", re.M
)


def scripts_of(template: Path) -> list[str]:
    """Every script of ours that a page of this template loads: its own, and those of what it extends."""
    text = template.read_text()
    parents = [ROOT / "templates" / name for name in EXTENDS.findall(text)]
    own = [
        script
        for parent in parents
        if parent.exists() and parent != template
        for script in scripts_of(parent)
    ]
    return own + [script for script in LOADED.findall(text) if script not in own]


def top_level_names(script: str) -> list[str]:
    text = (ROOT / "static" / script).read_text()
    return [
        name
        for one, several in TOP_LEVEL.findall(text)
        for name in re.findall(r"\w+(?=\s*(?:,|$))", one or several)
    ]


def test_scripts_of_one_page_share_no_name():
    """They share one scope: a second `let` of a name stops its whole script, and says so in the console alone."""
    live = scripts_of(ROOT / "templates" / "dashboard" / "live" / "live.html")
    assert {"dashboard/app.js", "dashboard/inbox.js"} <= set(live)
    assert {"coming", "isOver"} <= set(top_level_names("dashboard/pane.js"))
    for template in TEMPLATES:
        owner: dict[str, str] = {}
        for script in scripts_of(template):
            for name in top_level_names(script):
                assert name not in owner, f"{name}: in {owner[name]} and {script}, of {template.name}"
                owner[name] = script


@pytest.mark.parametrize(
    "sheet", ["account", "agents", "connect", "detail", "inbox", "record", "rules", "usage"]
)
def test_the_style_of_a_page_leaves_the_alarm_alone_that_stands_on_every_page(sheet):
    text = (ROOT / "static" / "dashboard" / f"{sheet}.css").read_text()
    assert re.findall(r"^\s*(?:details|summary)[\s{:>,].*", text, re.MULTILINE) == []
