"""The room of exporters: POST /v1/logs, /v1/metrics and /v1/traces, as OTLP over HTTP has them."""

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from django.conf import settings
from django.db import close_old_connections

from core.api.answers import HEADERS, Refused
from core.api.bearers import require
from core.api.desk import Desk, Receive, Scope, Send, body_of, header, refused_by
from core.api.otlp.body import unpacked
from core.api.otlp.records import LOGS, METRICS, TRACES
from core.api.otlp.signs import Signs
from core.history.people.tokens import Bearer

logger = logging.getLogger(__name__)

ADDRESSES = {f"/v1/{signal}": signal for signal in (LOGS, METRICS, TRACES)}
PROTOBUF, JSON = b"application/x-protobuf", b"application/json"
THREADS = 2  # decoding is the interpreter's own work: one does as much, and the other while it waits for the database
MOST_WAITING = 32
BUSY_SECONDS = 2


class _Answer(NamedTuple):
    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


class OtlpRoom:
    """Takes exports. What a client sends is read only behind a good token, and unpacked and decoded in threads."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._waiting = desk, 0
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="otlp")
        self.signs = Signs(desk.beating)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one export, in the form in which it came."""
        kind = b""
        try:
            kind = header(scope, b"content-type").split(b";")[0].strip().lower()
            answer = await self._answer(scope, receive, kind)
        except Exception as error:
            answer = _refusal(refused_by(scope, error), kind)
        headers = [(name, value) for name, value in HEADERS if name != b"content-type"]
        headers += [(b"content-type", kind if kind in (PROTOBUF, JSON) else JSON), *answer.headers]
        headers.append((b"content-length", str(len(answer.body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Scope, receive: Receive, kind: bytes) -> _Answer:
        if scope["method"] != "POST":
            raise Refused(405, "method", f"This takes POST, not {scope['method']}.")
        bearer = await self._desk.bearer(scope)
        require(bearer, "usage")
        if kind not in (PROTOBUF, JSON):
            raise Refused(415, "body", "Send application/x-protobuf or application/json.", of="body")
        body = await body_of(receive, settings.TELEMETRY_BODY_BYTES)
        if self._waiting >= MOST_WAITING:
            raise Refused(429, "busy", "Too many exports wait here. Send it again later.", after=BUSY_SECONDS)
        self._waiting += 1
        try:
            signal, packed = ADDRESSES[scope["path"]], header(scope, b"content-encoding")
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(
                self._threads, self._take, bearer, signal, body, packed, kind == JSON
            )
        finally:
            self._waiting -= 1

    def _take(self, bearer: Bearer, signal: str, body: bytes, packed: bytes, is_json: bool) -> _Answer:
        # Imported where it is used: a site to which nobody exports needs no protobuf in its memory.
        from core.api.otlp.json_form import JSON as OBJECTS
        from core.api.otlp.protobuf import PROTOBUF as MESSAGES
        from core.api.otlp.receiving import ExportReceiver

        form = OBJECTS if is_json else MESSAGES
        close_old_connections()
        try:
            receiver = ExportReceiver(self.signs, lambda: settings.TELEMETRY_METRICS_OF)
            taken = receiver.take(bearer, signal, unpacked(body, packed), form)
        except ValueError as error:
            raise Refused(400, "body", f"Nothing was taken: {error}.", of="body") from error
        finally:
            close_old_connections()
        return _Answer(200, form.answer(signal, taken.rejected, taken.why))


def _refusal(refused: Refused, kind: bytes) -> _Answer:
    """A Status of Google's RPC, as OTLP wants errors; its message says what to do."""
    headers: list[tuple[bytes, bytes]] = []
    if refused.after:
        headers.append((b"retry-after", str(refused.after).encode()))
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    return _Answer(refused.status, _status(str(refused), kind), tuple(headers))


def _status(message: str, kind: bytes) -> bytes:
    said = message.encode(errors="backslashreplace")[:1000]
    if kind != PROTOBUF:
        body: dict[str, Any] = {"message": said.decode(errors="ignore")}
        return json.dumps(body, ensure_ascii=False).encode()
    length, size = bytearray(), len(said)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return b"\x12" + bytes(length) + said  # field 2, a text
