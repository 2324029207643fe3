"""Which ends somebody asked to be told of, and what became of that."""

import base64
import uuid
from typing import Any

from core.history.callbacks.messages import SECRET
from core.history.notices.addresses import parsed
from core.history.notices.sealing import seal
from core.models import Callback


def subscribe(request_id: str, token: str, url: str) -> None:
    """Tell this address how the request ends. The first address that was said for a request is the one.

    token: the SHA-256 of the one that asks, 64 hex digits.
    """
    callback = Callback(
        id=uuid.uuid4(),
        request_id=request_id,
        sealed_url=seal(url),
        sealed_secret=seal(secret_of(token)),
        host=parsed(url).hostname or "",
    )
    Callback.objects.bulk_create([callback], ignore_conflicts=True)


def secret_of(digest: str) -> str:
    """What both sides know and nobody has to send: the SHA-256 of the token, as a secret of Standard Webhooks."""
    return SECRET + base64.b64encode(bytes.fromhex(digest)).decode()


def delivery_of(request_id: str) -> dict[str, Any] | None:
    """How far telling its asker is; None where nobody asked for that."""
    found = Callback.objects.filter(request_id=request_id, instance=None).first()
    if found is None:
        return None
    return {"host": found.host, "state": found.state, "tries": found.tries, "error": found.error or None}
