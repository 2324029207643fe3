"""Exports of OpenTelemetry, posted as exporters do."""

import gzip
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from core.api.otlp.signs import Signs
from core.models import LLMCall
from core.usage_tracker import UsageTracker
from telemetry_site.asgi import door
from tests.api.otlp.exports import packed
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def signs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Signs]:
    """Who is kept alive in one test, and in no other."""
    signs = Signs(door.desk.beating)
    monkeypatch.setattr(door.rooms["/v1/logs"], "signs", signs)
    yield signs
    signs.forget()


@pytest.fixture
def post(agent: Callable[..., httpx.Client]) -> Callable[..., httpx.Response]:
    """Post an export, an object as JSON is spelled: `post("logs", {...})`, also as `form="protobuf"`."""
    clients: dict[Any, httpx.Client] = {}

    def send(
        signal: str, export: dict[str, Any] | bytes, form: str = "json", zipped: bool = False, **of: Any
    ) -> httpx.Response:
        who = of.pop("of", ("exporter",))
        client = clients.setdefault(who, agent(*who, **of)) if who not in clients else clients[who]
        body = export if isinstance(export, bytes) else packed(signal, export, form)
        kind = "application/json" if form == "json" else "application/x-protobuf"
        headers = {"Content-Type": kind}
        if zipped:
            body, headers["Content-Encoding"] = gzip.compress(body), "gzip"
        return client.post(f"{client.base_url.copy_with(path='/')}v1/{signal}", content=body, headers=headers)

    return send


@pytest.fixture
def counted(recorder: Any) -> Callable[[int], list[LLMCall]]:
    """Waits until the record has so many calls, and gives them, oldest first."""

    def rows(count: int) -> list[LLMCall]:
        UsageTracker.get_instance().flush()
        wait_until(lambda: LLMCall.objects.count() >= count, f"{count} calls are recorded")
        return list(LLMCall.objects.order_by("at", "call_id"))

    return rows


@pytest.fixture
def now_ns() -> int:
    """This moment as exporters tell it."""
    return time.time_ns()


def as_object(response: httpx.Response) -> Any:
    """What an answer in JSON says."""
    return json.loads(response.content)
