"""Files that are sent in pieces while they are read."""

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest


def in_pieces(pieces: Iterator[str], request: HttpRequest) -> Iterator[str] | AsyncIterator[str]:
    """As the server of this request takes them: an asynchronous one would read a plain iterator to its end first."""
    return _sent(pieces) if isinstance(request, ASGIRequest) else pieces


async def _sent(pieces: Iterator[str]) -> AsyncIterator[str]:
    def following() -> str | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
