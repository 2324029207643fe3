"""A thousand calls that schemathesis makes of our own description are no fault. It has an environment of its own."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.frameworks.environments import python_with, shared_folder

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere, pytest.mark.long]

LOCK = Path(__file__).with_name("schemathesis.lock")
CASES = 1_000
# Those that wait for somebody, and the one that would end the token of all others.
WAITS = "/outcome$|/stream$|/hooks/|/signals$|/requests/ended$|/token/rotate$"
OF_EACH = 90  # of twelve ways, some of which have fewer than that many
SLOWEST_SECONDS = 300  # only against a way that never ends


@pytest.fixture(scope="session")
def schemathesis(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, in an environment of its own with what its lock names."""
    return python_with(LOCK, shared_folder(tmp_path_factory)).with_name("schemathesis")


def test_a_thousand_described_calls_are_no_fault(schemathesis, agent, site, tmp_path):
    secret = agent("worker").headers["Authorization"]
    command = [
        *(str(schemathesis), "run", f"{site}/api/v1/openapi.json", "--header", f"Authorization: {secret}"),
        *("--checks", "not_a_server_error", "--mode", "all", "--max-examples", str(OF_EACH)),
        *("--phases", "examples,coverage,fuzzing", "--seed", "1", "--request-timeout", "60", "--no-color"),
        *("--generation-deterministic", "--exclude-path-regex", WAITS),
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        timeout=SLOWEST_SECONDS * 4,
    )
    assert done.returncode == 0, done.stdout[-9_000:]
    generated = re.search(r"([\d,]+) generated", done.stdout)
    assert generated is not None, done.stdout[-3_000:]
    assert int(generated[1].replace(",", "")) >= CASES, done.stdout[-3_000:]
