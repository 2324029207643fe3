"""What no honest exporter sends: refused whole or in part with a reason, never an error of ours, and nothing kept."""

import gzip
import json
import time
import tracemalloc

import pytest

from core.api.otlp.calls import call_of
from core.api.otlp.dialects import dialect_of
from core.api.otlp.intervals import intervals
from core.api.otlp.records import Point, Record
from core.models import LLMCall
from core.usage_tracker import UsageTracker
from tests.api.otlp.exports import logs, packed, points, spans
from tests.api.otlp.test_calls import CLAUDE, NEW

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
TYPE = "gen_ai.token.type"
DAY = 86_400 * 10**9
SIGNALS = ("logs", "traces", "metrics")


def of_claude(**changed):
    return logs("claude-code", {**CLAUDE, **changed})


NEVER_RIGHT = [
    ("logs", of_claude(input_tokens=-1), "input_tokens"),
    ("logs", of_claude(output_tokens=2**63 - 1), "output_tokens"),
    ("logs", of_claude(output_tokens="many"), "output_tokens"),
    ("logs", of_claude(input_tokens=1.5), "input_tokens"),
    ("logs", of_claude(cost_usd_micros=-1), "cost"),
    ("logs", of_claude(cost_usd_micros="inf"), "cost"),
    ("logs", of_claude(model="m" * 300), "model"),
    ("logs", of_claude(model="m\x00"), "model"),
    ("logs", logs("claude-code", CLAUDE, at=1), "time"),
    ("logs", logs("claude-code", CLAUDE, at=time.time_ns() + DAY), "time"),
    ("logs", logs("claude-code", CLAUDE, at=time.time_ns() - 40 * DAY), "time"),
    ("traces", spans("bot", NEW, at=2**63), "time"),
    ("traces", spans("bot", {**NEW, "gen_ai.usage.output_tokens": True}), "output_tokens"),
]


def test_a_record_that_cannot_be_right_is_refused_alone_and_named(post):
    for signal, export, why in NEVER_RIGHT:
        for form in ("json", "protobuf"):
            answer = post(signal, export, form)
            assert answer.status_code == 200
            if form == "json":
                partial = answer.json()["partialSuccess"]
                assert int(partial.popitem()[1] if len(partial) == 1 else partial[next(iter(partial))]) == 1
                assert why in partial["errorMessage"]
            else:
                assert why.encode() in answer.content
    assert post("logs", logs("claude-code", {**CLAUDE, "event.sequence": 5})).content == b"{}"
    assert post("traces", spans("bot", NEW)).content == b"{}"
    UsageTracker.get_instance().flush()
    assert UsageTracker.get_instance().get_stats(40)["total_calls"] == 2


def test_a_number_that_is_none_is_refused_in_protobuf_and_json(post, settings, now_ns):
    settings.TELEMETRY_METRICS_OF = ["*"]
    for value in (float("nan"), float("inf"), -3.0):
        export = points("bot", "gen_ai.client.token.usage", {"gen_ai.token.type": "input", "value": value},
                        start=now_ns, at=now_ns)  # fmt: skip
        text = json.dumps(export).replace("NaN", '"NaN"').replace("Infinity", '"Infinity"')
        assert b"token.usage" in post("metrics", text.encode()).content
        assert b"token.usage" in post("metrics", json.loads(text), "protobuf").content
    assert LLMCall.objects.count() == 0


NO_EXPORTS = [
    # Each is a resource: an export may have too many of them without a record.
    ("protobuf", b"\n\0" * 60_001),
    ("json", b'{"resourceLogs": [' + b"{}," * 60_000 + b"{}]}"),
    ("protobuf", b"\xff\xff\xff\xff"),
    ("protobuf", packed("logs", of_claude(), "protobuf")[:-3]),
    ("json", b"{"),
    ("json", b"[]"),
    ("json", b'{"resourceLogs": 7}'),
    ("json", b'{"resourceLogs": [7]}'),
    ("json", b'{"resourceLogs": [{"resource": 7}]}'),
    ("json", b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"timeUnixNano": {}}]}]}]}'),
    (
        "json",
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": [{"value": []}]}, 7]}]}]}',
    ),
    ("json", b'{"resourceLogs": NaN}'),
    ("json", packed("logs", of_claude(model="?"), "json").replace(b'"?"', b'["m"]')),
    ("json", packed("logs", of_claude(**{"session.id": "?"}), "json").replace(b'"?"', b'{"a": 1}')),
    ("json", b"[" * 100_000),
    ("json", b'{"resourceLogs": ' * 10_000),
]


