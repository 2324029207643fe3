"""docs/running/dependencies.md explains every direct dependency, and nothing else."""

import re
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
EXTRAS = {"hiredis"}  # named in brackets in requirements.txt


def test_every_direct_dependency_is_explained():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    direct = {re.match(r"[\w-]+", line)[0].lower() for line in lines if line and not line.startswith("#")}
    taken = (ROOT / "docs/running/dependencies.md").read_text().split("## Looked at and not taken")[0]
    rows = [line.split("|")[1] for line in taken.splitlines() if line.startswith("| `")]
    explained = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert explained == direct | EXTRAS


def test_the_lock_has_what_the_first_python_that_we_run_on_needs():
    """Whichever Python wrote it: redis, for one, needs a package more below 3.11.3, which Debian 12 has."""
    lock = (ROOT / "requirements.lock").read_text()
    locked = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", lock, re.MULTILINE)}
    oldest = {"python_full_version": "3.11.0", "python_version": "3.11", "extra": ""}
    missing = {
        (dist.name, found.name)
        for dist in distributions()
        if canonicalize_name(dist.name) in locked
        for found in map(Requirement, dist.requires or [])
        if found.marker is None or found.marker.evaluate(oldest)
        if canonicalize_name(found.name) not in locked
    }
    assert missing == set()
