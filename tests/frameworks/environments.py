"""Environments of their own for what is no dependency of ours: pinned by hashes, built once for all of a test run."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).parent / "uv"


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of this run have in common."""
    base = factory.getbasetemp().parent
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "environments"
    folder.mkdir(exist_ok=True)
    return folder


def python_with(lock: Path, shared: Path) -> Path:
    """The Python of an environment with what is locked there; skipped, loudly, where it cannot be built."""
    content = lock.read_bytes()
    folder = shared / f"{lock.stem}-{hashlib.sha256(content).hexdigest()[:12]}"
    with folder.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            _build(lock, folder)
            (folder / "ready").touch()
    return folder / "bin" / "python"


def _build(lock: Path, folder: Path) -> None:
    python = folder / "bin" / "python"
    for command in (
        ["venv", "-q", "--clear", "-p", sys.executable, folder],
        ["pip", "install", "-q", "--python", python, "--require-hashes", "-r", lock],
    ):
        done = subprocess.run([UV, *command], capture_output=True, text=True, cwd=ROOT)
        if done.returncode:
            pytest.skip(f"NO {lock.stem.upper()}: its environment could not be built: {done.stderr[-300:]}")


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
