"""What people looked up in help and what help had no answer to: two files of JSON lines on this machine.

Nothing of it leaves the machine. `TELEMETRY_HELP=0` turns it off.
"""

import contextlib
import json
import logging
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .store.configuration import data_directory
from .values.numbers import shown

logger = logging.getLogger(__name__)

LOG_VERSION = "1.0"
MAX_LINE_BYTES = 64 * 1024


def enabled() -> bool:
    """Whether help lookups are logged: unless TELEMETRY_HELP is 0, false, no or off. Asked at each call."""
    return os.environ.get("TELEMETRY_HELP", "").strip().lower() not in ("0", "false", "no", "off")


def default_directory() -> Path:
    """The folder `help` in the data directory, or in `~/.agent-telemetry` where there is none."""
    return (data_directory() or Path.home() / ".agent-telemetry") / "help"


class HelpTracker:
    """Appends to the two files. A line is written whole, however many processes write.

    log_dir: where they are; `default_directory()` when None. Nothing here raises into the caller, but a TypeError
    where one is built with no path: what cannot be written is logged.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] | None = None,
        filename: str = "help_queries.jsonl",
        unmatched_filename: str = "help_unmatched.jsonl",
    ) -> None:
        self._directory = None if log_dir is None else _checked_path(log_dir, "log_dir")
        self._filename = str(_checked_path(filename, "filename"))
        self._unmatched_filename = str(_checked_path(unmatched_filename, "unmatched_filename"))

    @property
    def path(self) -> Path:
        """The file of lookups."""
        return self._folder() / self._filename

    @property
    def unmatched_path(self) -> Path:
        """The file of questions without an answer."""
        return self._folder() / self._unmatched_filename

    def log(
        self,
        *,
        source: str,
        mode: str,
        topic: str,
        success: bool,
        found: bool,
        duration_ms: float | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Append a lookup. The keys of `metadata` stand beside the others and never replace one.

        A part that JSON cannot hold, such as NaN, is left out with a line in the log; so is `metadata` as a whole
        where the line would be longer than 64 KiB.
        """
        said = {"source": source, "mode": mode, "topic": topic, "success": success, "found": found}
        if duration_ms is not None:
            said["duration_ms"] = duration_ms
        self._append(self._filename, said, metadata)

    def log_unmatched(self, *, query: str, mode: str, source: str = "help_lookup") -> None:
        """Append a question that help had no topic for."""
        self._append(self._unmatched_filename, {"source": source, "mode": mode, "query": query})

    def _folder(self) -> Path:
        # Looked up at first use: where there is no home directory that fails, and building must not.
        if self._directory is None:
            self._directory = default_directory()
        return self._directory

    def _append(self, filename: str, said: dict[str, Any], more: dict[str, Any] | None = None) -> None:
        if not enabled():
            return
        try:
            event = {"v": LOG_VERSION, "ts": datetime.now(UTC).isoformat(), **said}
            _write_line(self._folder() / filename, _line(event, more))
        except Exception as error:  # whatever it is, the lookup itself must go on
            logger.warning("a help lookup was not logged in %s: %s", filename, error)


def _checked_path(value: str | os.PathLike[str], argument: str) -> Path:
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{argument} must be a str or a path, not {type(value).__name__}")
    return Path(value)


def _line(event: dict[str, Any], more: object) -> bytes:
    """The line of an event with what can stand beside it."""
    if more is not None and not isinstance(more, dict):
        logger.warning("left out of a help lookup: metadata, which is a %s and no dict", type(more).__name__)
    beside = {key: value for key, value in more.items() if key not in event} if isinstance(more, dict) else {}
    parts = _parts(event)
    line = _joined(parts + _parts(beside))
    if len(line) > MAX_LINE_BYTES and beside:
        logger.warning("left out of a help lookup: metadata, with which the line has %s bytes", len(line))
        line = _joined(parts)
    if len(line) > MAX_LINE_BYTES:
        raise ValueError(f"the line has {len(line):,} bytes; at most {MAX_LINE_BYTES:,} are kept")
    return line


def _parts(event: dict[Any, Any]) -> list[str]:
    """Each member as JSON, without those that cannot be."""
    parts = []
    for key, value in event.items():
        try:
            # Escaped to ASCII, so a lone surrogate or a line separator cannot end or spoil a line.
            parts.append(json.dumps({key: value}, allow_nan=False, separators=(",", ":"))[1:-1])
        except Exception as error:  # a value may be anything, and so may what it raises
            logger.warning("left out of a help lookup: %s: %s", shown(key), error)
    return parts


def _joined(parts: list[str]) -> bytes:
    return f"{{{','.join(parts)}}}\n".encode()


def _write_line(path: Path, line: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # One write at the end of the file: the lines of other processes stand before or after it.
        written = os.write(descriptor, line)
        if written < len(line):
            # The disk is full. What follows starts on a line of its own.
            with contextlib.suppress(OSError):
                os.write(descriptor, b"\n")
            raise OSError(f"only {written} of {len(line)} bytes were written")
    finally:
        os.close(descriptor)


def get_tracker() -> HelpTracker:
    """The tracker of this process, in the default directory as it is at its first use."""
    return _tracker


_tracker = HelpTracker()
