"""Exports of OpenTelemetry: posts of 50 calls that the site takes, and ships to Redis, in a second of one processor.

The floor is a plain Django view, in a process of its own, that reads the same bytes and does nothing with them.
"""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from core.store import usage
from tests.api.otlp.exports import MESSAGES, logs, packed
from tests.bench.live.serving import Server, served
from tests.bench.measure import Bench, Row, store_in
from tests.waiting import wait_until

POSTS, CONNECTIONS, CALLS = 2_000, 4, 50
FULL_SECONDS = 0.2  # a spool that is full is shipped meanwhile
AIM = 500
NAMESPACE = "bench-exports"
SEQUENCE = "event.sequence"
TOKEN = """
import django; django.setup()
from django.contrib.auth.models import Group, User
from core.history.people import tokens
owner = User.objects.create_user("owner"); owner.groups.add(Group.objects.get(name="administrator"))
print(tokens.make(owner, tokens.TokenSpec("bench", "bench", False, tokens.SCOPES, 1))[1])
"""
CALL = {
    "event": "claude_code.api_request", "event.name": "api_request",
    "model": "claude-sonnet-4-5", "input_tokens": 10, "output_tokens": 20, "cache_read_tokens": 100,
    "cache_creation_tokens": 5, "cost_usd": 0.000376, "duration_ms": 812, "query_source": "main",
}  # fmt: skip


def rows(bench: Bench) -> Iterator[Row]:
    with served(bench.url, NAMESPACE) as site:
        token = site.output("-c", TOKEN)
        web, plain = site.web(), site.beside("tests.bench.plain_view", bench.url)
        store = store_in(bench.url, NAMESPACE)

        def shipped() -> int:
            return int(usage.totals(store, 1).get("calls", 0))

        for form in ("protobuf", "json"):
            bodies = _bodies(form)
            ours = _a_core(web, bodies, form, token, shipped)
            floor = _a_core(plain, bodies, form, token, None)
            yield Row(
                f"OTLP posts of {CALLS} calls, {form}", f"{POSTS:,} posts", ours, floor, "/s a core",
                floor / ours, f">= {AIM}", ours >= AIM,
            )  # fmt: skip


def _bodies(form: str) -> list[bytes]:
    """Exports of calls that nobody told before."""
    if form == "json":
        return [packed("logs", _export(form, number), form) for number in range(POSTS)]
    return list(_of_protobuf(packed("logs", _export(form, 0), form)))


def _export(form: str, number: int) -> dict[str, Any]:
    calls = range(number * CALLS, (number + 1) * CALLS)
    return logs(f"bench-{form}", *({**CALL, "session.id": form, SEQUENCE: call} for call in calls))


def _of_protobuf(first: bytes) -> Iterator[bytes]:
    """Each the one before with other calls: to write them anew takes longer than all that is measured."""
    export = MESSAGES["logs"].FromString(first)
    (scope,) = export.resource_logs[0].scope_logs
    places = [one.value for record in scope.log_records for one in record.attributes if one.key == SEQUENCE]
    for _ in range(POSTS):
        yield export.SerializeToString()
        for place in places:
            place.int_value += CALLS


def _a_core(
    server: Server, bodies: list[bytes], form: str, token: str, shipped: Callable[[], int] | None
) -> float:
    """Posts in a second of a processor that the server spent until all of them were taken, and shipped."""
    have = shipped() if shipped else 0
    _post(server, bodies[:20], form, token)
    if shipped:
        wait_until(lambda: shipped() == have + 20 * CALLS, "the first ones are shipped")
    before = server.seconds()
    parts = [bodies[20 + start :: CONNECTIONS] for start in range(CONNECTIONS)]
    threads = [threading.Thread(target=_post, args=(server, part, form, token)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if shipped:
        wait_until(lambda: shipped() == have + len(bodies) * CALLS, "all are shipped")
    return (len(bodies) - 20) / (server.seconds() - before)


def _post(server: Server, bodies: list[bytes], form: str, token: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    kind = "application/json" if form == "json" else "application/x-protobuf"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
    for body in bodies:
        while (said := _said(connection, body, headers))[0] == 429:
            time.sleep(FULL_SECONDS)
        if said[0] != 200 or b"artial" in said[1]:
            raise RuntimeError(f"an export was not taken: {said}")
    connection.close()


def _said(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    connection.request("POST", "/v1/logs", body, headers)
    with connection.getresponse() as response:
        return response.status, response.read()
