"""What a server of Redis refuses, in our errors and in words that say the way out."""

import re

import redis
from redis.connection import AbstractConnection, SSLConnection
from redis.exceptions import AskError, ClusterDownError, TryAgainError

from ..errors import StoreRefused, StoreUnavailable
from ..values.pairs import pairs

NO_TLS = "rediss:// asks for TLS, and this port did not answer in it: a plain port needs redis://"
OLDEST = (7, 0)
TOO_OLD = "the server is too old: Redis or Valkey 7.0 or newer is needed"

_MOVING = (AskError, ClusterDownError, TryAgainError)


class _Translated:
    """Turns what redis-py raises into StoreUnavailable. A generator would cost more at every call."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, redis.ResponseError) and not isinstance(error, _MOVING):
            raise StoreRefused(_reason(error)) from error
        if isinstance(error, (redis.RedisError, OSError)):
            raise StoreUnavailable(_reason(error)) from error


translated = _Translated()


def _reason(error: Exception) -> str:
    # Before a password is given, a command of many parts is refused as a protocol error.
    if isinstance(error, redis.AuthenticationError) or "unauthenticated" in str(error):
        return f"Redis refused the password: {error}"
    if isinstance(error, _MOVING):
        return f"Redis Cluster is moving these keys, or a node is away: {error}"
    if isinstance(error, redis.TimeoutError):
        return "Redis does not answer"
    if isinstance(error, (redis.ConnectionError, OSError)):
        return f"Redis is unreachable: {error}"
    if str(error).startswith(TOO_OLD):
        return str(error)
    return f"Redis refused the command: {error}"


def asks_a_plain_port(connection: AbstractConnection, error: BaseException) -> bool:
    """Whether TLS was begun and never agreed: a server on a plain port waits for more, or answers in plain words."""
    if not isinstance(connection, SSLConnection) or connection.is_connected:
        return False
    return (
        isinstance(error, redis.TimeoutError) or "WRONG_VERSION" in str(error) or "record layer" in str(error)
    )


def refuse_old_server(connection: AbstractConnection, seconds: float) -> None:
    """One round trip, once for each way to a server. A script fails half done on one that lacks what it uses."""
    try:
        connection.send_command("HELLO")  # what every account may ask; it changes nothing
        said = pairs(connection.read_response(timeout=seconds))
    except redis.AuthenticationError:
        raise
    except redis.ResponseError as error:
        if "unauthenticated" in str(error) or str(error).startswith(("NOAUTH", "LOADING")):
            raise
        raise redis.ResponseError(f"{TOO_OLD}, and this one does not tell its version") from error
    server, version = (
        bytes(said.get(name, b"")).decode(errors="replace") for name in (b"server", b"version")
    )
    if tuple(int(part) for part in re.findall(r"[0-9]+", version)[:2]) < OLDEST:
        raise redis.ResponseError(f"{TOO_OLD}, and this is {server.capitalize() or 'one'} {version or '?'}")
