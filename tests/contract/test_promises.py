"""Each promise of docs/running/promises.md names tests that exist, and the counts there are as the soak prints them."""

import re
from pathlib import Path

import pytest

from tests.contract.test_documents import names_of_tests
from tests.faults.report import COLUMNS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/running/promises.md").read_text()
ROWS = re.findall(r"^\| (P\d+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)

CONDITIONS = re.findall(r"^\| (H\d+) \| [^|]+ \| [^|]+ \| ([^|]+) \|$", TEXT, re.MULTILINE)


def test_the_promises_are_p1_to_p9():
    assert [name for name, _says, _tests in ROWS] == [f"P{number}" for number in range(1, 10)]


SHOWN = [(name, tests) for name, _says, tests in ROWS] + CONDITIONS


@pytest.mark.parametrize(("name", "tests"), SHOWN, ids=[name for name, _tests in SHOWN])
def test_each_promise_and_what_happens_under_each_condition_is_shown_by_tests_that_exist(name, tests):
    named = re.findall(r"`(test_\w+)`", tests)
    assert named
    assert set(named) <= names_of_tests()


def test_the_conditions_are_in_order():
    numbers = [int(name[1:]) for name, _tests in CONDITIONS]
    assert len(numbers) > 20
    assert numbers == sorted(set(numbers))


def test_the_counts_are_a_table_of_the_soak_and_tell_of_no_violation():
    heads = re.findall(r"^\| what +\| (.+) \|$", TEXT, re.MULTILINE)
    assert len(heads) == 2  # one of each database
    assert {tuple(cell.strip() for cell in head.split("|")) for head in heads} == {COLUMNS}
    counts = re.findall(
        r"^\| (?:failpoints: \w+|load, then random kills|[\d,]+ entries in \d+ s) .*\| +(\d+) \|$",
        TEXT,
        re.MULTILINE,
    )
    assert len(counts) == 18  # nine lanes of each database
    assert set(counts) == {"0"}
