"""The usage page as the server sends it: to whom, with what, at what cost."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from core.history.usage import reports as usage_reports
from core.history.usage.listing import listing
from core.models import LLMCall, UsageHour
from tests.dashboard.display.markup import parse
from tests.dashboard.display.payloads import CONTROL, HIDDEN, MARKUP
from tests.dashboard.usage.usage_rows import a_call, keep, many
from tests.servers import faulty_server

pytestmark = pytest.mark.django_db

PAGES = ["/usage/", "/usage/calls.csv", "/usage/calls.json"]


@pytest.mark.anywhere
@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("anonymous", 302),
        ("inactive", 302),
        ("no group", 403),
        ("viewer", 200),
        ("approver", 200),
        ("auditor", 200),
    ],
)
def test_who_may_look_at_the_live_page_may_look_at_usage(clean_redis, signed_in, address, kind, status):
    answer = signed_in(kind).get(address)
    assert answer.status_code == status
    assert "call_id" not in str(answer.headers)


@pytest.mark.parametrize("method", ["post", "put", "delete", "patch"])
def test_usage_is_for_reading_alone(signed_in, method):
    client = signed_in("superuser")
    assert [getattr(client, method)(address).status_code for address in PAGES] == [405] * 3


@pytest.mark.anywhere
@pytest.mark.parametrize("address", PAGES)
@pytest.mark.parametrize(
    "query", ["from=x", "from=2026-02-30", "range=1", "to=2026-01-01", "from=%00", "from=2020-01-01"]
)
def test_bad_days_are_refused_in_words(clean_redis, signed_in, address, query):
    answer = signed_in("viewer").get(f"{address}?{query}")
    assert answer.status_code == 400
    assert "These days cannot be shown" in answer.content.decode()
    assert "data-doorbell" not in answer.content.decode()


def test_what_was_asked_for_comes_back_as_text(clean_redis, signed_in):
    evil, client = '"><script>alert(1)</script>', signed_in("viewer")
    for query in ({"from": evil, "to": evil}, {"by": evil}, {"range": evil}):
        answer = client.get("/usage/", query)
        assert answer.status_code == 400
        assert "<script>alert" not in answer.content.decode()


def test_without_a_call_the_page_says_how_to_begin(clean_redis, signed_in):
    page = signed_in("viewer").get("/usage/").content.decode()
    assert "No model call is recorded yet" in page
    assert "track_llm_call(" in page
    assert "<canvas" not in page


def test_days_without_calls_say_when_there_were_some(clean_redis, signed_in):
    keep([a_call("old", datetime(2015, 3, 4, 5, tzinfo=UTC))])
    page = signed_in("viewer").get("/usage/?from=2015-05-01&to=2015-05-02").content.decode()
    assert "There are calls from 4 March 2015 to 4 March 2015" in page


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_days_and_times_are_utc_whatever_zone_the_site_shows_elsewhere(
    clean_redis, signed_in, settings, zone
):
    settings.TIME_ZONE = zone
    keep([a_call("early", datetime(2015, 3, 4, 0, 5, 6, tzinfo=UTC))])
    keep([a_call("late", datetime(2015, 3, 4, 23, 7, 8, tzinfo=UTC))])
    client = signed_in("viewer")
    days = parse(client.get("/usage/?from=2015-03-01&to=2015-03-04").content.decode()).by_id("usage").text
    assert "Wed 4 Mar" in days
    assert "Sat 28 Feb" not in days
    assert "Thu 5 Mar" not in days
    hours = parse(client.get("/usage/?from=2015-03-04&to=2015-03-04").content.decode()).by_id("usage").text
    assert "4 Mar 23:00" in hours
    assert "00:05:06" in hours
    assert "23:07:08" in hours
    none = client.get("/usage/?from=2015-05-01&to=2015-05-02").content.decode()
    assert "There are calls from 4 March 2015 to 4 March 2015" in none


def test_the_page_says_what_was_spent_saved_and_not_compared(clean_redis, signed_in):
    now = datetime.now(UTC)
    keep(
        [
            a_call("routed", now),
            a_call(
                "unpriced", now, cost_nano=2 * 10**9, book_nano=None, uncached_nano=None, baseline_nano=None
            ),
            a_call("alone", now, cost_nano=10**9, baseline_nano=None),
            a_call("loss", now, uncached_nano=10_000_000, prompt_cache_hit=True, cache_write_tokens=70),
        ]
    )
    page = parse(signed_in("viewer").get("/usage/").content.decode())
    text = page.by_id("usage").text
    assert "$3.02" in text
    assert "1 unpriced call: $2.00" in text
    assert "1 call without a baseline: $1.00" in text
    assert "Net loss" in text
    data = json.loads(page.by_id("savings-data").text)
    assert data["labels"] == ["Baseline", "Routing", "Caching", "Price difference", "Actual"]
    assert data["texts"][-1] == "$3.02"


def test_which_model_has_no_price_is_named_on_the_page_with_the_setting_that_gives_it_one(
    clean_redis, signed_in
):
    unpriced = {"book_nano": None, "uncached_nano": None, "baseline_nano": None}
    keep([a_call(f"{n}", model="house-model-7", **unpriced) for n in range(2)])
    keep([a_call("other", model="<b>bold", provider="other", **unpriced), a_call("known")])
    text = parse(signed_in("viewer").get("/usage/").content.decode()).by_id("usage").text
    assert "3 unpriced calls" in text
    setting = 'TELEMETRY_PRICES=[{"model": "acme/house-model-7", "input": "...", "output": "..."}]'
    assert f"2 calls: acme/house-model-7 has no price; {setting} gives it one" in text
    assert "1 call: other/<b>bold has no price" in text
    assert "acme/middle" not in text


def test_more_than_eight_names_become_the_dearest_seven_and_the_rest(clean_redis, signed_in):
    keep(a_call(f"c{number}", model=f"m{number:02}", cost_nano=number * 10**9) for number in range(1, 21))
    page = parse(signed_in("viewer").get("/usage/?by=model").content.decode())
    series = json.loads(page.by_id("costs-data").text)["series"]
    assert [one["name"] for one in series] == [*(f"m{number}" for number in range(20, 13, -1)), "All others"]
    assert sum(sum(one["values"]) for one in series) == 210


def test_text_of_agents_does_nothing_and_hides_nothing(clean_redis, signed_in):
    texts = [text for text in [*MARKUP, *HIDDEN.values(), *CONTROL.values()] if "\x00" not in text]
    names = ("workflow", "tier", "model", "stage", "provider", "agent_id")
    keep(a_call(f"c{number}", **dict.fromkeys(names, text)) for number, text in enumerate(texts))
    client = signed_in("viewer")
    harmless = [tag.tag for tag in parse(client.get("/usage/?by=tier").content.decode()).elements]
    for by in ("model", "workflow", "tier"):
        html = client.get(f"/usage/?by={by}").content.decode()
        page = parse(html)
        assert {"img", "svg", "iframe", "object", "style", "base"} & {
            e.tag for e in page.by_id("usage").elements
        } == set()
        assert not any(name.startswith("on") for e in page.elements for name in e.attributes)
        assert "\u202e" not in html
        assert "\x1b" not in html
    assert harmless.count("script") == 18  # ours and the two lists of data


def test_sums_are_read_by_an_index_and_single_calls_only_fifty(clean_redis):
    keep(many(100))
    end = datetime.now(UTC) + timedelta(hours=1)
    start = end - timedelta(days=7)
    with CaptureQueriesContext(connection) as captured:
        usage_reports.totals(start, end)
        usage_reports.costs(start, end, "model", hourly=False)
        usage_reports.by_hour(start, end)
        usage_reports.recent_calls(start, end)
    statements = [query["sql"] for query in captured]
    assert len(statements) == 5
    for sql in statements[:4]:
        assert "core_llmcall" not in sql
    assert "LIMIT 50" in statements[4]
    assert all("USING INDEX" in plan for plan in plans_of(statements))


def plans_of(statements: list[str]) -> list[str]:
    """How SQLite would run each; none on another database."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        return [
            str(cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%")).fetchall())
            for sql in statements
        ]


