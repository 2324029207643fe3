"""Agents of a trial that know the site by its address alone, and repeat what was not answered, as documented."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

OWNER = "otto"  # of their token, who answers nothing


def fleet(result: str) -> None:
    """Make the token of all agents of a trial; writes its secret."""
    from django.contrib.auth.models import Group, User

    from core.history.people import tokens
    from tests.faults.site.roles import tell

    owner, _created = User.objects.get_or_create(username=OWNER)
    owner.groups.add(Group.objects.get(name="administrator"))
    wanted = tokens.TokenSpec("a trial", "web-", True, ("ask",), 30)
    tell(result, tokens.make(User.objects.get(pk=owner.pk), wanted)[1])


def http_agents(port: int, secret: str, log: str, count: int, each: int, timeout: float) -> None:
    """`count` agents at once, each with `each` requests; writes down, synced, what they were told."""
    asyncio.run(
        _all(port, secret, os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), count, each, timeout)
    )


async def _all(port: int, secret: str, file: int, count: int, each: int, timeout: float) -> None:
    import httpx

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=count)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1",
        headers={"Authorization": f"Bearer {secret}"},
        timeout=60.0,
        limits=limits,
    ) as client:
        await asyncio.gather(*(_agent(client, file, number, each, timeout) for number in range(count)))


async def _agent(client: Any, file: int, agent: int, each: int, timeout: float) -> None:
    for number in range(each):
        started, name = time.monotonic(), str(agent)
        question = {"agent": name, "type": "deploy", "context": {"number": number}, "timeout": timeout}
        question["key"] = f"{agent}-{number}"
        asked = await _repeated(lambda body=question: client.post("/requests", json=body))
        request_id = asked["id"]
        query = {"agent": name, "wait": 30, "claim": question["key"]}
        heard = {"status": "pending"}
        while heard["status"] == "pending":
            path = f"/requests/{request_id}/outcome"
            heard = await _repeated(lambda path=path, query=query: client.get(path, params=query))
        said = {
            "request_id": request_id,
            **{name: heard[name] for name in ("approved", "responder", "reason")},
            "took": time.monotonic() - started,
            "timeout": timeout,
            "clock": time.time(),
        }
        os.write(file, (json.dumps(said) + "\n").encode())
        os.fsync(file)


async def _repeated(call: Callable[[], Awaitable[Any]]) -> Any:
    """Ask until there is an answer: the site may be away, and says so with 429 and 503."""
    import httpx

    while True:
        try:
            answer = await call()
            if answer.status_code < 300:
                return answer.json()
            if answer.status_code not in (429, 502, 503):
                raise AssertionError(f"{answer.status_code} {answer.text}")
        except (httpx.TransportError, json.JSONDecodeError):
            pass
        await asyncio.sleep(0.2)
