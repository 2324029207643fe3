"""An environment of its own for each framework, with pinned hashes, built once for all processes of a test run."""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
UV = Path(sys.executable).parent / "uv"


def python_with(framework: str, shared: Path) -> Path:
    """The Python of that environment, below a folder that all processes share; skipped, loudly, where it fails."""
    lock = HERE / "locks" / f"{framework}.txt"
    folder = shared / f"{framework}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    shared.mkdir(exist_ok=True)
    with (shared / f"{framework}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            _build(framework, lock, folder)
            (folder / "ready").touch()
    return folder / "bin" / "python"


def _build(framework: str, lock: Path, folder: Path) -> None:
    python = folder / "bin" / "python"
    for command in (
        ["venv", "-q", "--clear", "-p", sys.executable, folder],
        ["pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock],
    ):
        done = subprocess.run([UV, *command], capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            pytest.skip(f"NO {framework}: its environment could not be built: {done.stderr[-300:]}")


def package_path(shared: Path) -> Path:
    """A folder in which the package has the name that agents import."""
    folder = shared / "package"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "agent_telemetry"
    if not link.is_symlink() or link.resolve() != ROOT / "core":
        draft = folder / f"draft-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"
        draft.unlink(missing_ok=True)
        draft.symlink_to(ROOT / "core")
        draft.replace(link)
    return folder
