"""Where tracked calls wait by default: a place that exists for every user, also one without a home directory."""

import logging
import os
import stat
import tempfile
from functools import cache
from pathlib import Path

from ..store.configuration import data_directory

logger = logging.getLogger(__name__)


def default_dir() -> Path:
    """The folder `usage` of the data directory; where there is none, of the user's state directory.

    Without a home directory that can be written to, it is in a private folder of the directory for temporary files.
    """
    data_dir = data_directory()
    if data_dir is not None:
        return data_dir / "usage"
    state = os.environ.get("XDG_STATE_HOME")
    home = Path(state) if state else _state_of_the_home()
    return (home or _temporary()) / "agent-telemetry" / "usage"


def _state_of_the_home() -> Path | None:
    try:
        state = Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    nearest = next((path for path in (state, *state.parents) if path.exists()), state)
    return state if os.access(nearest, os.W_OK | os.X_OK) else None


@cache
def _temporary() -> Path:
    """Named by the user, so that the next process finds what a dead one left; never one that others can write to."""
    try:
        folder = Path(tempfile.gettempdir()) / f"agent-telemetry-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_private(folder):
            folder = Path(tempfile.mkdtemp(prefix="agent-telemetry-"))
    except OSError as error:
        folder = Path("/tmp") / f"agent-telemetry-{os.getuid()}"
        logger.error("calls have no directory: %s", error)
    logger.warning(
        "there is no home directory: calls wait in %s, which may not outlive a restart of the machine; "
        "set TELEMETRY_DATA_DIR", folder,
    )  # fmt: skip
    return folder


def _is_private(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
