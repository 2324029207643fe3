"""Six ways to tamper with the record, at many places, by somebody who can write to the database past us."""

import random
from functools import partial

import pytest
from django.db import connection

from core.history.audit import guards
from core.history.proof.checkpoints import checkpoint
from core.history.proof.verification import verify
from tests import chosen_servers
from tests.history.audit import attacker
from tests.history.audit.attacker import after, fill, sql

LENGTH = 60
PLACES = sorted(random.Random(20).sample(range(2, LENGTH - 1), 20))
EDITS = {
    "event_id": "another",
    "kind": "approval.approved",
    "at": "2026-03-01 00:00:59.5",
    "actor": "mallory",
    "agent_id": "another",
    "request_id": "00000000000040008000000000000000",
    "details": "{}",
    "previous_hash": "1" * 64,
    "hash": "1" * 64,
}
NO_UTF8 = "CAST(x'ff41' AS TEXT)"
# What SQLite keeps in any column: text that is none, bytes, a number, words for a time.
DAMAGE = {column: [NO_UTF8, "x'ff41'", "x'7b7d'", "5", "-1.5", "'words'", "''"] for column in EDITS}


@pytest.fixture(params=[PLACES[::6], pytest.param(PLACES, marks=pytest.mark.long)], ids=["some", "many"])
def places(request):
    """The numbers of entries that are attacked."""
    return request.param


@pytest.fixture
def record_of_sixty(db, tmp_path):
    """A whole record with a checkpoint at its end; the file of the checkpoint."""
    fill(LENGTH)
    path = tmp_path / "checkpoints.jsonl"
    checkpoint(path)
    verdict = verify(path)
    assert verdict.whole, verdict.problems
    assert (verdict.entries, verdict.notices) == (LENGTH, [])
    return path


def test_an_edit_of_any_column_anywhere_is_found_and_the_entry_named(record_of_sixty, tmp_path, places):
    for number in [1, *places, LENGTH]:
        for column, value in EDITS.items():
            verdict = after(partial(attacker.edit, number, column, value), tmp_path / "none")
            assert f"#{number} was changed" in verdict.problems[0], (number, column, verdict.problems)


@pytest.mark.skipif(chosen_servers.DATABASE != "sqlite", reason="PostgreSQL keeps columns to their types")
@pytest.mark.parametrize("numbers", [(1,), pytest.param((1, 30, LENGTH), marks=pytest.mark.long)])
def test_what_no_column_should_hold_is_found_anywhere_and_the_entry_named(record_of_sixty, tmp_path, numbers):
    for number in numbers:
        for column, values in DAMAGE.items():
            for stored in values:
                verdict = after(partial(attacker.edit_as, number, column, stored), tmp_path / "none")
                assert verdict.problems[0].startswith(f"entry #{number} "), (number, column, stored)
    for stored in (NO_UTF8, "x'00'", "'words'", "9223372036854775807"):
        verdict = after(partial(attacker.edit_as, 30, "sequence", stored), tmp_path / "none")
        assert verdict.problems[0] == "#30 is missing before entry #31", stored
        assert "after the head" in verdict.problems[1]
        verdict = after(partial(sql, f"UPDATE {attacker.HEAD} SET sequence = {stored}"), tmp_path / "none")
        assert "the head" in verdict.problems[0], stored


@pytest.mark.skipif(chosen_servers.DATABASE != "postgresql", reason="SQLite has no such times")
def test_a_time_that_only_the_database_knows_is_found_and_the_entry_named(record_of_sixty, tmp_path):
    for number in (1, 30, LENGTH):
        for stored in ("'infinity'", "'-infinity'", "'4713-01-01 BC'", "'20000-01-01'"):
            verdict = after(partial(attacker.edit_as, number, "at", stored), tmp_path / "none")
            assert [problem.split(":")[0] for problem in verdict.problems] == [f"entry #{number} was changed"]


def test_an_edit_whose_own_hash_was_made_anew_is_found_at_the_next_entry(record_of_sixty, tmp_path, places):
    def edit_and_hash(number: int) -> None:
        attacker.edit(number, "actor", "mallory")
        link = next(attacker.links(after=number - 1))
        attacker.edit(number, "hash", link.computed_hash())

    for number in places:
        verdict = after(partial(edit_and_hash, number), tmp_path / "none")
        assert f"#{number + 1} does not continue #{number}" in verdict.problems[0]
    verdict = after(partial(edit_and_hash, LENGTH), tmp_path / "none")
    assert "another hash than entry #60" in verdict.problems[0]


def test_a_deleted_entry_is_found_and_named(record_of_sixty, tmp_path, places):
    for number in [1, *places]:
        statement = f"DELETE FROM {attacker.ENTRIES} WHERE sequence = %s"
        verdict = after(partial(sql, statement, number), tmp_path / "none")
        assert verdict.problems[0] == f"#{number} is missing before entry #{number + 1}"
        verdict = after(partial(attacker.delete_and_close_the_gap, number), tmp_path / "none")
        assert f"#{number} was changed" in verdict.problems[0]


