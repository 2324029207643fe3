"""Files that are sent in pieces while they are read."""

from collections.abc import AsyncIterator, Iterator
from typing import AnyStr

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest


def in_pieces(pieces: Iterator[AnyStr], request: HttpRequest) -> Iterator[AnyStr] | AsyncIterator[AnyStr]:
    """As the server of this request takes them: an asynchronous one would read a plain iterator to its end first."""
    return _sent(pieces) if isinstance(request, ASGIRequest) else pieces


async def _sent(pieces: Iterator[AnyStr]) -> AsyncIterator[AnyStr]:
    def following() -> AnyStr | None:
        return next(pieces, None)

    while (piece := await sync_to_async(following)()) is not None:
        yield piece