def test_lists_and_files_of_calls_read_the_index_in_their_order(clean_redis, monkeypatch):
    keep(many(100))
    monkeypatch.setattr(usage_reports, "EXPORTED_AT_ONCE", 40)
    end = datetime.now(UTC) + timedelta(hours=1)
    start = end - timedelta(days=9)
    with CaptureQueriesContext(connection) as captured:
        listing(start, end, {}, by="duration", falling=True, page=1, size=50)
        assert len(list(usage_reports.exported(start, end))) == 3
    calls = [query["sql"] for query in captured if '"duration_ms"' in query["sql"]]
    plans = plans_of(calls)
    assert all("calls_by_time" in plan for plan in plans)
    assert not any("TEMP B-TREE" in plan for plan in plans[1:])  # files


def test_redis_away_is_said_and_what_was_recorded_is_shown(clean_redis, signed_in):
    keep([a_call("one")])
    client = signed_in("viewer")
    with faulty_server() as server, override_settings(REDIS_URL=server.url):
        server.stop()
        answer = client.get("/usage/")
        assert answer.status_code == 200
        assert "The telemetry server does not answer" in answer.content.decode()
        assert "Newest calls" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_fails_is_said_with_503(clean_redis, signed_in):
    client = signed_in("viewer")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE core_usagehour RENAME TO core_elsewhere")
    try:
        answer = client.get("/usage/")
        assert answer.status_code == 503
        assert "The database does not answer" in answer.content.decode()
        assert "core_usagehour" not in answer.content.decode()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE core_elsewhere RENAME TO core_usagehour")


def test_calls_and_hours_are_read_only_in_the_admin(clean_redis, signed_in):
    keep([a_call("one")])
    auditor = signed_in("auditor")
    for model in (LLMCall, UsageHour):
        page = f"/admin/core/{model._meta.model_name}/"
        assert auditor.get(page).status_code == 200
        assert auditor.get(f"{page}?q=review").status_code == 200
        assert auditor.get(f"{page}{model.objects.get().pk}/change/").status_code == 200
        assert auditor.get(f"{page}add/").status_code == 403
        assert auditor.post(f"{page}{model.objects.get().pk}/delete/").status_code == 403
