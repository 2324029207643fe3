"""The package that agents install, from the site that they will ask: its source in a file, as `pip` takes it.

So nobody looks for it by its bare name, and what an agent installs is what its site speaks.
"""

import hashlib
import io
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

FOLDER = "agent-telemetry"
BESIDE = ("pyproject.toml", "README.md")
MADE_AT = (1980, 1, 1, 0, 0, 0)  # the same bytes in every process


class Package(NamedTuple):
    """digest: SHA-256 of the bytes, in hex; with it in the address, `pip` keeps no older one for this."""

    content: bytes
    digest: str


@cache
def package() -> Package:
    """What this process runs, without the rooms of the site. About a third of a megabyte, made once."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(_files(settings.BASE_DIR)):
            name = f"{FOLDER}/{file.relative_to(settings.BASE_DIR).as_posix()}"
            archive.writestr(zipfile.ZipInfo(name, MADE_AT), file.read_bytes(), zipfile.ZIP_DEFLATED)
    content = held.getvalue()
    return Package(content, hashlib.sha256(content).hexdigest())


def _files(root: Path) -> Iterator[Path]:
    """What `pyproject.toml` says goes into a build, and itself."""
    said = tomllib.loads((root / "pyproject.toml").read_text())
    left_out = [root / name.lstrip("/") for name in said["tool"]["hatch"]["build"]["exclude"]]
    yield from (root / name for name in BESIDE)
    for file in (root / "core").rglob("*"):
        made = file.suffix == ".pyc" or file.is_dir()
        if not made and not any(file.is_relative_to(one) for one in left_out):
            yield file
