"""HTTP to a site with what Python brings: connections that are kept, the system's certificates, its proxies."""

import http.client
import json
import math
import os
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from ..errors import MalformedRecord, StoreRefused, StoreUnavailable, TooLarge

PATH = "/api/v1/"
CALL_SECONDS = 10.0
IDLE_SECONDS = 30.0  # what was silent for longer may lead nowhere, and nobody would hear of that
BUSY = (408, 429, 500, 502, 503, 504)
BAD_ADDRESS = (
    "the address of a site must be such as https://telemetry.example, without a name or a password in it"
)
NO_TLS = "https:// asks for TLS, and this port did not answer in it: a plain port needs http://"


class SiteReply(NamedTuple):
    """What came back: the status, and the object in the body."""

    status: int
    body: dict[str, Any]

    @property
    def message(self) -> str:
        """The site's own sentence, or what little there is."""
        if 300 <= self.status < 400:
            return f"the site leads elsewhere ({self.status}): give the address that its page Connect shows"
        return str(self.body.get("message") or f"the site answered with {self.status}")

    @property
    def is_of_a_site(self) -> bool:
        """Whether a site of this kind has said it, and nobody before it, such as a proxy."""
        return "error" in self.body if self.status >= 400 else bool(self.body)


class Site:
    """One site, asked in the name of a token. Safe from several threads: each call has a connection of its own."""

    def __init__(self, address: str, token: str) -> None:
        self._tls, self._host, self._port, path = _parts(address)
        self._path = path.rstrip("/").removesuffix(PATH.rstrip("/")) + PATH
        self._headers = {"Authorization": f"Bearer {_checked_token(token)}", "Accept": "application/json"}
        self._idle: deque[SiteConnection] = deque()
        self._process = os.getpid()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        seconds: float = CALL_SECONDS,
    ) -> SiteReply:
        """What the site says; StoreUnavailable where it says nothing within `seconds`, is busy or starts again.

        StoreRefused where the token is not good, or may not do this.
        """
        if self._process != os.getpid():
            # A forked child must not talk on its parent's sockets: each would hear what the other asked.
            self._process, self._idle = os.getpid(), deque()
        idle, end = self._idle, time.monotonic() + seconds
        connection = self._take()
        try:
            said = connection.call(method, self.line(path, query), body, seconds)
        except StoreUnavailable:
            left = end - time.monotonic()
            if not connection.used_at or left <= 0:
                raise
            # The kept one had been closed meanwhile, and every call may be repeated.
            connection = SiteConnection(self)
            said = connection.call(method, self.line(path, query), body, left)
        if idle is self._idle:
            idle.append(connection)
        else:
            connection.close()  # so was this site meanwhile
        return checked_reply(said)

    def connection(self) -> "SiteConnection":
        """One of its own, for who waits long."""
        return SiteConnection(self)

    def close(self) -> None:
        """Close those that are kept."""
        idle, self._idle = self._idle, deque()
        while idle:
            idle.pop().close()

    def _take(self) -> "SiteConnection":
        with suppress(IndexError):
            while time.monotonic() - (kept := self._idle.pop()).used_at > IDLE_SECONDS:
                kept.close()
            return kept
        return SiteConnection(self)

    def line(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """What is asked for."""
        return self._path + quote(path) + (f"?{urlencode(query)}" if query else "")

    def opened(self) -> http.client.HTTPConnection:
        """A connection that is not open yet, through the proxy that the environment names."""
        proxy = None if proxy_bypass(self._host) else getproxies().get("https" if self._tls else "http")
        through = urlsplit(proxy if "//" in proxy else f"//{proxy}") if proxy else None
        host, port = (self._host, self._port) if through is None else (through.hostname or "", through.port)
        made = (
            http.client.HTTPSConnection(host, port, timeout=CALL_SECONDS, context=_certificates())
            if self._tls
            else http.client.HTTPConnection(host, port, timeout=CALL_SECONDS)
        )
        if through is not None:
            made.set_tunnel(self._host, self._port, _credentials(through))
        return made

    @property
    def headers(self) -> dict[str, str]:
        """Of every call."""
        return dict(self._headers)


class SiteConnection:
    """One connection, used by one thread at a time; another thread may cut it."""

    def __init__(self, site: Site) -> None:
        self._site, self._open = site, site.opened()
        self._lock = threading.Lock()
        self.used_at = 0.0  # monotonic, of its last answer; 0 before the first

    def connect(self, seconds: float = CALL_SECONDS) -> None:
        """Be connected; StoreUnavailable where that is not possible within `seconds`."""
        if self._open.sock is None:
            self._open.timeout = min(CALL_SECONDS, seconds)
            try:
                self._open.connect()
            except (OSError, http.client.HTTPException) as error:
                raise StoreUnavailable(f"the site is unreachable: {_why(error)}") from error

    def call(self, method: str, line: str, body: Mapping[str, Any] | None, seconds: float) -> SiteReply:
        """Send and read; StoreUnavailable where that fails, and the connection is closed then."""
        headers = self._site.headers
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self.connect(seconds)
            self._open.sock.settimeout(seconds)
            self._open.request(method, line, None if body is None else encoded(body), headers)
            with self._open.getresponse() as response:
                said = SiteReply(response.status, _object(response.read()))
        except (
            OSError,
            http.client.HTTPException,
            AttributeError,
        ) as error:  # its socket is None once it is cut
            self.close()
            raise StoreUnavailable(
                f"the site does not answer: {type(error).__name__} {error}".rstrip()
            ) from error
        self.used_at = time.monotonic()
        return said

    def cut(self) -> None:
        """From another thread: whoever reads fails at once."""
        held = self._open.sock
        if held is not None:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The next call opens it again."""
        with self._lock:
            self._open.close()


def encoded(body: Mapping[str, Any]) -> bytes:
    """JSON as it is sent."""
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def checked_reply(said: SiteReply) -> SiteReply:
    """What came back, where it is an answer to the call; else it is raised."""
    if said.body.get("error") == "malformed":
        raise MalformedRecord(said.message)
    if said.status in BUSY and said.body.get("error") != "too_many":
        raise StoreUnavailable(said.message)
    if said.status in (401, 403, 429) or 300 <= said.status < 400:
        raise StoreRefused(said.message)
    if not said.is_of_a_site:
        raise StoreUnavailable(f"what answers is no site of this kind ({said.status})")
    if said.body.get("error") == "too_large":
        raise TooLarge(said.message)
    return said


def seconds_or_none(seconds: float) -> float | None:
    """As JSON has it: null where there is no end."""
    return None if math.isinf(seconds) else seconds


def _why(error: Exception) -> str:
    """Why there is no connection, with the way out where there is one."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_message}. SSL_CERT_FILE names a file of the authorities that are trusted here"
    if isinstance(error, ssl.SSLError) and ("WRONG_VERSION" in str(error) or "record layer" in str(error)):
        return NO_TLS
    return str(error)


def _parts(address: str) -> tuple[bool, str, int | None, str]:
    """Whether it is TLS, the host, the port and the path of an address; ValueError for what is none."""
    try:
        parts = urlsplit(address)
        port, host = parts.port, parts.hostname or ""
        host.encode("idna")
    except ValueError as error:
        raise ValueError(BAD_ADDRESS) from error
    is_plain = parts.path.isascii() and parts.path.isprintable() and " " not in parts.path
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or not is_plain:
        raise ValueError(BAD_ADDRESS)
    return parts.scheme == "https", host, port, parts.path


def _checked_token(token: object) -> str:
    if not isinstance(token, str):
        raise TypeError(f"token must be a str, not {type(token).__name__}")
    secret = token.strip()
    if not secret.isascii() or not secret.isprintable():
        raise ValueError("token must be one line, as the page Connect shows it")
    return secret


def _object(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {}  # the page of a proxy
    return found if isinstance(found, dict) else {}


def _credentials(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    said = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(said.encode()).decode()}"}


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    return ssl.create_default_context()
