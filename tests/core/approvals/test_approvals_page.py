"""The examples of docs/agents/approvals.md run as printed, and the one that survives a restart does."""

import re
from pathlib import Path

import pytest

from core import ApprovalGate
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs/agents/approvals.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def run(url, settings):
    """Runs an example as it is printed, on the Redis of this test: what it defined."""
    settings.REDIS_URL = url

    def example(number: int) -> dict:
        program: dict = {}
        exec(compile(EXAMPLES[number], "approvals.md", "exec"), program)
        return program

    return example


def test_the_first_example_prints_what_the_page_says(run, capsys):
    run(0)
    assert capsys.readouterr().out.strip() == re.search(r"it prints:\n\n```\n(.*?)\n```", TEXT)[1]


def test_the_example_that_survives_a_restart_finds_its_request_and_its_answer(run, url, background):
    program = run(1)
    gate = ApprovalGate(url, "release-bot")
    before = gate.open_request("release", {"version": "7"}, timeout=3600, key="release 7")  # then it crashed
    gate.respond_to_approval(before.request_id, True, "ann")
    assert program["release"]("7") == "release 7: approved"
    assert program["release"]("7") == "release 7: approved"  # it crashed once more before it acted
    waiting = background(program["release"], "8")
    request = wait_until(lambda: gate.find_requests("release 8"), "it asks")[0]
    gate.respond_to_approval(request.request_id, True, "ann")
    assert waiting.result(60) == "release 8: approved"


@pytest.mark.anywhere
def test_the_page_names_every_method_of_an_asker_and_stands_first_in_the_readme():
    methods = ("request_approval", "open_request", "wait_for_decision", "find_requests", "get_request")
    for name in (*methods, "cancel_request", "key", "claim"):
        assert f"`{name}" in TEXT, name
    pages = re.findall(
        r"\]\(docs/agents/(\w+)\.md\)", (ROOT / "README.md").read_text().partition("## Read next")[2]
    )
    assert pages[0] == "approvals"
