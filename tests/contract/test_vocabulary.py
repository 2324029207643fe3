"""Each status, outcome, channel and event of a request is spelled in one file, for Python, scripts and tables."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from core.api.aap import requests
from core.models import ApprovalRecord
from core.store import keys
from core.store.script import SCRIPTS
from core.values import approvals
from dashboard import words
from tests.contract.test_imports import CODE, name_of, within

ROOT = Path(__file__).resolve().parents[2]
LUA = {
    str(path.relative_to(ROOT)): path.read_text() for path in sorted((ROOT / "core/store/lua").rglob("*.lua"))
}
HOME = "core.values.approvals"
WORDS = {value for name, value in vars(approvals).items() if name.isupper() and isinstance(value, str)}
# These mean something else elsewhere: they are looked for only where requests are spoken of.
COMMON = {
    "timeout",
    "cancelled",
    "expired",
    "unknown",
    "changed",
    "accepted",
    "open",
    "direct",
    "site",
    "rule",
    "system",
}
ABOUT_REQUESTS = (
    "core.approval_gates",
    "core.approvals",
    "core.store.approvals",
    "core.models.approvals",
    "core.history.approvals",
    "dashboard.approvals",
)
FIELD, ARGUMENT = "approved", "timeout"  # also the names of a field and of an argument
NO_STATUS = {  # the same text, meant otherwise
    ("core.store.keys", "pending"): "a part of a key",
}


def spelled_in_python(code: Mapping[str, str]) -> list[str]:
    """Places where a word stands as text in code. What a person reads, the keys of words on a page, is no code."""
    found = []
    for module, text in code.items():
        wanted = WORDS if within(name_of(module), *ABOUT_REQUESTS) else WORDS - COMMON
        if name_of(module) == HOME or within(module, "core.migrations"):
            continue
        if any(word in text for word in wanted):  # else there is nothing to look at closely
            places = ((line, word) for line, word in _texts(module, text) if word in wanted)
            found += [f"{module}:{line} {word!r}" for line, word in places if (module, word) not in NO_STATUS]
    return found


def _texts(module: str, text: str) -> Iterator[tuple[int, str]]:
    tree = ast.parse(text)
    key_parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.Dict) for part in node.keys}
    named = {id(part) for node in ast.walk(tree) for part in _names(node)}
    shown = {id(part) for node in ast.walk(tree) for part in _shown(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, (str, bytes)):
            continue
        word = node.value if isinstance(node.value, str) else node.value.decode(errors="replace")
        if (word == FIELD and id(node) in key_parts) or (word in (FIELD, ARGUMENT) and id(node) in named):
            continue
        if not (id(node) in shown and module.startswith("dashboard")):
            yield node.lineno, word


def _names(node: ast.AST) -> list[ast.expr]:
    """Where a text may name a field or an argument: in a list of names, or passed on."""
    if isinstance(node, (ast.List, ast.Tuple)):
        return list(node.elts)
    return list(node.args) if isinstance(node, ast.Call) else []


def _shown(node: ast.AST) -> list[ast.expr | None]:
    """Where pages choose words for a reader: by a key, or within a sentence."""
    if isinstance(node, ast.Dict):
        return list(node.keys)
    if isinstance(node, ast.JoinedStr):
        return [part for part in ast.walk(node) if isinstance(part, ast.expr)]
    return []


def spelled_in_lua(scripts: Mapping[str, str]) -> list[str]:
    """Places where a word stands as text in a script; as the name of a field `approved` stands among arguments."""
    found = []
    for name, text in scripts.items():
        for number, line in enumerate(text.splitlines(), 1):
            for text_ in re.finditer(r"'(\w+)'", line.partition("--")[0]):
                field = text_[1] == FIELD and line[: text_.start()].rstrip().endswith(",")
                if text_[1] in WORDS and not field:
                    found.append(f"{name}:{number} {text_[1]!r}")
    return found


def test_the_words_are_spelled_in_one_file():
    assert spelled_in_python(CODE) == []


@pytest.mark.parametrize(("module", "word"), NO_STATUS)
def test_every_exception_is_still_needed(module, word):
    assert word in [text for _, text in _texts(module, CODE[module])]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("core.history.health", 'waits = lambda row: row.status == "pending"'),
        ("core.history.approvals.repair", 'ENDS = {"timeout": 1}'),
        ("core.history.approvals.ends", 'yes = lambda row: row.status == "approved"'),
        ("core.approvals.waiting", 'late = lambda state: state == b"unknown"'),
        ("dashboard.approvals.page", 'given = lambda answer: answer.outcome == "accepted"'),
        ("dashboard.live.state", 'rows = lambda query: query.filter(status="rejected")'),
    ],
)
def test_a_word_that_is_spelled_in_a_second_place_is_found(module, line):
    assert len(spelled_in_python({module: f"{CODE[module]}\n{line}\n"})) == 1


def test_no_script_spells_a_word():
    assert spelled_in_lua(LUA) == []


@pytest.mark.parametrize(
    "line",
    ["if request[1] == 'approved' then return 0 end", "redis.call('HSET', KEYS[1], 'status', 'timeout')"],
)
def test_a_word_that_a_script_spells_is_found(line):
    name = "core/store/lua/approvals/expire.lua"
    assert len(spelled_in_lua({**LUA, name: f"{LUA[name]}\n{line}\n"})) == 1


def test_every_word_in_a_script_is_one_that_is_known():
    """A name that neither the keys nor the words have stops the loading, so what is loaded has none left."""
    assert [name for name, script in SCRIPTS.items() if re.search(r"@\w+@", script.text)] == []


def test_a_name_in_a_script_means_one_thing():
    assert {name for name in vars(approvals) if name.isupper()} & {
        name for name in vars(keys) if name.isupper()
    } == set()


def test_every_end_has_its_event_and_its_outcome():
    assert set(approvals.EVENT_OF_END) == set(approvals.OUTCOME_OF_END) == set(approvals.ENDS)
    assert set(approvals.EVENT_OF_END.values()) | {approvals.APPROVAL_REQUESTED} == set(approvals.EVENTS)


def test_each_status_has_a_word_for_people_and_a_place_in_the_tables():
    assert set(words.STATUSES) == set(ApprovalRecord.Status.values) == set(approvals.STATUSES)
    for of_end in (approvals.RESPONSE_OF_END, approvals.OUTCOME_OF_END, approvals.EVENT_OF_END):
        assert set(of_end) == set(approvals.ENDS)


def test_each_status_is_said_by_the_open_protocol_the_documents_and_the_style_of_pages():
    assert set(requests.STATUSES) == set(approvals.STATUSES)
    keys_, style = (
        (ROOT / path).read_text() for path in ("docs/reference/redis.md", "static/dashboard/app.css")
    )
    assert [status for status in approvals.STATUSES if status not in keys_] == []
    assert [end for end in approvals.ENDS if f".outcome.{end} " not in style] == []


def test_a_late_decision_hears_what_the_end_means():
    script = SCRIPTS["approvals/decide"].text
    for end, outcome in approvals.OUTCOME_OF_END.items():
        said = re.search(rf"'{end}' then return answer\('(\w+)'\)", script)
        assert (said[1] if said else approvals.ALREADY_DECIDED) == outcome, end
