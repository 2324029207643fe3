"""The key with which the site signs decisions. It stays in a file of the site's own and is in no backup.

The file holds the private key that signs; behind it, where one is announced, the private key that signs next; and the
public keys of those before: what they signed stays proven.
"""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.utils import timezone

from core.approvals.proof import Proof
from core.history import atomic_file
from core.history.database.private_file import open_to_others
from core.history.people.accounts import earlier_names
from core.models import ApprovalRecord, DecisionIntent
from core.models.rules import rule_name
from core.store.approvals import RequestRecord
from core.store.keys import ENDED_TTL_MS
from core.values.approvals import APPROVED, OPEN, status_of_answer
from core.values.digests import edited_digest
from core.values.signature import (
    Signature,
    SignaturePayload,
    key_id,
    message,
    parse_signature,
    signed_by,
    signed_status,
)

_PRIVATE = b"-----BEGIN PRIVATE KEY-----"


class CannotSign(Exception):
    """There is no key to sign with, so nothing is decided; the message says what is wrong with its file."""


class Keyring(NamedTuple):
    """The key that signs, its public part, and all public keys whose signatures count, by id, the one that signs first.

    next: the key that signs next, where one is announced; agents are given its public part before it does.
    """

    private: Ed25519PrivateKey
    public: bytes
    known: Mapping[str, bytes]
    next: Ed25519PrivateKey | None = None

    @property
    def key_id(self) -> str:
        """Of the key that signs."""
        return key_id(self.public)

    @property
    def announced(self) -> bytes | None:
        """The public part of the key that signs next; None where none is announced."""
        return None if self.next is None else _public(self.next)


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


def announce() -> Keyring:
    """Make the key that signs next, so that agents can be given it; the one that is announced already stays."""
    now = keyring()
    if now.next is None:
        upcoming = _private_text(Ed25519PrivateKey.generate())
        _write(_path(), _private_text(now.private) + upcoming + _retired(now, now.public), replace=True)
    return keyring()


def rotate(*, at_once: bool = False) -> Keyring:
    """Sign with the announced key from now on, or with a new one; what older ones signed stays proven.

    at_once: with a new one that nobody was given yet, as where the file was read by others.
    """
    before = keyring()
    upcoming = before.next if before.next is not None and not at_once else Ed25519PrivateKey.generate()
    _write(_path(), _private_text(upcoming) + _retired(before, _public(upcoming)), replace=True)
    return keyring()


def _retired(keys: Keyring, but: bytes) -> bytes:
    """The public keys as the file holds them, without this one and the one that is announced."""
    return b"".join(_public_text(key) for key in keys.known.values() if key not in (but, keys.announced))


def unheard(key: str) -> int:
    """How many approvals that this key signed their agents may not have yet: until then they need it."""
    since = timezone.now() - timedelta(milliseconds=ENDED_TTL_MS)  # Redis tells no end that is older
    by = signed_by(key)
    told = ApprovalRecord.objects.filter(
        signature__startswith=by, status=APPROVED, collected_at=None, ended_at__gte=since
    )
    on_their_way = DecisionIntent.objects.filter(signature__startswith=by, approved=True, outcome=OPEN)
    ids = {*told.values_list("pk", flat=True), *on_their_way.values_list("request_id", flat=True)}
    return len(ids)


def sign(said: SignaturePayload, moment: datetime) -> str:
    """The signature of what a person said, as it is written. moment: by Redis's clock."""
    keys, moment_ms = keyring(), round(moment.timestamp() * 1000)
    signature = keys.private.sign(message(said, keys.key_id, moment_ms))
    return str(Signature(keys.key_id, moment_ms, signature))


def is_signed(said: SignaturePayload, written: str) -> bool:
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


def forgery_reason(said: SignaturePayload, written: str) -> str:
    """Why a signature with a key of this site is not of this; '' where it is, or where the key is not known here."""
    signature = parse_signature(written)
    try:
        known = keyring().known if _path().exists() else {}
    except (CannotSign, OSError):
        known = {}
    if signature is not None and signature.key_id not in known:
        return ""
    return Proof(known, said.digest).why_not(said.request_id, said.status, said.person, said.reason, written)


def is_proven(record: RequestRecord) -> bool:
    """Whether the end that Redis tells of is signed, for the bytes that Redis holds."""
    how = signed_status(record.status, record.answer, edited_digest(record.edited))
    said = SignaturePayload(record.request_id, record.digest, how, record.responder, record.reason)
    return is_signed(said, record.signature)


def payload_of(intent: DecisionIntent, name: str) -> SignaturePayload:
    """What an attempt says, in this name, as that is signed."""
    edited = edited_digest(intent.edited_to.encode())
    how = signed_status(status_of_answer(intent.approved), intent.answer, edited)
    return SignaturePayload(str(intent.request_id), intent.digest, how, name, intent.reason)


def is_by(intent: DecisionIntent, name: str) -> bool:
    """Whether an attempt is in this name: its person may be called otherwise since it was signed."""
    return name == intent.responder or is_signed(payload_of(intent, name), intent.signature)


def name_of(intent: DecisionIntent) -> str:
    """The name in which an attempt was signed."""
    if is_signed(payload_of(intent, intent.responder), intent.signature):
        return intent.responder
    before: Iterator[str] = earlier_names(intent.user.get_username())
    if intent.rule_id is not None:
        before = (rule_name(intent.rule_id, name) for name in before)
    return next((name for name in before if is_by(intent, name)), intent.responder)


def is_open_to_others() -> bool:
    """Whether somebody else on this machine may read the key."""
    return open_to_others(_path())


def _path() -> Path:
    return Path(settings.TELEMETRY_DECISION_KEY_FILE)


@lru_cache(maxsize=4)
def _read(path: Path, _changed_ns: int, _inode: int) -> Keyring:
    text = path.read_bytes()
    if _PRIVATE not in text:
        raise ValueError("it holds no private key")
    first, *others = (_private(part) for part in text.split(_PRIVATE)[1:])
    public = _public(first)
    known = {key_id(key): key for key in (public, *map(_public, others[:1]))}
    for part in text.split(b"-----BEGIN PUBLIC KEY-----")[1:]:
        retired = serialization.load_pem_public_key(b"-----BEGIN PUBLIC KEY-----" + part)
        if isinstance(retired, Ed25519PublicKey):
            raw = retired.public_bytes_raw()
            known[key_id(raw)] = raw
    return Keyring(first, public, known, others[0] if others else None)


def _private(part: bytes) -> Ed25519PrivateKey:
    found = serialization.load_pem_private_key(_PRIVATE + part, None)
    if not isinstance(found, Ed25519PrivateKey):
        raise ValueError("it holds a key of another kind")
    return found


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


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
        atomic_file.sync_folder(path.parent)  # a power cut must not leave signatures whose key has no name
    finally:
        beside.unlink(missing_ok=True)


def _private_text(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_text(raw: bytes) -> bytes:
    key = Ed25519PublicKey.from_public_bytes(raw)
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
