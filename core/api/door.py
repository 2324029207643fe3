"""The ASGI application in front of the pages: which room answers under which prefix."""

from collections.abc import Awaitable, Callable
from typing import Any

from core.api.aap.room import ProtocolRoom
from core.api.desk import Desk, Receive, Room, Scope, Send
from core.api.mcp.room import ADDRESS, McpRoom
from core.api.otlp.room import ADDRESSES, OtlpRoom
from core.api.routes import ApiRoom

# A prefix that ends with / is a beginning, every other one the very address. A room is made with the desk, reads
# nothing of a body before `desk.bearer`, and may be an ASGI application of any kind. One line here is a new room.
ROOMS: dict[str, Callable[[Desk], Room]] = {
    "/api/v1/": ApiRoom,
    **dict.fromkeys(ADDRESSES, OtlpRoom),
    ADDRESS: McpRoom,
    "/api/aap/": ProtocolRoom,
}


def is_behind(path: str) -> bool:
    """Whether this address is answered by a room, and not by the pages."""
    return _prefix(path) is not None


def _prefix(path: str) -> str | None:
    return next((p for p in ROOMS if path == p or (p.endswith("/") and path.startswith(p))), None)


class Door:
    """Hands each call to the room of its address, and everything else on."""

    def __init__(self, otherwise: Any) -> None:
        self._otherwise = otherwise
        self.desk = Desk()
        made = {make: make(self.desk) for make in ROOMS.values()}
        self.rooms: dict[str, Room] = {prefix: made[make] for prefix, make in ROOMS.items()}

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer, or hand on."""
        prefix = _prefix(scope["path"]) if scope["type"] == "http" else None
        room: Room = self._otherwise if prefix is None else self.rooms[prefix]
        return room(scope, receive, send)
