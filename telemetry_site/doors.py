"""What stands before Django: whom a proxy speaks for, how large a body may be, and from which page a socket comes.

Plain ASGI, so that nothing is read or kept of a request that is refused.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from core.api.door import is_behind
from telemetry_site.addresses import Network

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

FORWARDED = (b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"forwarded")
ANONYMOUS_BYTES = 64 * 1024  # a form to sign in is smaller than that
BODY_SECONDS = 30.0
PORTS = {"http": "80", "https": "443"}


class Doors:
    """The application behind its doors."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in, or refuse."""
        if scope["type"] not in ("http", "websocket"):
            await self._application(scope, receive, send)
            return
        scope = as_forwarded(scope)
        if scope["type"] == "http":
            await _Body(scope, receive, send).serve(self._application)
        elif may_open(scope):
            await self._application(scope, receive, send)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 1008})


def as_forwarded(scope: Scope) -> Scope:
    """The request as the trusted proxy says it came; without one what the headers claim is taken away."""
    headers = list(scope["headers"])
    said = {name: value for name, value in headers if name in FORWARDED}
    kept = [(name, value) for name, value in headers if name not in FORWARDED]
    if not said:
        return scope
    peer = (scope.get("client") or ("", 0))[0]
    trusted = settings.TELEMETRY_TRUSTED_PROXIES
    if not _is_within(peer, trusted):
        return {**scope, "headers": kept}
    address = _first_stranger(said.get(b"x-forwarded-for", b"").decode("latin-1"), trusted) or peer
    if not settings.SECURE_PROXY_SSL_HEADER:
        return {**scope, "headers": kept, "client": (address, 0)}
    secure = said.get(b"x-forwarded-proto", b"").strip() == b"https"
    kept.append((b"x-forwarded-proto", b"https" if secure else b"http"))
    scheme = {"http": ("http", "https"), "websocket": ("ws", "wss")}[scope["type"]][secure]
    return {**scope, "headers": kept, "client": (address, 0), "scheme": scheme}


def _first_stranger(chain: str, trusted: list[Network]) -> str:
    """The last address of the chain that is no proxy of ours: each proxy appends whom it heard; '' for none."""
    for said in reversed(chain.split(",")):
        try:
            address = str(ipaddress.ip_address(said.strip()))
        except ValueError:
            return ""
        if not _is_within(address, trusted):
            return address
    return ""


def _is_within(address: str, trusted: list[Network]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        # A unix socket has no address: who reaches it is on this machine.
        return bool(trusted) and address == ""
    return any(found in network for network in trusted)


def may_open(scope: Scope) -> bool:
    """Whether a socket comes from a page of this very site: scheme, host and port, all of them."""
    headers = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    name, _port = split_domain_port(host)
    if not name or not validate_host(name, settings.ALLOWED_HOSTS):
        return False
    origin = headers.get(b"origin", b"").decode("latin-1")
    scheme = "https" if settings.HTTPS or scope.get("scheme") == "wss" else "http"
    own = f"{scheme}://{host}"
    return _with_port(origin) in {_with_port(one) for one in (own, *settings.CSRF_TRUSTED_ORIGINS)}


def _with_port(origin: str) -> str:
    scheme, _, rest = origin.lower().partition("://")
    name, _, port = rest.rpartition(":") if not rest.endswith("]") and ":" in rest else (rest, "", "")
    return f"{scheme}://{name}:{port or PORTS.get(scheme, '')}"


class _TooLarge(Exception):
    pass


class _Body:
    """Counts what comes. Beyond its bound, or after its time, nothing more is read."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._headers = dict(scope["headers"])
        cookies = self._headers.get(b"cookie", b"")
        known = f"{settings.SESSION_COOKIE_NAME}=".encode() in cookies
        known = known or is_behind(scope["path"])  # there nothing is read of a body without a good token
        self._most = (
            settings.TELEMETRY_BODY_BYTES if known else min(ANONYMOUS_BYTES, settings.TELEMETRY_BODY_BYTES)
        )
        self._came, self._until = 0, 0.0
        self._ended = self._answered = False

    async def serve(self, application: Application) -> None:
        """Answer, or 413 for a body that is too large, 408 for one that does not end."""
        said = self._headers.get(b"content-length", b"0")
        if not said.isdigit() or int(said[:20]) > self._most:
            await self._refuse(413)
            return
        try:
            await application(self._scope, self.receive, self.send)
        except _TooLarge:
            await self._refuse(413)
        except TimeoutError:
            if self._ended:
                raise
            await self._refuse(408)

    async def receive(self) -> MutableMapping[str, Any]:
        """The next part."""
        if self._ended:
            return await self._receive()
        # For all of it, not for each part: one byte in ten seconds would hold a connection for a month.
        self._until = self._until or asyncio.get_running_loop().time() + BODY_SECONDS
        async with asyncio.timeout_at(self._until):
            message = await self._receive()
        self._came += len(message.get("body", b""))
        if self._came > self._most:
            raise _TooLarge
        self._ended = not message.get("more_body", False)
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass on."""
        self._answered = True
        await self._send(message)

    async def _refuse(self, status: int) -> None:
        if self._answered:
            return
        headers = [
            (b"content-type", b"text/plain"),
            (b"connection", b"close"),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"default-src 'none'"),
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        words = {413: b"This is too large.\n", 408: b"This took too long.\n"}
        await self._send({"type": "http.response.body", "body": words[status]})
