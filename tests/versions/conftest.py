"""Both releases, and agents of each that end with the test."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.versions.releases import LAST, UV, Agent, Beginning, Release, Site, last_release, this_release


@pytest.fixture(scope="session")
def last(tmp_path_factory) -> Release:
    found = last_release(tmp_path_factory.mktemp("last"))
    if found is None:
        pytest.skip(
            f"NO TESTS OF TWO RELEASES: this clone has no commit {LAST}. Get it with: git fetch --unshallow"
        )
    return found


@pytest.fixture(scope="session")
def this(tmp_path_factory) -> Release:
    if not UV.exists():
        pytest.skip(f"{UV} is missing: make setup")
    return this_release(tmp_path_factory.mktemp("this"))


@pytest.fixture(scope="session")
def beginning(tmp_path_factory, last) -> Beginning:
    """A data directory as the last release makes it, to be copied."""
    folder = tmp_path_factory.mktemp("beginning")
    return Beginning(folder, Site(last, folder, "redis://localhost:1").prepare())


@pytest.fixture
def agent() -> Iterator[Callable[[Release, str, Path], Agent]]:
    """Starts an agent of a release: `agent(last, url, data_dir)`."""
    started: list[Agent] = []

    def start(release: Release, url: str, data_dir: Path) -> Agent:
        started.append(Agent(release, url, data_dir))
        return started[-1]

    yield start
    for process in started:
        process.kill()
