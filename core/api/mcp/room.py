"""The room of the MCP server: one address, a token in `Authorization`, no session and no cookie."""

import asyncio
from typing import Any
from weakref import WeakKeyDictionary

from core.api.answers import Refused, Reply
from core.api.bearers import require
from core.api.desk import Desk, Receive, Scope, Send, answer, query_of, refused_by
from core.api.mcp.asking import TokenAsker

ADDRESS = "/mcp"


class McpApplication:
    """The application of the SDK, running in one event loop for as long as that runs."""

    def __init__(self) -> None:
        # Imported where it is used: a site that nobody asks over MCP needs none of it in its memory.
        from mcp.server.transport_security import TransportSecuritySettings

        from core.api.mcp.server import made

        # Whoever calls shows a token, and a page in a browser has none: no name of a host needs to be known.
        open_to_any = TransportSecuritySettings(enable_dns_rebinding_protection=False)
        self.application = made().streamable_http_app(
            streamable_http_path=ADDRESS, stateless_http=True, transport_security=open_to_any
        )
        self._ready = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self.application.router.lifespan_context(self.application):
            self._ready.set()
            await asyncio.Event().wait()

    async def ready(self) -> Any:
        """The application, once it has begun."""
        waiting = asyncio.ensure_future(self._ready.wait())
        await asyncio.wait({waiting, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            waiting.cancel()
            self._task.result()
        return self.application


class McpRoom:
    """Answers calls of MCP whose token may ask."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._served: WeakKeyDictionary[asyncio.AbstractEventLoop, McpApplication] = WeakKeyDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let in by the token, and hand on."""
        try:
            bearer = await self._desk.bearer(scope)
            require(bearer, "ask")
            if scope["method"] == "GET":
                raise Refused(
                    405, "method", "Nothing is told here that was not asked: this takes POST, not GET."
                )
            query = query_of(scope)
        except Exception as error:
            await answer(scope, send, Reply.of(refused_by(scope, error)))
            return
        from core.api.mcp.tasks import ASKER

        loop = asyncio.get_running_loop()
        if loop not in self._served:
            self._served[loop] = McpApplication()
        application = await self._served[loop].ready()
        asker = TokenAsker(
            self._desk, bearer, {name: query[name] for name in ("agent", "timeout") if name in query}
        )
        await application({**scope, ASKER: asker}, receive, send)
