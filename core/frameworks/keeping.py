"""What a run needs to go on in the next process, in a file of its owner's alone."""

from pathlib import Path


def kept(file: Path) -> bytes | None:
    """What was kept, or None."""
    return file.read_bytes() if file.exists() else None


def write(file: Path, state: bytes) -> None:
    """Whole or not at all."""
    draft = file.with_name(f".{file.name}.draft")
    draft.touch(mode=0o600)
    draft.write_bytes(state)
    draft.replace(file)


def forget(file: Path) -> None:
    """The run has ended."""
    file.unlink(missing_ok=True)
