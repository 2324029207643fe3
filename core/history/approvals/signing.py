"""The key with which the site signs decisions. It stays in a file of the site's own and is in no backup.

The file holds one private key, and the public keys of those that it took the place of: what they signed stays proven.
"""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from core.approvals.proof import Proof
from core.history.database.private_file import open_to_others
from core.store.approvals import RequestRecord
from core.values.digests import edited_digest
from core.values.signature import Said, Signature, key_id, message, said_as

RAW, RAW_FORMAT = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class CannotSign(Exception):
    """There is no key to sign with, so nothing is decided; the message says what is wrong with its file."""


class Keyring(NamedTuple):
    """The key that signs, its public part, and all public keys whose signatures count, by id."""

    private: Ed25519PrivateKey
    public: bytes
    known: Mapping[str, bytes]

    @property
    def key_id(self) -> str:
        """Of the key that signs."""
        return key_id(self.public)


def keyring() -> Keyring:
    """The keys of this site, made where there are none yet. CannotSign where the file cannot be read or made."""
    path = _path()
    try:
        if not path.exists():
            _write(path, _private_text(Ed25519PrivateKey.generate()), replace=False)
        stat = path.stat()
        return _read(path, stat.st_mtime_ns, stat.st_ino)
    except (OSError, ValueError) as error:
        raise CannotSign(f"the key that signs decisions cannot be read or made: {path}: {error}") from error


def rotate() -> Keyring:
    """Sign with a new key from now on; what older ones signed stays proven."""
    before = keyring()
    retired = b"".join(_public_text(key) for key in before.known.values())
    _write(_path(), _private_text(Ed25519PrivateKey.generate()) + retired, replace=True)
    return keyring()


def sign(said: Said, moment: datetime) -> str:
    """The signature of what a person said, as it is written. moment: by Redis's clock."""
    keys, moment_ms = keyring(), round(moment.timestamp() * 1000)
    signature = keys.private.sign(message(said, keys.key_id, moment_ms))
    return str(Signature(keys.key_id, moment_ms, signature))


def is_signed(said: Said, written: str) -> bool:
    """Whether this site signed just this, with any key that it had."""
    if not written:
        return False
    try:
        known = keyring().known
    except CannotSign:
        return False
    return not Proof(known, said.digest).why_not(
        said.request_id, said.status, said.person, said.reason, written
    )


def is_proven(record: RequestRecord) -> bool:
    """Whether the end that Redis tells of is signed, for the bytes that Redis holds."""
    how = said_as(record.status, record.answer, edited_digest(record.edited))
    said = Said(record.request_id, record.digest, how, record.responder, record.reason)
    return is_signed(said, record.signature)


def is_open_to_others() -> bool:
    """Whether somebody else on this machine may read the key."""
    return open_to_others(_path())


def _path() -> Path:
    return Path(settings.TELEMETRY_DECISION_KEY_FILE)


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int, _inode: int) -> Keyring:
    text = path.read_bytes()
    private = serialization.load_pem_private_key(text, None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("it holds a key of another kind")
    public = private.public_key().public_bytes(RAW, RAW_FORMAT)
    known = {key_id(public): public}
    for part in text.split(b"-----BEGIN PUBLIC KEY-----")[1:]:
        retired = serialization.load_pem_public_key(b"-----BEGIN PUBLIC KEY-----" + part)
        if isinstance(retired, Ed25519PublicKey):
            raw = retired.public_bytes(RAW, RAW_FORMAT)
            known[key_id(raw)] = raw
    return Keyring(private, public, known)


def _write(path: Path, text: bytes, *, replace: bool) -> None:
    """Whole, on the disk and its owner's alone before it has its name. Of two that make one, the first stands."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            beside.replace(path)
        else:
            with suppress(FileExistsError):
                os.link(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _private_text(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_text(raw: bytes) -> bytes:
    key = Ed25519PublicKey.from_public_bytes(raw)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
