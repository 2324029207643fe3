"""What a run keeps for the next process: its state, and a name that is no other run's."""

import pytest

from core.frameworks.keeping import Kept

pytestmark = pytest.mark.anywhere


def test_a_run_keeps_its_name_over_a_restart_and_the_next_one_in_its_file_has_another(tmp_path):
    file = tmp_path / "pay-ann.json"
    first = Kept(file)
    assert first.begun() is None
    first.write(b"{}\n")
    restarted = Kept(file)
    assert (restarted.begun(), restarted.name) == (b"{}\n", first.name)
    assert file.stat().st_mode & 0o077 == 0
    restarted.forget()
    second = Kept(file)
    assert second.begun() is None
    assert second.name != first.name


def test_what_an_earlier_version_kept_goes_on_under_the_names_that_it_asked_with(tmp_path):
    file = tmp_path / "pay-ann.json"
    file.write_bytes(b"[1]")
    kept = Kept(file)
    assert (kept.begun(), kept.name) == (b"[1]", "pay-ann.json")
    kept.write(b"[2]")
    assert (Kept(file).begun(), file.read_bytes()) == (b"[2]", b"[2]")
