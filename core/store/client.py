"""What is said to Redis: commands that nobody repeats unasked, each with its time limit."""

import math
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, ClassVar, Self

import redis
from redis.cluster import RedisCluster
from redis.connection import AbstractConnection
from redis.exceptions import MovedError

from ..errors import StoreMisconfigured, StoreRefused, StoreUnavailable
from ..values.moments import milliseconds_of
from ..values.numbers import LARGEST
from . import embedded
from .configuration import configured_url, data_directory, setting
from .connections import (
    COMMAND_TIMEOUT,
    ClusterConnections,
    Connections,
    address_of,
    connect_options,
    connections_to,
)
from .keys import DEFAULT_NAMESPACE, Keys, prefix
from .refusals import NO_TLS, asks_a_plain_port, refuse_old_server, translated
from .script import Argument, Command, Result, Script

try:
    from hiredis import pack_command
except ImportError:  # redis-py does without it too
    pack_command = None  # type: ignore[assignment]

READ_OVERTIME = 0.5  # of a reply for which somebody waits until a deadline
CONFIRM_ATTEMPTS = 3
CONFIRM_SECONDS = 5.0
NOT_LOADED = (
    "Redis does not know the script {name} yet, and this account may not load it: the site's recorder does when it "
    "starts, in the same version as this agent"
)


