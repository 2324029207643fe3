"""docs/running/dependencies.md explains every direct dependency, and nothing else."""

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
EXTRAS = {"hiredis"}  # named in brackets in requirements.txt


def test_every_direct_dependency_is_explained():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    direct = {re.match(r"[\w-]+", line)[0].lower() for line in lines if line and not line.startswith("#")}
    taken = (ROOT / "docs/running/dependencies.md").read_text().split("## Looked at and not taken")[0]
    rows = [line.split("|")[1] for line in taken.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert explained == direct | EXTRAS


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"python_full_version": "3.11.0", "python_version": "3.11"},
        {"python_full_version": "3.14.0", "python_version": "3.14"},
        {"sys_platform": "darwin", "platform_system": "Darwin"},
    ],
)
def test_the_lock_holds_what_another_python_or_system_needs_too(elsewhere):
    """Installing asks for a hash of everything, so one package that only an older Python needs ends the first start."""
    lock = (ROOT / "requirements.lock").read_text()
    locked = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    here = {known.metadata["Name"].lower() for known in metadata.distributions()}
    needed = [Requirement(one) for name in locked & here for one in metadata.requires(name) or ()]
    asked = {
        one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": "", **elsewhere})
    }
    assert {name.lower().replace("_", "-").replace(".", "-") for name in asked} - locked == set()
