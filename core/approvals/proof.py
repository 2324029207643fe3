"""Whether a person of the site said yes to the very bytes that an agent asked with.

Who may write to Redis can write an end there; nobody but the site can sign one. An agent that was given the site's
public key takes no other yes.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple

from ..errors import StoreMisconfigured
from ..store.configuration import setting
from ..values import ed25519
from ..values.signature import SignaturePayload, message, parse_public_keys, parse_signature

KEY_SETTING = "TELEMETRY_DECISION_KEY"
Verify = Callable[[bytes, bytes, bytes], bool]


class Proof(NamedTuple):
    """What a yes is held to: the site's public keys by id, and the digest that the agent asked with.

    deadline_ms: of the request as Redis told its asker, whatever stands there now; None where it did not ask itself.
    """

    keys: Mapping[str, bytes]
    digest: str
    deadline_ms: int | None = None

    def why_not(self, request_id: str, status: str, person: str, reason: str, written: str) -> str:
        """Why this end is not proven, or ''."""
        if not written:
            return "it is not signed"
        signature = parse_signature(written)
        if signature is None:
            return "its signature is malformed"
        key = self.keys.get(signature.key_id)
        if key is None:
            return f"it is signed with another key, {signature.key_id}"
        said = SignaturePayload(request_id, self.digest, status, person, reason)
        signed = message(said, signature.key_id, signature.moment_ms)
        if not verifier()(key, signed, signature.signature):
            return "its signature is not of this answer to what was asked"
        if self.deadline_ms is not None and signature.moment_ms >= self.deadline_ms:
            return "it was signed after the deadline"
        return ""


def public_keys() -> Mapping[str, bytes]:
    """The keys by id of TELEMETRY_DECISION_KEY; empty without one. StoreMisconfigured where it is malformed."""
    return _parsed(setting(KEY_SETTING))


@lru_cache(maxsize=8)
def _parsed(text: str) -> Mapping[str, bytes]:
    try:
        return parse_public_keys(text)
    except ValueError as error:
        raise StoreMisconfigured(f"{KEY_SETTING} {error}") from None


@lru_cache(maxsize=1)
def verifier() -> Verify:
    """That of `cryptography`, where it is installed, else our own: 0.1 ms, or 2."""
    return _of_cryptography() or ed25519.verify


def _of_cryptography() -> Verify | None:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        return None

    def verify(key: bytes, signed: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
        except (InvalidSignature, ValueError):
            return False
        return True

    return verify