class Store:
    """One installation in one Redis: its keys, and commands that nobody repeats unasked.

    Every method raises StoreUnavailable when Redis cannot be reached, does not answer or refuses.
    """

    def __init__(self, pool: Connections, keys: Keys) -> None:
        self._pool = pool
        self.keys = keys

    @property
    def address(self) -> str:
        """Where this Redis is, without names and passwords."""
        return self._pool.address

    def run(self, command: Command[Result]) -> Result:
        """Run a script once, loading it first where the server does not know it; what its reply means."""
        with self.line() as line:
            return line.run(command)

    def run_confirmed(self, attempt: Callable[["Line"], Result], seconds: float = CONFIRM_SECONDS) -> Result:
        """Run `attempt`, which carries the caller's own id, at most three times within `seconds`."""
        end = time.monotonic() + seconds
        pause, remaining = 0.05, CONFIRM_ATTEMPTS
        while True:
            try:
                with self.line(end) as line:
                    return attempt(line)
            except StoreRefused:
                raise
            except StoreUnavailable:
                remaining -= 1
                if remaining == 0 or time.monotonic() + pause >= end:
                    raise
                time.sleep(pause)
                pause *= 4

    def read(self, *command: Argument) -> Any:
        """One command, one round trip; the reply as it comes, with bytes and flat lists."""
        with self.line() as line:
            return line.read(*command)

    def time_ms(self) -> int:
        """The server's time in ms."""
        return milliseconds_of(self.read("TIME"))

    def read_many(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Several reading commands in one round trip; a refused one yields its error in its place."""
        with self.line() as line:
            return line.read_many(commands)

    def read_ahead(self, parts: Iterable[Sequence[Sequence[Argument]]]) -> Iterator[list[Any]]:
        """The replies to each part, as `read_many` gives them; while one is gone through the next is on its way.

        So two at most are in memory, and nobody waits in between.
        """
        outstanding = 0
        with self.line() as line:
            try:
                for number, part in enumerate(chain(parts, [[]])):
                    replies = line.ask(part, outstanding)
                    outstanding = len(part)
                    if number:
                        yield replies
            finally:
                if outstanding:
                    line.drop()

    write = read

    def line(self, end: float | None = None) -> "Line":
        """A connection of one's own. `end`: monotonic time after which no call may still wait."""
        return Line(self._pool, self.keys, end)


class Line:
    """A connection owned by one waiting caller, so that each read has its own time limit."""

    def __init__(self, pool: Connections, keys: Keys, end: float | None = None) -> None:
        self._pool = pool
        self._connection: AbstractConnection | None = None
        self._end = end
        self.keys = keys

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def run(self, command: Command[Result]) -> Result:
        """Run a script once, loading it first where the server does not know it; what its reply means."""
        with translated:
            try:
                reply = self._execute(*command.call)
            except redis.exceptions.NoScriptError:
                self._load(command.script)
                reply = self._execute(*command.call)
        return command.parse(reply)

    def read(self, *command: Argument, seconds: float = COMMAND_TIMEOUT) -> Any:
        """Send one command and wait at most `seconds` for its reply."""
        with translated:
            return self._execute(*command, seconds=seconds)

    def read_many(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Several commands in one round trip; a refused one yields its error in its place."""

        for command in commands:
            _refuse_endless_numbers(command)

        def exchange(connection: AbstractConnection, seconds: float) -> list[Any]:
            connection.send_packed_command(_packed(connection, commands))
            return [_reply_or_error(connection, seconds) for _ in commands]

        with translated:
            replies: list[Any] = self._exchange(exchange, COMMAND_TIMEOUT)
            return replies

    def ask(self, commands: Sequence[Sequence[Argument]], before: int) -> list[Any]:
        """Send commands whose replies are read later, and read so many replies to those that were sent before.

        Nothing is sent twice: where a slot of a cluster has moved, that is an error.
        """

        def exchange(connection: AbstractConnection, seconds: float) -> list[Any]:
            if commands:
                connection.send_packed_command(_packed(connection, commands))
            return [_reply_or_error(connection, seconds) for _ in range(before)]

        with translated:
            replies: list[Any] = self._attempt(exchange, COMMAND_TIMEOUT)
            return replies

    def drop(self) -> None:
        """End the connection, so that nobody reads a reply that is still to come; the next call opens another."""
        if self._connection is not None:
            self._connection.disconnect()

    def read_streams(
        self,
        after: Mapping[Any, str | int],
        seconds: float,
        *,
        count: int = 1,
        overtime: float = COMMAND_TIMEOUT,
    ) -> list[tuple[bytes, list[Any]]]:
        """Streams with what stands in them behind these ids, waiting so long for a first entry; 0 only looks.

        overtime: seconds that the reply may be late.
        """
        block = ["BLOCK", max(1, math.ceil(seconds * 1000))] if seconds > 0 else []
        limit = max(0.0, seconds) + overtime
        command = ("XREAD", *block, "COUNT", count, "STREAMS", *after, *after.values())
        return self.read(*command, seconds=limit) or []

    def connect(self) -> None:
        """Be connected, so that it can be cut."""
        if self._socket is None:
            self.read("PING")

    def cut(self) -> None:
        """From another thread: whoever reads on it gets StoreUnavailable at once."""
        held = self._socket
        if held is not None:
            with suppress(OSError):
                held.shutdown(socket.SHUT_RDWR)

    @property
    def _socket(self) -> Any:
        return getattr(self._connection, "_sock", None)  # redis-py has no word for it

    def close(self) -> None:
        """Give the connection back; the next call opens one again."""
        if self._connection is None:
            return
        connection, self._connection = self._connection, None
        self._pool.give_back(connection)

    def _load(self, script: Script) -> None:
        try:
            self._execute("SCRIPT", "LOAD", script.text)
        except redis.exceptions.NoPermissionError as error:
            raise StoreUnavailable(NOT_LOADED.format(name=script.name)) from error

    def _execute(self, *command: Argument, seconds: float = COMMAND_TIMEOUT) -> Any:
        _refuse_endless_numbers(command)

        def exchange(connection: AbstractConnection, seconds: float) -> Any:
            connection.send_packed_command(_packed(connection, [command]))
            return connection.read_response(timeout=seconds)

        return self._exchange(exchange, seconds)

    def _exchange(self, exchange: Callable[[AbstractConnection, float], Any], seconds: float) -> Any:
        if self._end is not None:
            seconds = min(seconds, max(0.01, self._end - time.monotonic()))
        try:
            return self._attempt(exchange, seconds)
        except MovedError:
            return self._attempt(exchange, seconds)  # it did nothing there: another node holds the slot now

    def _attempt(self, exchange: Callable[[AbstractConnection, float], Any], seconds: float) -> Any:
        connection = self._connection or self._open(seconds)
        try:
            if not self._pool.is_new_enough:
                refuse_old_server(connection, seconds)
                self._pool.is_new_enough = True
            return exchange(connection, seconds)
        except BaseException as error:
            if isinstance(error, redis.ResponseError) and not isinstance(error, MovedError):
                raise
            # The reply may still come, so nobody may use this connection again.
            to_plain = asks_a_plain_port(connection, error)
            connection.disconnect()
            self._pool.lose()
            self.close()
            if to_plain:
                raise redis.ConnectionError(NO_TLS) from error
            raise

    def _open(self, seconds: float) -> AbstractConnection:
        hurried = seconds < COMMAND_TIMEOUT  # too little time for the pool's own limits
        connection = self._pool.take_connected() if hurried else self._pool.take()
        connection = connection or self._pool.make_within(seconds)
        self._connection = connection
        if hurried:
            # Of sending: whoever reads sets another, and puts the usual one back.
            self._socket.settimeout(seconds)
        return connection


def _refuse_endless_numbers(command: Sequence[Argument]) -> None:
    # hiredis ends the process over an int of more than 4,300 digits. Callers checked theirs by name already.
    for part in command:
        if type(part) is int and not -LARGEST <= part <= LARGEST:
            raise ValueError(f"{command[0]!r} has an int beyond the {LARGEST:,} that Redis can hold")


def _packed(connection: AbstractConnection, commands: Sequence[Sequence[Argument]]) -> list[bytes]:
    # redis-py looks at each part again, which takes four times as long.
    if pack_command is None:
        packed: list[bytes] = connection.pack_commands(commands)
        return packed
    pack: Callable[..., bytes] = pack_command  # its stub means a tuple of one
    return [b"".join([pack(tuple(command)) for command in commands])]


def _reply_or_error(connection: AbstractConnection, seconds: float) -> Any:
    try:
        return connection.read_response(timeout=seconds)
    except MovedError:
        raise
    except redis.ResponseError as error:
        return error


class UsesStore:
    """A primitive on the store that `memory` means. Without one the configured Redis is looked up at first use,
    so that a primitive can be built before its server starts. What every process must share, a subclass cannot set.
    """

    _SHARED: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name in cls._SHARED:
            if name in vars(cls) and vars(cls)[name] != getattr(super(cls, cls), name, vars(cls)[name]):
                raise TypeError(f"{cls.__name__} sets {name}, which every process must share: leave it out")

    def __init__(self, memory: object = None) -> None:
        self._lead_to(memory)

    @property
    def memory(self) -> Any:
        """The client that was given, or one to the Redis that was given by its URL or is configured.

        Another may be assigned before the first use; afterwards that is an AttributeError.
        """
        return client_of(self._given)

    @memory.setter
    def memory(self, memory: object) -> None:
        if self._is_used:
            name = type(self).__name__
            raise AttributeError(
                f"memory of {name} was used already and cannot be changed: make another {name}"
            )
        self._lead_to(memory)

    def _lead_to(self, memory: object) -> None:
        self._opened: Store | None = None
        self._given, self._prepared = memory, prepared(memory)

    @property
    def _is_used(self) -> bool:
        return self._opened is not None

    @property
    def _store(self) -> Store:
        if self._opened is None:
            self._opened = self._prepared or open_store(self._given)
        return self._opened


class KeyPrefix:
    """A class attribute that tells how keys begin, in the namespace that is configured."""

    def __init__(self, *parts: str) -> None:
        self._parts = parts

    def __get__(self, owner: object, kind: type | None = None) -> str:
        return prefix(_configured_keys(), *self._parts)


def prepared(memory: object) -> Store | None:
    """The store of a `memory` that was given, where the settings are fine. Raises for a bad one as `open_store`."""
    if memory is not None:
        with suppress(StoreMisconfigured):  # a setting is wrong, not `memory`: each use says so
            return open_store(memory)
    return None


def client_of(memory: object) -> Any:
    """`memory` if it is a client or has one; else a new client to where it leads. Raises as `open_store`."""
    if memory is None or isinstance(memory, str):
        return redis.Redis.from_url(configured_url() if memory is None else memory)
    return memory


def open_store(memory: object = None) -> Store:
    """The store that `memory` means.

    None: the configured Redis. Else a `redis.Redis`, a `RedisCluster`, a `redis://`, `rediss://` or
    `unix://` URL, or any object whose `_client` is such a client. A client's address and password are used,
    its retries and other options are not. ValueError or TypeError for a bad `memory`, StoreMisconfigured for a
    bad setting, StoreUnavailable where no Redis is configured; nothing is connected yet.
    """
    if isinstance(memory, Store):
        return memory
    if memory is None:
        return store_at(configured_url(), "REDIS_URL")
    if isinstance(memory, str):
        return Store(connections_to(memory, "memory"), _configured_keys())
    client = memory if isinstance(memory, (redis.Redis, RedisCluster)) else getattr(memory, "_client", None)
    if isinstance(client, RedisCluster):
        keys = _configured_keys()
        return Store(ClusterConnections(client, keys.outbox), keys)
    if not isinstance(client, redis.Redis):
        raise TypeError(
            "memory must be None, a redis.Redis or RedisCluster, a redis:// URL or an object whose _client is "
            f"one, not {type(memory).__name__}"
        )
    return Store(Connections(connect_options(client.connection_pool)), _configured_keys())


def store_at(url: str, setting_name: str) -> Store:
    """The store at a URL from a setting; StoreMisconfigured, naming the setting, for what is none."""
    try:
        return Store(connections_to(url, setting_name), _configured_keys())
    except ValueError as error:
        raise StoreMisconfigured(str(error)) from None


def _configured_keys() -> Keys:
    try:
        return Keys(setting("TELEMETRY_NAMESPACE") or DEFAULT_NAMESPACE)
    except ValueError as error:
        raise StoreMisconfigured(str(error)) from None


def namespace_and_address(memory: object = None) -> tuple[str, str]:
    """Which installation `memory` means, asking no server: its namespace and where its Redis is.

    '' for an address that nobody knows. The private server of a data directory has one address, wherever it listens.
    """
    if memory is not None:
        store = open_store(memory)
        return store.keys.namespace, store.address
    namespace, url, data_dir = setting("TELEMETRY_NAMESPACE"), setting("REDIS_URL"), data_directory()
    if data_dir is not None and (not url or url == embedded.last_url(data_dir)):
        return namespace or DEFAULT_NAMESPACE, address_of({"path": data_dir / "redis.sock"})
    try:
        address = connections_to(url, "REDIS_URL").address if url else ""
    except ValueError:  # told where Redis is asked
        address = ""
    return namespace or DEFAULT_NAMESPACE, address