def test_what_is_no_export_is_refused_whole(post):
    for form, body in NO_EXPORTS:
        answer = post("logs", body, form)
        assert answer.status_code == 400
        assert b"Nothing was taken" in answer.content
        assert UsageTracker.get_instance().get_stats(40)["total_calls"] == 0


def test_garbage_is_never_an_error_of_ours(post):
    import random

    chance = random.Random(7)
    for signal in SIGNALS:
        whole = {"logs": of_claude(), "traces": spans("bot", NEW)}.get(signal) or points(
            "bot", "gen_ai.client.token.usage", {"value": 1}, start=1, at=2
        )
        for form in ("protobuf", "json"):
            body = bytearray(packed(signal, whole, form))
            for _ in range(8):
                body[chance.randrange(len(body))] = chance.randrange(256)
                assert post(signal, bytes(body), form).status_code in (200, 400)


def test_bombs_and_bad_packings_are_refused_before_they_unfold(post, agent):
    client = agent("exporter")
    address = f"{client.base_url.copy_with(path='/')}v1/logs"

    def send(body, packing, kind="application/json"):
        headers = {"Content-Type": kind, "Content-Encoding": packing}
        return client.post(address, content=body, headers=headers)

    bomb = gzip.compress(b"0" * 50_000_000)
    assert (send(bomb, "gzip").status_code, send(gzip.compress(b"{}")[:-4], "gzip").status_code) == (413, 400)
    assert (send(b"{}", "gzip").status_code, send(b"{}", "br").status_code) == (400, 415)
    assert send(gzip.compress(b"{}") + b"more", "gzip").status_code == 400
    assert send(b"{}", "identity", "text/plain").status_code == 415
    many = packed("logs", {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * 20_001}]}]}, "protobuf")
    assert post("logs", many, "protobuf").status_code == 400
    huge = {"event": "claude_code.user_prompt", "prompt": "x" * 1_500_000}
    assert post("logs", logs("claude-code", huge), "protobuf").status_code == 200


def test_who_may_not_is_refused_and_a_body_without_its_length_is_taken(post, agent, counted):
    client = agent("exporter", "ask")
    address = f"{client.base_url.copy_with(path='/')}v1/logs"
    headers = {"Content-Type": "application/json"}
    body = packed("logs", of_claude(), "json")
    assert client.post(address, content=body, headers=headers).status_code == 403
    assert client.post(address, content=body, headers={**headers, "Authorization": ""}).status_code == 401
    assert client.get(address).status_code == 405
    in_query = f"{address}?token={client.headers['Authorization'][7:]}"
    assert client.post(in_query, content=body, headers={**headers, "Authorization": ""}).status_code == 401
    other = agent("exporter")
    quoted = {**headers, "Authorization": other.headers["Authorization"].replace(" ", "%20")}
    assert client.post(address, content=body, headers=quoted).status_code == 200
    assert other.post(address, content=iter([body[:100], body[100:]]), headers=headers).status_code == 200
    assert len(counted(1)) == 1


def test_where_too_much_waits_an_exporter_is_told_when_to_try_again(post, monkeypatch):
    from telemetry_site.asgi import door

    room = door.rooms["/v1/logs"]
    monkeypatch.setattr(room, "_waiting", 32)
    answer = post("logs", of_claude(), "protobuf")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert answer.headers["content-type"] == "application/x-protobuf"


class Resource(dict):
    """A resource that counts how often it is gone through."""

    looked = 0

    def items(self):
        Resource.looked += 1
        return super().items()


def test_a_resource_of_many_points_is_looked_at_once_however_large():
    now = time.time()
    resource = Resource({"service.name": "bot", "long": "x" * 5_000})
    for count in (10, 20):
        Resource.looked = 0
        told = [
            Point(
                "gen_ai.client.token.usage",
                0,
                int((now - number) * 10**9),
                5,
                False,
                {TYPE: "input"},
                resource,
            )
            for number in range(count)
        ]
        assert len(intervals(told, lambda _point: "bot", pytest.fail, now)) == count
        assert Resource.looked <= 2


def test_names_that_are_too_long_are_neither_kept_nor_read_to_their_end(now_ns):
    tracemalloc.start()
    try:
        for number in range(100):
            service = {"service.name": f"{number}" + "X" * 50_000}
            record = Record("traces", "chat", now_ns, now_ns, "a:b", NEW, service)
            assert call_of(record, dialect_of(record), "bot", now_ns / 1e9).workflow == "gen_ai"
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
