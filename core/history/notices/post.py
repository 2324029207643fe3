"""A small sender over HTTP: one time limit for all of it, no redirect, one address that was looked at.

What is common for this follows redirects, counts its limit anew with each byte, and resolves a name by itself.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NamedTuple
from urllib.parse import SplitResult

from core.history.notices.addresses import NotResolved, SendRefused, Target, parsed, resolve

IN_TIME = "no answer in time"
PORTS = {"https": 443, "http": 80}


class NotSent(Exception):
    """It was not taken, and may be tried again; the message is a sentence for people, and names no secret."""


class DeliveryUnknown(Exception):
    """It was on its way, and nobody knows whether it was taken."""


class PostReply(NamedTuple):
    """What was answered. `after`: what it says of when to try again, or ''. `body`: its first bytes, where wanted."""

    status: int
    after: str
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], seconds: float) -> None:
    """Send it; done where the answer is 2xx, within `seconds` for all of it.

    SendRefused for what will never be taken: a private address, plain HTTP, a redirect, another 4xx. NotSent,
    DeliveryUnknown.
    """
    _judge(exchange(url, body, headers, seconds).status)


def exchange(url: str, body: bytes, headers: Mapping[str, str], seconds: float, most: int = 0) -> PostReply:
    """Send it, and what was answered, of its body `most` bytes; within `seconds` for all of it.

    SendRefused for a private address and for plain HTTP; NotSent where it did not get there; DeliveryUnknown.
    """
    ends = time.monotonic() + seconds
    parts = parsed(url)
    with _connected(parts, ends) as connection, watched(connection.sock, ends) as is_over:
        return _answer(connection, parts, (body, headers), is_over, most)


def _judge(status: int) -> None:
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise SendRefused(f"it answers with a redirect ({status}), which is not followed")
    if status in (408, 429) or status >= 500:
        raise NotSent(f"it answers with {status}")
    raise SendRefused(f"it answers with {status}")


@contextmanager
def _connected(parts: SplitResult, ends: float) -> Iterator[http.client.HTTPConnection]:
    """A connection to the very address that was looked at, under the name that was asked for."""
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    connection = http.client.HTTPConnection(host, port)
    try:
        target = resolve(host, port, ends - time.monotonic())
        if parts.scheme == "http" and not target.is_named:
            raise SendRefused("plain http is for networks that TELEMETRY_NOTICE_NETWORKS names; use https")
        connection.sock = _opened(target, host, parts.scheme == "https", ends)
    except NotResolved as error:
        raise NotSent(str(error)) from error
    except OSError as error:
        raise NotSent(f"it cannot be reached: {_in_words(error)}") from error
    try:
        yield connection
    finally:
        connection.close()


def _opened(target: Target, host: str, encrypted: bool, ends: float) -> socket.socket:
    opened: socket.socket = socket.socket(target.family, socket.SOCK_STREAM)
    try:
        opened.settimeout(max(0.001, ends - time.monotonic()))
        opened.connect(target.place)
        if not encrypted:
            return opened
        context = ssl.create_default_context()
        opened = context.wrap_socket(opened, server_hostname=host, do_handshake_on_connect=False)
        with watched(opened, ends):
            opened.do_handshake()
        return opened
    except BaseException:
        opened.close()
        raise


@contextmanager
def watched(opened: socket.socket | None, ends: float) -> Iterator[threading.Event]:
    """Within, the connection breaks when the time is over, however slowly bytes still come; the event says so."""
    is_over = threading.Event()

    def end() -> None:
        is_over.set()
        with suppress(OSError):  # it is closed already
            if opened is not None:
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, ends - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield is_over
    finally:
        timer.cancel()


def _answer(
    connection: http.client.HTTPConnection,
    parts: SplitResult,
    sent: tuple[bytes, Mapping[str, str]],
    is_over: threading.Event,
    most: int,
) -> PostReply:
    body, headers = sent
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", path, body, {"User-Agent": "agent-telemetry", **headers})
        answer = connection.getresponse()
        # What follows is not read, unless somebody wants it.
        heard = PostReply(
            answer.status, answer.headers.get("Retry-After", ""), answer.read(most) if most else b""
        )
    except (OSError, http.client.HTTPException, ValueError) as error:
        why = IN_TIME if is_over.is_set() else _in_words(error)
        raise DeliveryUnknown(f"it was sent, and then: {why}") from error
    if is_over.is_set():
        raise DeliveryUnknown(f"it was sent, and then: {IN_TIME}")  # a head that we cut off ourselves
    return heard


def _in_words(error: Exception) -> str:
    """Never what the other side said."""
    if isinstance(error, TimeoutError):
        return IN_TIME
    return getattr(error, "strerror", None) or type(error).__name__
