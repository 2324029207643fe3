"""The lines of the page Connect: short, with the address and the token that were made, and of names that exist."""

import ast
import importlib.util
from pathlib import Path

import pytest

from dashboard.connect.snippets import SNIPPETS

OURS = "agent_telemetry"
PYTHON = [one for one in SNIPPETS if f"from {OURS}" in one.text]


@pytest.mark.django_db
def test_a_new_token_is_shown_with_lines_for_every_framework(client, make_user):
    client.force_login(make_user("otto", "administrator"))
    form = {"agent": "pod-", "is_prefix": "1", "scopes": ["ask"], "days": "30", "asks": "*"}
    page = client.post("/connect/", form).content.decode()
    for line in ("TELEMETRY_URL=http://testserver\n", "TELEMETRY_TOKEN=agt_", "TELEMETRY_AGENT=1"):
        assert f"export {line}" in page
    for one in SNIPPETS:
        assert f"<summary>{one.name}</summary>" in page


@pytest.mark.parametrize("snippet", PYTHON, ids=lambda one: one.name)
def test_lines_of_python_are_python_and_import_what_there_is(snippet):
    tree = compile(snippet.text, snippet.name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    [imported] = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    file = importlib.util.find_spec(imported.module.replace(OURS, "core", 1)).origin
    assert file is not None
    for alias in imported.names:
        assert alias.name in Path(file).read_text()


def test_no_snippet_is_longer_than_ten_lines():
    assert max(len(one.text.splitlines()) for one in SNIPPETS) <= 10
