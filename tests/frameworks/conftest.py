"""Programs with frameworks of agents, each in an environment of its own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from core import ApprovalGate
from core.approvals.request import ApprovalRequest
from tests.frameworks.environments import package_path, python_with, shared_folder
from tests.waiting import PATIENCE, wait_until

HERE = Path(__file__).resolve().parent


class Program:
    """One of the programs, in a folder that its next process finds again."""

    def __init__(
        self, start: Callable, module: str, python: Path, environment: dict[str, str], folder: Path
    ) -> None:
        self._start, self._command = start, [str(python), "-m", f"programs.{module}"]
        self._environment, self.folder = environment, folder

    def start(self, *names: str) -> subprocess.Popen[str]:
        """Begin, or go on with, the runs of these names."""
        errors = (self.folder / "errors").open("a")
        return self._start([*self._command, *names], cwd=self.folder, env=self._environment, stderr=errors)

    def ended(self, process: subprocess.Popen[str]) -> None:
        """It has ended well."""
        assert process.wait(2 * PATIENCE) == 0, (self.folder / "errors").read_text()[-3000:]

    def said(self, name: str) -> str:
        """What the model said at the end of a run."""
        return (self.folder / f"{name}.said").read_text()

    @property
    def ran(self) -> list[str]:
        """With what the tool ran."""
        file = self.folder / "ran"
        return sorted(file.read_text().splitlines()) if file.exists() else []


@pytest.fixture
def program(
    clean_redis: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, start_process: Callable
) -> Callable[..., Program]:
    """`program("langgraph")`: ready to be started."""
    shared = shared_folder(tmp_path_factory)

    def make(framework: str, module: str = "", **more: str) -> Program:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        [lock] = [lock for lock in (HERE / "locks").glob("*.txt") if framework.startswith(lock.stem)]
        python = python_with(lock, shared)
        path = f"{package_path(shared)}{os.pathsep}{HERE}"
        environment = {
            **kept, "PYTHONPATH": path, "REDIS_URL": clean_redis, "TELEMETRY_AGENT": "payer", **more
        }  # fmt: skip
        return Program(start_process, module or framework, python, environment, tmp_path)

    return make


@pytest.fixture
def asked(clean_redis: str) -> Callable[[int], dict[str, ApprovalRequest]]:
    """Waits until so many were asked: each by whom is to be paid."""

    def wait(count: int) -> dict[str, ApprovalRequest]:
        gate = ApprovalGate(clean_redis, "payer")
        seconds = 3 * PATIENCE  # a framework takes its time to be imported
        found = wait_until(
            lambda: len(gate.find_requests()) >= count and gate.find_requests(), "they ask", seconds
        )
        return {request.context["to"]: request for request in found}

    return wait
