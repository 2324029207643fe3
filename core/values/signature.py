"""What a signature of a decision is made over, and how it and a public key are written.

The bytes are these lines, joined by newlines, in UTF-8; no value but the last can hold a newline:

    agent-telemetry decision 1
    key id
    request id
    digest of the request
    approved or rejected; edited: and the digest of the changed arguments; changes
    person
    moment of the intent: milliseconds since 1970 by Redis's clock
    reason

A signature is written `1:<key id>:<moment>:<base64url>`, a public key `ed25519:<base64url>`, both without padding.
A key's id is the beginning of the SHA-256 of its 32 bytes.
"""

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from .approvals import EDITED
from .ed25519 import KEY_BYTES, SIGNATURE_BYTES

FIRST_LINE = "agent-telemetry decision 1"
SIGNATURE_LENGTH = 160  # at most, as it is written
_WRITTEN = re.compile(r"1:([0-9a-f]{16}):([0-9]{1,15}):([A-Za-z0-9_-]{86})")
_KEY = re.compile(r"ed25519:([A-Za-z0-9_-]{43})=?")


class SignaturePayload(NamedTuple):
    """What a person said to a request: `digest` of the bytes that were on the screen, `status` as it ended by it.

    `status` is of `signed_status` where it was answered in another way than yes or no.
    """

    request_id: str
    digest: str
    status: str
    person: str
    reason: str


def signed_status(status: str, answer: str, edited: str) -> str:
    """How an end is called in what is signed. edited: the digest of the changed arguments."""
    return f"{answer}:{edited}" if answer == EDITED else answer or status


class Signature(NamedTuple):
    """A signature that is well formed. moment_ms: by Redis's clock."""

    key_id: str
    moment_ms: int
    signature: bytes

    def __str__(self) -> str:
        return f"{signed_by(self.key_id)}{self.moment_ms}:{_text(self.signature)}"


def message(said: SignaturePayload, key_id: str, moment_ms: int) -> bytes:
    """The bytes that are signed."""
    about = (FIRST_LINE, key_id, said.request_id, said.digest, said.status, said.person, str(moment_ms))
    return "\n".join((*about, said.reason)).encode(errors="surrogatepass")


def parse_signature(text: str) -> Signature | None:
    """The signature, or None for what is none."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        return None
    raw = urlsafe_b64decode(found[3] + "==")
    # A last character that says more than the bytes would be a second form of the same signature.
    if len(raw) != SIGNATURE_BYTES or _text(raw) != found[3]:
        return None
    return Signature(found[1], int(found[2]), raw)


def parse_public_keys(text: str) -> dict[str, bytes]:
    """The keys by id, of a text with one or several; ValueError for anything else."""
    keys = {}
    for word in text.replace(",", " ").split():
        found = _KEY.fullmatch(word)
        if found is None:
            raise ValueError(
                "must be one or several public keys such as `manage.py decision_key` prints: ed25519: and 43 characters"
            )
        raw = urlsafe_b64decode(found[1] + "=")[:KEY_BYTES]
        keys[key_id(raw)] = raw
    return keys


def signed_by(key_id: str) -> str:
    """How every signature of this key begins, as it is written."""
    return f"1:{key_id}:"


def key_id(public_key: bytes) -> str:
    """16 hexadecimal digits."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def public_key_text(public_key: bytes) -> str:
    """As `TELEMETRY_DECISION_KEY` has it."""
    return f"ed25519:{_text(public_key)}"


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
