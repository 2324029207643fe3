"""Calls as a file: all of them, harmless to spreadsheets, sent while they are read."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.test import AsyncClient
from django.test.utils import CaptureQueriesContext

from core.cli.export import PIECES
from core.history.usage import reports as usage_reports
from core.usage.call import EXPORTED
from tests.dashboard.usage.usage_rows import a_call, keep, many

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fetch(clean_redis, person):
    """Fetch a file as an ASGI server sends it: its headers and its pieces."""

    async def pieces_of(address: str):
        client = AsyncClient()
        await sync_to_async(client.force_login)(viewer)
        answer = await client.get(address)
        pieces = [piece async for piece in answer.streaming_content]
        await sync_to_async(connections.close_all)()  # of its thread, which outlives the test
        return answer, pieces

    viewer = person("viewer")

    def whole(address: str):
        answer, pieces = asyncio.run(pieces_of(address))
        return answer, [piece.decode() for piece in pieces]

    return whole


def rows_of(pieces: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(pieces))))


def test_every_call_is_in_the_file_once_oldest_first_in_several_pieces(fetch, monkeypatch):
    monkeypatch.setattr(usage_reports, "EXPORTED_AT_ONCE", 40)
    moment = datetime.now(UTC)
    keep([*many(60), *(a_call(f"same {number:02}", moment) for number in range(60))])
    answer, pieces = fetch("/usage/calls.csv?range=30d")
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    assert len(pieces) == 4
    rows = rows_of(pieces)
    assert len({row["call_id"] for row in rows}) == len(rows) == 120
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)


def test_a_file_holds_the_chosen_days_alone(fetch):
    noon = datetime(2024, 11, 10, 12, tzinfo=UTC)
    keep(a_call(str(day), noon + timedelta(days=day)) for day in (-1, 0, 1, 2))
    for form in ("csv", "json"):
        _, pieces = fetch(f"/usage/calls.{form}?from=2024-11-10&to=2024-11-11")
        found = rows_of(pieces) if form == "csv" else json.loads("".join(pieces))
        assert [call["call_id"] for call in found] == ["0", "1"]


def test_no_calls_are_a_file_too(fetch):
    assert json.loads("".join(fetch("/usage/calls.json")[1])) == []
    assert "".join(fetch("/usage/calls.csv")[1]) == ",".join(f'"{name}"' for name in EXPORTED) + "\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_text_that_a_spreadsheet_would_run_is_made_text_and_numbers_stay_numbers(fetch, start):
    evil = f"{start}cmd|' /C calc'!A0"
    names = ("workflow", "stage", "tier", "model", "provider", "agent_id", "cache_type")
    keep([a_call(evil, cost_nano=-1_000_000_001, **dict.fromkeys(names, evil))])
    [row] = rows_of(fetch("/usage/calls.csv")[1])
    assert {row[name] for name in names} == {"'" + evil}
    assert row["call_id"] == "'" + evil
    assert row["cost"] == "-1.000000001"
    assert row["input_tokens"] == "1000"


def test_text_stays_in_its_cell_and_json_tells_numbers(fetch):
    keep([a_call("c", workflow='a","b', model="x,y;z")])
    [row] = rows_of(fetch("/usage/calls.csv")[1])
    assert (row["workflow"], row["model"]) == ('a","b', "x,y;z")
    [call] = json.loads("".join(fetch("/usage/calls.json")[1]))
    assert Decimal(call["cost"]) == Decimal("0.0105")
    assert call["workflow"] == 'a","b'


def test_a_file_is_read_a_batch_at_a_time(monkeypatch):
    monkeypatch.setattr(usage_reports, "EXPORTED_AT_ONCE", 10)
    keep(many(30))
    now = datetime.now(UTC)
    pieces = PIECES["csv"](usage_reports.exported(now - timedelta(days=9), now + timedelta(hours=1)))
    with CaptureQueriesContext(connection) as captured:
        next(pieces)
    assert len(captured) == 1
