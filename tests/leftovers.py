"""What a test leaves in Redis, and what it was refused there: each key is ours and ends by itself, or is permanent."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import redis

from core.store.keys import Keys
from tests.accounts import client_of, written_by_tests
from tests.contract.key_patterns import key_patterns

ENDING_SECONDS = 5.0
MOST = 2_000  # of more keys these are a sample: where a key is in a scan is by its hash

OURS = re.compile(r"\{[a-z0-9_-]+\}:.+")
OF_RQ = re.compile(r"rq:.+")
OF_THE_LAYER = re.compile(r"telemetry-site.+")
# RQ gives these no lifetime, as docs/reference/redis.md says.
PERMANENT_OF_RQ = re.compile(r"rq:(queues|workers|((workers|queue|job|wip|failed|finished|intermediate):.+))")


def documented_as_permanent(keys: Keys) -> set[str]:
    """The keys that need no lifetime, as keys.py says; docs/reference/redis.md is compared with it."""
    members = {name: member for name, member in vars(Keys).items() if isinstance(member, cached_property)}
    return {getattr(keys, name) for name, member in members.items() if "permanent" in (member.__doc__ or "")}


def patterns_of(keys: Keys) -> re.Pattern[str]:
    """Every key that keys.py can build."""
    known = key_patterns(keys).values()
    return re.compile("|".join(re.sub(r"<\w+>", "[^:]+", re.escape(pattern)) for pattern in known))


PERMANENT = documented_as_permanent(Keys())
KNOWN = patterns_of(Keys())


def fault_of(key: str, milliseconds: int) -> str:
    """What is wrong with a key that has so long to live, -1 for ever; '' if nothing is.

    Keys that are not ours were planted by a test: the account of the product could not have written them.
    """
    if OURS.fullmatch(key):
        of_any = re.sub(r"^\{[^}]+\}", "{telemetry}", key)
        if not KNOWN.fullmatch(of_any):
            return f"{key} is no key of core/store/keys.py"
        may_stay = of_any in PERMANENT
    else:
        may_stay = bool(PERMANENT_OF_RQ.fullmatch(key)) or not (OF_RQ.match(key) or OF_THE_LAYER.match(key))
    return (
        "" if milliseconds != -1 or may_stay else f"{key} has no lifetime and is not documented as permanent"
    )


def faults_seen_by(spy: redis.Redis) -> list[str]:
    """What a server was left with that it should not have, and what it refused to the product. Two round trips."""
    faults, keys, cursor = [], [], None
    while cursor != 0 and len(keys) < MOST:
        cursor, some = spy.scan(cursor or 0, count=MOST)
        keys += some
    pipe = spy.pipeline(transaction=False)
    for key in keys:
        pipe.pttl(key)
    *lifetimes, refused = pipe.acl_log().execute()
    for key, milliseconds in zip(keys, lifetimes, strict=True):
        if key not in written_by_tests:
            faults.append(fault_of(key.decode(), milliseconds))
    for entry in refused:
        if entry["username"] == "default" and entry["reason"] != "auth":
            command = entry["client-info"].get("cmd", "")
            faults.append(f"Redis refused the {entry['reason']} {entry['object']} ({command})")
    return [fault for fault in faults if fault]


def faults_at(url: str) -> list[str]:
    """The same of the server at `url`."""
    with client_of(url) as spy:
        return faults_seen_by(spy)


def look_through(url: str) -> None:
    """Raise AssertionError, naming each key, where a test left what it should not have."""
    _fail_with(faults_at(url))


def _fail_with(faults: list[str]) -> None:
    if faults:
        raise AssertionError("\n".join(["after this test:", *faults[:20]]))


def _faults_that_stay(spy: redis.Redis) -> list[str]:
    """What a thread that is just ending has not taken away yet, as the layer its message on the way, is none."""
    end = time.monotonic() + ENDING_SECONDS
    while (faults := faults_seen_by(spy)) and time.monotonic() < end:
        time.sleep(0.05)
    return faults


@contextmanager
def emptied(url: str) -> Iterator[str]:
    """The server at `url`, for one test: empty before it, looked through after it."""
    with client_of(url) as spy:
        spy.pipeline(transaction=False).flushall().config_resetstat().acl_log_reset().execute()
        written_by_tests.clear()
        yield url
        _fail_with(_faults_that_stay(spy))
