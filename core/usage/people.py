"""People in tracked calls: a digest under a secret of this installation, which nobody without it can guess."""

import hashlib
import hmac
import logging
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

from ..values.json import checked_text
from ..values.names import NAME_LENGTH
from ..values.trouble import Trouble

logger = logging.getLogger(__name__)

SECRET_FILE = "user-secret"
SECRET_BYTES = 32
RETRY_SECONDS = 60.0
MOST_KEPT = 10_000


class People:
    """Digests of people by the secret in a directory, which is made at its first use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._digests: dict[str, str] = {}
        self._secret = b""
        self._tried = -RETRY_SECONDS
        self._trouble = Trouble(logger)

    def digest(self, user_id: str) -> str:
        """HMAC-SHA256, hex; '' while there is no secret. ValueError or TypeError for what names nobody."""
        known = self._digests.get(user_id) if isinstance(user_id, str) else None
        if known is not None:
            return known
        said = checked_text(user_id, "user_id", NAME_LENGTH)
        if not self._secret and not self._found_secret():
            return ""
        digest = hmac.new(self._secret, said.encode(), hashlib.sha256).hexdigest()
        if len(self._digests) >= MOST_KEPT:
            self._digests.clear()
        self._digests[user_id] = digest
        return digest

    def _found_secret(self) -> bool:
        """Look for the secret, once a minute while there is none: it needs no restart to be mended."""
        if time.monotonic() - self._tried < RETRY_SECONDS:
            return False
        self._tried = time.monotonic()
        try:
            self._secret = _secret_in(self._directory)
        except (OSError, ValueError) as error:
            said = "calls are tracked without their user_id: %s"
            self._trouble.begins(said, error, level=logging.ERROR)
        return bool(self._secret)


def _secret_in(directory: Path) -> bytes:
    file = directory / SECRET_FILE
    with suppress(FileNotFoundError):
        return _read(file)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = directory / f"{SECRET_FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as handle:
            handle.write(secrets.token_hex(SECRET_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
        # Only whole, and only once: of two processes that make one, the first wins.
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()
    _sync(directory)
    return _read(file)


def _read(file: Path) -> bytes:
    try:
        secret = bytes.fromhex(file.read_text())
    except ValueError:
        secret = b""
    if len(secret) < SECRET_BYTES:
        raise ValueError(
            f"{file} must hold at least {SECRET_BYTES} bytes as hex digits. "
            "Put the right one there, or delete it: then a new one is made, and people get other digests"
        )
    return secret


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
