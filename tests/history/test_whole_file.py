"""What a process that was killed left of a file, taken away by the next one."""

from core.history import whole_file


def test_a_part_that_went_since_its_folder_was_listed_keeps_no_other_from_being_tidied(tmp_path):
    (tmp_path / ".gone.part").symlink_to(tmp_path / "nowhere")  # listed, and there is nothing to open
    (tmp_path / ".left.part").touch()
    whole_file.tidy(tmp_path)
    assert not (tmp_path / ".left.part").exists()
