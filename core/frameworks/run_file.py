"""What a run needs to go on in the next process, in a file of its owner's alone."""

import asyncio
import uuid
from pathlib import Path
from typing import Self

MARK = b"run "


class RunFile:
    """One run and its file, which goes when the run ends well. Files are read and written beside the event loop.

    `name` is of this run alone: many models count their calls from 1 in each.
    """

    def __init__(self, file: str | Path) -> None:
        self._file = Path(file)
        self._run = uuid.uuid4().hex
        self.name = f"{self._file.name}:{self._run}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            await asyncio.to_thread(self._file.unlink, missing_ok=True)

    async def begun(self) -> bytes | None:
        """What was kept, or None where the run begins now."""
        return await asyncio.to_thread(self._begun)

    def _begun(self) -> bytes | None:
        if not self._file.exists():
            return None
        whole = self._file.read_bytes()
        head, _, state = whole.partition(b"\n")
        if not head.startswith(MARK):  # of an earlier version, which named runs after their files
            self.name, self._run = self._file.name, ""
            return whole
        self._run = head.removeprefix(MARK).decode()
        self.name = f"{self._file.name}:{self._run}"
        return state

    async def write(self, state: bytes) -> None:
        """Whole or not at all."""
        await asyncio.to_thread(self._write, state)

    def _write(self, state: bytes) -> None:
        draft = self._file.with_name(f".{self._file.name}.draft")
        draft.touch(mode=0o600)
        draft.write_bytes(b"%s%s\n%s" % (MARK, self._run.encode(), state) if self._run else state)
        draft.replace(self._file)
