"""A file that is there whole or not at all, whatever happens while it is written."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class FileNameTaken(OSError):
    """The name has a file already, or somebody is writing it."""


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Written beside its name, for its owner alone; on the disk and under its name when this ends well.

    A process that is killed leaves a hidden `.part`, which the next one that writes this name takes over.
    FileNameTaken where the name is not free; otherwise OSError as usual, and nothing is left.
    """
    _refuse_existing(path)
    part = _part_of(path)
    try:
        # No link of somebody who may write to this folder is followed, and no file of theirs is filled.
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        # Nobody asked for the part: what cannot be made is the file.
        raise type(error)(error.errno, error.strerror, str(path)) from error
    with os.fdopen(descriptor, "r+b") as file:
        os.fchmod(descriptor, 0o600)
        _lock(descriptor, part)
        try:
            file.truncate(0)
            yield file
            file.flush()
            os.fsync(descriptor)
            _refuse_existing(path)
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    sync_folder(path.parent)


def tidy(folder: Path) -> None:
    """Delete the parts that nobody writes any more."""
    for part in folder.glob(".*.part"):
        # Somebody writes it, or took it away since its folder was listed.
        with suppress(BlockingIOError, FileNotFoundError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _refuse_existing(path: Path) -> None:
    if path.exists():
        raise FileNameTaken(f"{path} exists already, and is not written over")


def _lock(descriptor: int, part: Path) -> None:
    """One writer. Who was there before may have finished or tidied up between our opening and locking it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        mine = os.fstat(descriptor).st_ino == part.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        mine = False
    if not mine:
        raise FileNameTaken(f"somebody else is writing {part.name}")


def sync_folder(folder: Path) -> None:
    """See to it that the names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
