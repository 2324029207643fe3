"""Coding agents on a machine of their own folder: the command that connects them, and the clients that npm brings."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.cli.agents import shim
from core.history.approvals import decisions
from core.models import ApprovalType
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

NPM = {
    "codex": ("@openai/codex", "0.171.0"),
    "copilot": ("@github/copilot", "1.0.102"),
    "gemini": ("@google/gemini-cli", "0.61.0"),
}


@pytest.fixture(scope="session")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The program of a client, fetched once."""
    found: dict[str, Path] = {}

    def bring(name: str) -> Path:
        if name not in found:
            package, version = NPM[name]
            if shutil.which("npm") is None:
                pytest.skip(f"NO CODING AGENTS: npm is missing, so {package} was not tried")
            folder = tmp_path_factory.mktemp(name)
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)]
            done = subprocess.run(
                [*command, f"{package}@{version}"], capture_output=True, text=True, cwd=folder
            )
            if done.returncode:
                pytest.skip(f"NO CODING AGENTS: npm did not bring {package}: {done.stderr[-300:]}")
            found[name] = folder / "node_modules" / ".bin" / name
        return found[name]

    return bring


@pytest.fixture
def token_file(agent: Callable[..., Any], site: str, tmp_path: Path) -> Path:
    """The file that the command would have written."""
    secret = agent("ann-laptop").headers["Authorization"].removeprefix("Bearer ")
    path = tmp_path / "agent.env"
    path.write_text(f"TELEMETRY_URL={site}\nTELEMETRY_TOKEN={secret}\n")
    return path


@pytest.fixture
def hook(token_file: Path) -> Callable[..., subprocess.Popen]:
    """Starts the hook of a client with an event."""

    def start(client: str, event: object, seconds: int = 60, env: Path | None = None) -> subprocess.Popen:
        words = [sys.executable, "-I", shim.__file__, client, "--env", str(env or token_file)]
        process = subprocess.Popen(
            [*words, "--timeout", str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(event if isinstance(event, str) else json.dumps(event))
        process.stdin.close()
        process.stdin = None
        return process

    return start


@pytest.fixture
def approve_with_input(
    make_user: Callable[..., Any], gate_of: Callable[..., Any]
) -> Callable[[Any, dict[str, Any]], None]:
    """Approves a request with another input of its tool."""

    def approve(request: Any, given: dict[str, Any]) -> None:
        gate = gate_of("x")
        ApprovalType.objects.update_or_create(name="*", defaults={"edits": True})
        digest = live_record(gate, request.request_id).digest
        wanted = json.dumps({**request.context, "input": given})
        decisions.decide(
            gate._store, make_user("maria", "approver"), request.request_id,
            approved=True, reason="", digest=digest, edited=wanted,
        )  # fmt: skip

    return approve


def ended(process: subprocess.Popen) -> tuple[int, Any, str]:
    """The exit code, what was printed as JSON or None, and the complaint."""
    said, why = process.communicate(timeout=2 * PATIENCE)
    return process.returncode, json.loads(said) if said.strip() else None, why


def waiting(gate: Any) -> Any:
    """The one request that waits."""
    wait_until(lambda: len(gate.get_pending_approvals()) == 1, "a request waits")
    return gate.get_pending_approvals()[0]
