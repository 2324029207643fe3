"""Two hundred calls of six providers, corrected, repeated, out of order and of other days: everything says the same."""

import csv
import io
import json
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest
from django.core.management import call_command
from django.db.models import Sum

from core import UsageTracker
from core.history.recorder.recorder import Recorder
from core.history.usage import reports as usage_reports
from core.models import LLMCall, UsageHour
from core.usage.pricing import PriceBook
from core.usage.provider_usage import read_usage
from tests.core.usage.test_provider_bills import BILLS as ALL_BILLS
from tests.core.usage.test_provider_bills import moment
from tests.history.usage.usage_days import settle

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
EVERYTHING = 3660  # days
# A call cannot be of a day that has not come.
BILLS = [(kind, bill) for kind, bill in ALL_BILLS if moment(bill.day) < datetime.now(UTC)]


def answer_of(bill) -> object:
    """The usage, with what is said beside it as an answer says it."""
    if not bill.said:
        return bill.usage
    tier = "batch" if bill.said.get("batch") else bill.said["service_tier"]
    return {"response": bill.usage, "service_tier": tier}


def tellings() -> list[dict]:
    """Every bill in its provider's words; some told again, some told less before, some corrected; in any order."""
    told = []
    for number, (kind, bill) in enumerate(BILLS):
        named = {
            "workflow": kind, "stage": None, "tier": "capable", "model": bill.model, "provider": bill.provider,
            "call_id": f"{kind}: {bill.name}", "at": moment(bill.day),
        }  # fmt: skip
        whole = {**named, "usage": answer_of(bill)}
        told += [whole] * (1 + number % 2)
        if number % 3 == 0 and read_usage(bill.usage, **bill.said).output:
            told.append({**named, "tokens": {"input": 1, "output": 0}})
        if number % 5 == 0:
            told += [{**named, "tokens": {"input": 7, "output": 10**9}}, {**whole, "correct": True}]
    random.Random(7).shuffle(told)
    return told


@pytest.fixture
def tracker(clean_redis, tmp_path, settings):
    settings.TELEMETRY_DATA_DIR, settings.REDIS_URL = str(tmp_path), clean_redis
    found = UsageTracker(tmp_path / "usage", memory=clean_redis, price_book=PriceBook())
    found._shipper.notice = lambda: None
    recorder = Recorder(clean_redis)
    for number, telling in enumerate(tellings()):
        found.track_llm_call(**telling)
        if number % 40 == 0:
            found.flush()
            settle(recorder.step)
    found.flush()
    settle(recorder.step)
    yield found
    found._shipper.close(30)


def said_by(*words: str) -> object:
    return json.loads(printed_by(*words))


def printed_by(*words: str) -> str:
    out = io.StringIO()
    call_command("telemetry", *words, stdout=out)
    return out.getvalue()


def years() -> list[tuple[str, str]]:
    first = min(moment(bill.day) for _kind, bill in BILLS).year
    return [(f"{year}-01-01", f"{year}-12-31") for year in range(first, datetime.now(UTC).year + 1)]


def test_totals_record_page_csv_and_commands_agree(tracker, signed_in):
    wanted = {f"{kind}: {bill.name}": D(bill.dollars) for kind, bill in BILLS}
    assert len(wanted) >= 200
    whole = sum(wanted.values())
    assert {row.call_id: D(row.cost_nano).scaleb(-9) for row in LLMCall.objects.all()} == wanted
    assert D(UsageHour.objects.aggregate(n=Sum("cost_nano"))["n"]).scaleb(-9) == whole
    stats = tracker.get_stats(EVERYTHING, exact=True)
    assert (stats["total_calls"], stats["total_cost"]) == (len(wanted), whole)
    assert tracker.get_stats(EVERYTHING)["total_cost"] == float(whole)
    savings = said_by("savings", "--days", str(EVERYTHING), "--json")
    assert (D(savings["actual_cost"]), savings["unpriced"]) == (whole, [])
    assert {call["call_id"]: D(call["cost"]) for call in said_by("export")} == wanted
    printed = csv.DictReader(io.StringIO(printed_by("export", "--format", "csv")))
    assert {row["call_id"]: D(row["cost"]) for row in printed} == wanted
    client, rows, sums = signed_in("viewer"), [], 0
    for first, last in years():
        text = b"".join(client.get(f"/usage/calls.csv?from={first}&to={last}")).decode()
        rows += list(csv.DictReader(io.StringIO(text)))
        page = client.get(f"/usage/?from={first}&to={last}").context["page"]
        sums += page.sums["cost"]
        assert sum(column.cost for column in page.costs.columns) == page.sums["cost"]
        assert sum(column.saved for column in page.costs.columns) == page.sums["baseline"] - page.sums["cost"]
    assert {row["call_id"]: D(row["cost"]) for row in rows} == wanted
    assert D(sums).scaleb(-9) == whole


def test_each_day_agrees_with_its_calls(tracker):
    for day in {moment(bill.day).date() for _kind, bill in BILLS}:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        of_record = usage_reports.totals(start, start + timedelta(days=1))
        of_redis = tracker.get_period(day, day, exact=True)
        bills = [bill for _kind, bill in BILLS if moment(bill.day).date() == day]
        assert of_record["calls"] == of_redis["total_calls"] == len(bills)
        assert D(of_record["cost"]).scaleb(-9) == of_redis["total_cost"] == sum(D(b.dollars) for b in bills)
