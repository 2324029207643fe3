"""What was written into whose settings, so that exactly that is taken back. Kept beside the token, for its owner."""

import contextlib
import difflib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .documents import Addition, UnreadableSettings, addition_of

PRIVATE = 0o600


@dataclass(frozen=True)
class FileChange:
    """One file as it is and as it shall be; None is no file."""

    file: Path
    before: str | None
    after: str | None

    @property
    def is_none(self) -> bool:
        """Whether all is as it shall be."""
        return self.before == self.after

    def difference(self) -> str:
        """As people read it."""
        old, new = ((text or "").splitlines(keepends=True) for text in (self.before, self.after))
        lines = difflib.unified_diff(old, new, str(self.file), str(self.file))
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)

    def make(self) -> None:
        """Write it, or remove the file."""
        if self.after is None:
            self.file.unlink(missing_ok=True)
        else:
            write(self.file, self.after)


class Journal:
    """What was written, by file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        text = read(path)
        self._files: dict[str, dict[str, Any]] = json.loads(text) if text else {}

    @property
    def files(self) -> list[Path]:
        """Those that something was written into."""
        return [Path(name) for name in self._files]

    def adding(self, file: Path, addition: Addition) -> FileChange:
        """The file with this in the place of what was written before. UnreadableSettings where that cannot be."""
        before = read(file)
        base = self._without(file, before)
        try:
            return FileChange(file, before, addition.added(base or ""))
        except UnreadableSettings as error:
            raise UnreadableSettings(f"{file}: {error}") from error

    def removing(self, file: Path) -> FileChange:
        """The file without what was written: as it was, where nobody changed it since."""
        before = read(file)
        return FileChange(file, before, self._without(file, before))

    def _without(self, file: Path, text: str | None) -> str | None:
        known = self._files.get(str(file))
        if known is None or text is None:
            return text
        if text == known["after"]:
            before: str | None = known["before"]
            return before
        return addition_of(known["addition"]).removed(text)

    def keep(self, change: FileChange, addition: Addition) -> None:
        """Remember what is written now and what stood there before. Call it first: what is written is taken back."""
        base = self._without(change.file, change.before)
        ours = addition.beyond(base or "")
        said = {"before": base, "after": change.after, "addition": ours.kept()}
        self._files[str(change.file)] = said
        self._write()

    def forget(self, file: Path) -> None:
        """It was taken back."""
        del self._files[str(file)]
        self._write()

    def _write(self) -> None:
        if self._files:
            write(self._path, json.dumps(self._files, indent=2) + "\n", PRIVATE)
        else:
            self._path.unlink(missing_ok=True)


def read(path: Path) -> str | None:
    """The text of a file; None for none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def write(path: Path, text: str, mode: int | None = None) -> None:
    """Put a text in the place of a file, whole or not at all. A link stays one; rights stay, or are `mode`."""
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if mode is None:
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as file:
            file.write(text)
            os.fchmod(file.fileno(), mode)
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
