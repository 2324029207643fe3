"""The accounts of Redis that tests run under, as docs/reference/redis-accounts.md tells operators to make them.

Every server that a test or one of its processes starts is `limited_redis_server.sh`: its nameless user has the
rule of the site, so a key or a command beyond it is refused. `tests` may do everything: for looking and damaging.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.client import Pipeline

from core.store import embedded

ROOT = Path(__file__).resolve().parent.parent
ALL_RIGHTS = {"username": "tests", "password": "any will do"}
LIMITED = (
    "TELEMETRY_REDIS_PROGRAM",
    "TEST_REDIS_PROGRAM",
    "TEST_REDIS_RULE",
)  # variables that processes need
CREATING = {"SET", "HSET", "HINCRBY", "LPUSH", "RPUSH", "RESTORE", "SADD", "XADD", "ZADD", "ZINCRBY"}

written_by_tests: set[bytes] = set()
"""Keys that tests wrote with `client_of`: how long those live is no matter of the product."""


def documented_command(user: str) -> list[str]:
    """The command of redis-accounts.md that makes this account, word by word: ACL, SETUSER, its name, on, ..."""
    text = (ROOT / "docs" / "reference" / "redis-accounts.md").read_text()
    [command] = re.findall(rf"^ACL SETUSER {user} on >\S+ .+$", text, re.MULTILINE)
    return command.split()


@contextmanager
def documented_accounts(url: str, raw: redis.Redis) -> Iterator[Callable[[str], str]]:
    """Makes accounts exactly as docs/reference/redis-accounts.md says: the name of one gives the URL to use."""
    made = []

    def make(name: str) -> str:
        command = documented_command(name)
        assert raw.execute_command(*command)
        made.append(name)
        return f"{url}?username={name}&password={command[4].removeprefix('>')}"

    yield make
    for name in made:
        raw.acl_deluser(name)


def documented_rule(user: str) -> list[str]:
    """What this account may do: the words after its password."""
    return documented_command(user)[5:]


def limit_every_server() -> None:
    """Let this process and those that it starts have limited servers; where there is no server, leave it be."""
    if "TEST_REDIS_PROGRAM" in os.environ:
        return
    try:
        os.environ["TEST_REDIS_PROGRAM"] = embedded.server_binary()
    except embedded.ServerDidNotStart:
        return
    os.environ["TEST_REDIS_RULE"] = " ".join(documented_rule("telemetry-site"))
    os.environ["TELEMETRY_REDIS_PROGRAM"] = str(ROOT / "tests" / "limited_redis_server.sh")


def limit(url: str, user: str) -> None:
    """Give the nameless user of the server at `url` the rule of this account of redis-accounts.md instead."""
    with client_of(url) as client:
        client.execute_command("ACL", "SETUSER", "default", "reset", "on", "nopass", *documented_rule(user))


@contextmanager
def also_allowed(url: str, pattern: str) -> Iterator[None]:
    """Meanwhile the nameless user may touch these keys too: `{other}:*`."""
    with client_of(url) as client:
        before = client.acl_getuser("default")["keys"]
        client.execute_command("ACL", "SETUSER", "default", f"~{pattern}")
        try:
            yield
        finally:
            client.execute_command("ACL", "SETUSER", "default", "resetkeys", *before)


class _Noting:
    """Remembers which keys it may have made."""

    def execute_command(self, *command: Any, **options: Any) -> Any:
        name = str(command[0]).upper()
        if name in CREATING:
            written_by_tests.add(_bytes(command[1]))
        elif name == "MSET":
            written_by_tests.update(map(_bytes, command[1::2]))
        elif name == "EVAL":
            written_by_tests.update(map(_bytes, command[3 : 3 + int(command[2])]))
        return super().execute_command(*command, **options)


class _NotingPipeline(_Noting, Pipeline):
    pass


class _NotingClient(_Noting, redis.Redis):
    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        return _NotingPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)


def _bytes(key: str | bytes) -> bytes:
    return key if isinstance(key, bytes) else key.encode()


def client_of(url: str, **options: Any) -> redis.Redis:
    """A plain client for looking behind the scenes, which may do everything there."""
    return _NotingClient.from_url(url, protocol=2, driver_info=None, **ALL_RIGHTS, **options)
