"""What the tests of commands share: a tracker on the site's Redis, its calls in SQL, and commands as functions."""

import json
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import pytest

from core.history.recorder.recorder import Recorder
from tests.core.usage.usage_help import shipped_by_hand


@pytest.fixture
def tracker(clean_redis, tmp_path, settings):
    """Commands look into the same empty data directory."""
    settings.TELEMETRY_DATA_DIR = tmp_path
    with shipped_by_hand(tmp_path / "usage", clean_redis) as tracker:
        yield tracker


@pytest.fixture
def record(tracker, transactional_db) -> Callable[[], None]:
    """Ship and record what was tracked."""
    recorder = Recorder(tracker._open())

    def until_nothing_is_left() -> None:
        tracker.flush()
        while recorder.step():
            pass

    return until_nothing_is_left


@pytest.fixture
def run(capsys) -> Callable[..., tuple[int, str, str]]:
    """Run a command with these arguments: its exit code, standard output and standard error."""

    def call(command: Callable[[Namespace], int], **arguments: Any) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command(Namespace(**arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def run_json(run) -> Callable[..., Any]:
    """Run a command with --json: what it says, when it was done and said nothing else."""

    def call(command: Callable[[Namespace], int], **arguments: Any) -> Any:
        code, out, err = run(command, json=True, **arguments)
        assert (code, err) == (0, "")
        return json.loads(out)

    return call
