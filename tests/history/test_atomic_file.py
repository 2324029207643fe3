"""What a process that was killed left of a file, taken away by the next one."""

import os

import pytest

from core.history import atomic_file


def test_a_part_that_went_since_its_folder_was_listed_keeps_no_other_from_being_tidied(tmp_path):
    (tmp_path / ".gone.part").symlink_to(tmp_path / "nowhere")  # listed, and there is nothing to open
    (tmp_path / ".left.part").touch()
    atomic_file.tidy(tmp_path)
    assert not (tmp_path / ".left.part").exists()


def test_no_link_is_followed_and_what_others_could_read_is_closed_before_it_is_filled(tmp_path):
    path, part, elsewhere = tmp_path / "it", tmp_path / ".it.part", tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    part.symlink_to(elsewhere)
    with pytest.raises(OSError), atomic_file.atomic_file(path):
        pass
    assert elsewhere.read_text() == "kept"
    part.unlink()
    part.touch(mode=0o666)
    with atomic_file.atomic_file(path) as file:
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