def test_an_inserted_entry_is_found_and_named(record_of_sixty, tmp_path, places):
    for number in [1, *places]:
        verdict = after(partial(attacker.insert_after, number), tmp_path / "none")
        assert f"#{number + 1} was changed" in verdict.problems[0]
    verdict = after(partial(attacker.copy_as, LENGTH, LENGTH + 1), tmp_path / "none")
    assert "1 entries from #61 on stand after the head" in verdict.problems[0]
    verdict = after(partial(attacker.copy_as, 1, 0), tmp_path / "none")
    assert "entry #0" in verdict.problems[0]
    if connection.vendor == "sqlite":  # with the file in hand nothing keeps numbers from being below 0

        def copy_below_zero() -> None:
            sql("PRAGMA ignore_check_constraints = ON")
            attacker.copy_as(1, -1)
            sql("PRAGMA ignore_check_constraints = OFF")

        verdict = after(copy_below_zero, tmp_path / "none")
        assert verdict.problems == ["61 entries are stored where 60 could be read one after another"]


def test_two_entries_that_changed_places_are_found_and_named(record_of_sixty, tmp_path, places):
    for number in [1, *places]:
        verdict = after(partial(attacker.swap, number), tmp_path / "none")
        assert f"#{number} was changed" in verdict.problems[0]
        assert f"#{number + 1} was changed" in verdict.problems[1]


def test_a_cut_end_is_found_by_the_head_and_where_the_head_was_cut_too_by_the_checkpoint(
    record_of_sixty, tmp_path, places
):
    for number in [1, *places]:
        statement = f"DELETE FROM {attacker.ENTRIES} WHERE sequence > %s"
        verdict = after(partial(sql, statement, number), tmp_path / "none")
        assert "missing at the end" in verdict.problems[0]
        assert f"#{number + 1} to #60" in verdict.problems[0]
        assert after(partial(attacker.cut_after, number), tmp_path / "none").whole
        verdict = after(partial(attacker.cut_after, number), record_of_sixty)
        assert "was cut" in verdict.problems[0]
        assert f"knew 60 entries, the head stands at #{number}" in verdict.problems[0]


def test_a_record_written_anew_is_found_by_the_checkpoint(record_of_sixty, tmp_path, places):
    for number in [1, *places]:
        assert after(partial(attacker.rewrite_from, number), tmp_path / "none").whole
        verdict = after(partial(attacker.rewrite_from, number), record_of_sixty)
        assert "entry #60 is not the one that the checkpoint" in verdict.problems[0]


def test_without_a_checkpoint_verification_says_what_it_cannot_see(record_of_sixty, tmp_path):
    verdict = verify(tmp_path / "none")
    assert verdict.whole
    assert "no checkpoint" in verdict.notices[0]


def test_a_head_that_was_put_back_or_lost_is_found(record_of_sixty, tmp_path):
    back = partial(sql, f"UPDATE {attacker.HEAD} SET sequence = 40")
    problems = " ".join(after(back, tmp_path / "none").problems)
    assert "20 entries from #41 on stand after the head" in problems
    gone = partial(sql, f"DELETE FROM {attacker.HEAD}")
    assert "60 entries from #1 on" in after(gone, tmp_path / "none").problems[0]


def test_every_guard_that_is_missing_or_altered_is_named(record_of_sixty):
    for guard in guards.guards_of(connection):
        sql(guards.removal(guard, connection.vendor))
        assert [guard.name in problem for problem in verify(record_of_sixty).problems] == [True]
        for statement in guards._statements(guard, connection.vendor):
            sql(statement.replace(guard.says, "never mind"))
        assert [guard.name in problem for problem in verify(record_of_sixty).problems] == [True]
        for statement in guards._statements(guard, connection.vendor):
            sql(statement)
    assert verify(record_of_sixty).whole


def test_several_problems_are_all_counted_and_the_first_is_named_first(record_of_sixty, tmp_path):
    def edit_many() -> None:
        for number in range(5, 45):
            attacker.edit(number, "actor", "mallory")

    verdict = after(edit_many, tmp_path / "none")
    assert verdict.count == 40
    assert len(verdict.problems) == 20
    assert verdict.problems[0].startswith("entry #5 ")


@pytest.mark.long
@pytest.mark.parametrize("numbers", [(417, 930)])
def test_each_of_the_six_ways_is_found_in_a_record_of_a_thousand_entries(db, tmp_path, numbers):
    fill(1000)
    path = tmp_path / "checkpoints.jsonl"
    checkpoint(path)
    assert verify(path).whole
    deleting = f"DELETE FROM {attacker.ENTRIES} WHERE sequence = %s"
    for number in numbers:
        ways = {
            f"#{number} was changed": partial(attacker.edit, number, "actor", "mallory"),
            f"#{number} is missing": partial(sql, deleting, number),
            f"#{number + 1} was changed": partial(attacker.insert_after, number),
            f"#{number} was changed ": partial(attacker.swap, number),
            "was cut": partial(attacker.cut_after, number),
            "entry #1000 is not the one": partial(attacker.rewrite_from, number),
        }
        for finding, way in ways.items():
            verdict = after(way, path)
            assert finding.strip() in verdict.problems[0], (number, finding, verdict.problems)
