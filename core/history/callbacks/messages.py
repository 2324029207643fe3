"""How an end is signed on its way: as Standard Webhooks do, so that any of their libraries checks it."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

SECRET = "whsec_"


def body_of(said: dict[str, Any]) -> bytes:
    """The bytes of a message, kept as they are for each try."""
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def key_of(secret: str) -> bytes:
    """The key that a secret `whsec_...` has in base64."""
    return base64.b64decode(secret.removeprefix(SECRET))


def headers(message_id: str, body: bytes, key: bytes) -> dict[str, str]:
    """The headers of one try, made now."""
    timestamp = str(int(time.time()))
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": f"v1,{signature(message_id, timestamp, body, key)}",
    }


def signature(message_id: str, timestamp: str, body: bytes, key: bytes) -> str:
    """HMAC-SHA256 of id, timestamp and body with dots between them, in base64."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
