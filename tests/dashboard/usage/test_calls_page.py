"""Calls behind a bar or a name: narrowed, sorted and paged by the address, with what they come to."""

import re
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from django.db import connection
from django.db.models import Sum

from core.history.usage import calls as history
from core.history.usage.listing import NARROWED, listing
from core.history.usage.reports import DIMENSIONS, costs, totals
from core.models import AgentHour, LLMCall, UsageHour
from core.usage.call import call_of
from dashboard.address import BadAddress
from dashboard.usage.page import COLOURS, CostTable, SpendRate, colour_of
from dashboard.usage.period import period_of, zone_of
from tests.dashboard.conftest import queries_of
from tests.dashboard.test_access_matrix import KINDS, PAGES, status_of
from tests.dashboard.usage.usage_rows import a_call, keep, many

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DOLLAR = 10**9


@pytest.fixture
def spent(clean_redis):
    """Three calls of a day, by two agents and one that named none."""
    noon = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
    keep(
        [
            a_call("one", noon, agent_id="reviewer", model="small", cost_nano=1 * DOLLAR, input_tokens=10),
            a_call(
                "two",
                noon + timedelta(minutes=1),
                agent_id="tester",
                model="large",
                cost_nano=5 * DOLLAR,
                input_tokens=30,
            ),
            a_call(
                "three",
                noon + timedelta(hours=11),
                agent_id="",
                model="small",
                cost_nano=2 * DOLLAR,
                input_tokens=20,
            ),
        ]
    )


DAY = "from=2026-11-20&to=2026-11-20"


def costs_shown(page: str) -> list[str]:
    return re.findall(r"<td>(\$[\d.]+)</td>", page)


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_see_usage_may_see_its_calls(spent, signed_in, kind):
    assert status_of(signed_in(kind).get(f"/usage/calls/?{DAY}")) == PAGES[kind]


@pytest.mark.parametrize(
    ("asked", "shown", "total"),
    [
        ("", ["$2.000000", "$5.000000", "$1.000000"], "3 calls for $8.000000, 60 tokens in"),
        ("&sort=-cost", ["$5.000000", "$2.000000", "$1.000000"], "3 calls for $8.000000"),
        ("&sort=cost", ["$1.000000", "$2.000000", "$5.000000"], "3 calls for $8.000000"),
        ("&sort=-input&model=small", ["$2.000000", "$1.000000"], "2 calls for $3.000000, 30 tokens in"),
        ("&agent=tester", ["$5.000000"], "1 call for $5.000000"),
        ("&agent=", ["$2.000000"], "1 call for $2.000000"),
        ("&agent=tester&model=small", [], "No call that is kept fits all of this."),
    ],
)
def test_calls_are_narrowed_and_sorted_as_the_address_says_with_their_total(
    spent, signed_in, asked, shown, total
):
    page = signed_in("viewer").get(f"/usage/calls/?{DAY}{asked}").content.decode()
    assert costs_shown(page) == shown
    assert total in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize(
    "asked",
    [
        "sort=name",
        "page=0",
        "page=x",
        "page=99999",
        "hour=2026-11-22",
        "model=" + "x" * 256,
        "tz=Mars",
        "tz=Asia",
        "tz=../../etc/passwd",
    ],
)
def test_an_address_that_cannot_be_is_refused_with_a_sentence(spent, signed_in, asked):
    response = signed_in("viewer").get(f"/usage/calls/?{asked}")
    assert response.status_code == 400
    assert f"{asked.partition('=')[0]} must be" in response.content.decode()


def test_pages_of_calls_follow_one_another_and_each_call_stands_once(clean_redis, signed_in):
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    keep([a_call(f"call {number}", noon, cost_nano=(number + 1) * DOLLAR) for number in range(120)])
    client, address, shown = signed_in("viewer"), f"?{DAY}&sort=-cost", []
    while address:
        page = client.get(f"/usage/calls/{address}").content.decode()
        shown += costs_shown(page)
        found = re.findall(r'href="(\?[^"]+)" rel="next"', page)
        address = found[0].replace("&amp;", "&") if found else ""
    assert shown == [f"${number}.000000" for number in range(120, 0, -1)]


def test_a_page_beyond_the_last_is_the_last(clean_redis, signed_in):
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    keep([a_call(f"call {number}", noon, cost_nano=(number + 1) * DOLLAR) for number in range(60)])
    page = signed_in("viewer").get(f"/usage/calls/?{DAY}&sort=cost&page=7").content.decode()
    assert costs_shown(page) == [f"${number}.000000" for number in range(51, 61)]
    assert "Page 2 of 2" in page


ONE = {"workflow": "flow 1", "tier": "capable", "provider": "acme", "model": "model 4"}
REVIEWER = {"agent": "reviewer"}


@pytest.mark.parametrize(
    "narrowed", [{}, {"model": "model 4"}, ONE, REVIEWER, REVIEWER | ONE, {"stage": "read"}, {"stage": ""}]
)
def test_the_total_is_of_the_calls_that_are_kept_where_others_were_pruned(clean_redis, narrowed):
    keep(many(400, days=8))
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    history.prune(today - timedelta(days=2), 2)
    late = a_call("late", today - timedelta(days=6), workflow="flow 1", model="model 4")
    late.save()
    history.add_to_hours([call_of(late)])
    fields = {NARROWED[name]: value for name, value in narrowed.items()}
    for first, last in ((-6, 1), (-6, -5), (-5, -4), (-5, 0), (-1, 1)):
        start, end = today + timedelta(days=first), today + timedelta(days=last)
        kept = LLMCall.objects.filter(at__gte=start, at__lt=end, **fields)
        sums = kept.aggregate(*map(Sum, ("cost_nano", "input_tokens", "output_tokens"))).values()
        found = listing(start, end, narrowed, by="time", falling=True, page=1, size=5)
        assert found.total == (kept.count(), *(amount or 0 for amount in sums))
        assert len(found.calls) == min(5, found.total.calls)


def test_costs_by_agent_lead_to_the_calls_of_each(spent, signed_in):
    client = signed_in("viewer")
    page = client.get(f"/usage/?{DAY}&by=agent").content.decode()
    for name in ("reviewer", "tester", ""):
        address = f"/usage/calls/?{DAY}&agent={name}".replace("&", "&amp;")
        assert f'href="{address}"' in page
    assert "No agent named" in page


def agreement() -> bool:
    """Whether the sums by agent and those by kind are the same in every hour."""

    def by_hour(model) -> dict:
        found: dict = {}
        for row in model.objects.all():
            sums = found.setdefault(row.hour, [0, 0, 0, 0])
            for place, name in enumerate(("calls", "cost_nano", "input_tokens", "output_tokens")):
                sums[place] += getattr(row, name)
        return found

    return by_hour(AgentHour) == by_hour(UsageHour)


def test_sums_by_agent_agree_with_those_by_kind_through_prune_rebuild_and_reset(spent):
    assert agreement()
    assert AgentHour.objects.count() == 3
    history.prune(datetime(2026, 11, 20, 23, 30, tzinfo=UTC) + timedelta(days=1), 1)
    history.rebuild_hours()
    assert LLMCall.objects.count() == 1
    assert agreement()
    assert {row.agent_id: row.calls for row in AgentHour.objects.all()} == {"reviewer": 1, "tester": 1, "": 1}
    day = datetime(2026, 11, 20, tzinfo=UTC)
    history.rebuild_hours(day, day + timedelta(days=1))
    assert agreement()
    shares = costs(day, day + timedelta(days=1), "agent", hourly=False).shares
    assert [(share.name, share.cost) for share in shares] == [
        ("tester", 5 * DOLLAR),
        ("", 2 * DOLLAR),
        ("reviewer", DOLLAR),
    ]
    assert sum(share.cost for share in shares) == totals(day, day + timedelta(days=1))["cost"]
    history._forget_until(datetime.now(UTC))
    assert agreement()
    assert AgentHour.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_the_migration_sums_what_is_recorded_and_leaves_pruned_hours_to_no_agent(spent):
    from importlib import import_module

    from django.apps import apps

    history.prune(datetime(2026, 11, 20, 23, 30, tzinfo=UTC) + timedelta(days=1), 1)
    AgentHour.objects.all().delete()
    with connection.schema_editor() as editor:
        import_module("core.migrations.0011_agent_hours").fill(apps, editor)
    assert agreement()
    assert {(row.agent_id, row.calls) for row in AgentHour.objects.all()} == {("", 2), ("", 1)}


@pytest.mark.anywhere
def test_a_colour_belongs_to_a_name_whatever_else_is_shown():
    names = [f"model {number}" for number in range(200)]
    first = [colour_of(name) for name in names]
    assert first == [colour_of(name) for name in names]
    assert set(first) == {str(number) for number in range(1, COLOURS + 1)}
    assert colour_of("claude-sonnet-4-5") == "3"
    assert colour_of(None) == "rest"


def test_a_name_keeps_its_colour_over_periods_and_other_names(clean_redis):
    day = datetime(2026, 11, 20, 12, tzinfo=UTC)
    keep([a_call("small", day, model="small"), a_call("large", day, model="large", cost_nano=DOLLAR)])
    keep([a_call("new", day + timedelta(days=1), model="new", cost_nano=9 * DOLLAR)])

    def colours(said: dict[str, str]) -> dict[str | None, str]:
        period = period_of(said, NOW)
        found = costs(period.start, period.end, "model", hourly=period.hourly)
        return {column.name: column.colour for column in CostTable.of(found, period, NOW, "model").columns}

    day_alone, week = colours({"from": "2026-11-20", "to": "2026-11-20"}), colours({})
    assert len(week) == 3
    assert day_alone.items() <= week.items()


def test_days_are_those_of_the_zone_that_a_person_wants(spent, signed_in):
    client = signed_in("viewer")
    # 23:30 UTC is the next day in Vienna.
    page = client.get("/usage/calls/?from=2026-11-21&to=2026-11-21&tz=Europe/Vienna").content.decode()
    assert costs_shown(page) == ["$2.000000"]
    assert "21 November 2026, Europe/Vienna" in page
    assert "00:30:00" in page
    page = client.get("/usage/calls/?from=2026-11-21&to=2026-11-21").content.decode()
    assert costs_shown(page) == ["$2.000000"], "remembered by a cookie"
    page = client.get("/usage/?range=90d&by=agent").content.decode()
    assert "The day is one of Europe/Vienna." in page
    assert (
        costs_shown(client.get("/usage/calls/?from=2026-11-21&to=2026-11-21&tz=UTC").content.decode()) == []
    )
    assert "The day is UTC." in client.get("/usage/").content.decode()


def test_a_cookie_that_names_no_zone_means_utc(spent, signed_in):
    client = signed_in("viewer")
    client.cookies["usage_tz"] = "Mars/Olympus"
    assert "The day is UTC." in client.get("/usage/").content.decode()


@pytest.mark.anywhere
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Vienna", "2026-03-29", 23),
        ("Europe/Vienna", "2026-10-25", 25),
        ("America/New_York", "2026-07-01", 24),
        ("Asia/Kolkata", "2026-07-01", 24),
        ("Asia/Kathmandu", "2026-07-01", 24),
        ("America/St_Johns", "2026-03-08", 23),
        ("Pacific/Chatham", "2026-04-05", 25),
    ],
)
def test_a_day_has_as_many_hours_as_it_has_in_its_zone(zone, day, hours):
    period = period_of({"from": day, "to": day}, NOW, zone_of(zone))
    assert period.end - period.start == timedelta(hours=hours) == timedelta(hours=len(period.times()))
    assert (period.first, period.last) == (date.fromisoformat(day),) * 2
    assert period_of({"range": "90d"}, NOW, zone_of(zone)).last == date(2026, 11, 22)


def test_every_day_of_a_zone_has_its_own_sum(clean_redis):
    zone, begin = zone_of("Europe/Vienna"), datetime(2026, 10, 20, tzinfo=UTC)
    keep(
        [a_call(f"call {number}", begin + timedelta(hours=number), cost_nano=DOLLAR) for number in range(240)]
    )
    period = period_of({"from": "2026-10-24", "to": "2026-10-26"}, NOW, zone)
    table = CostTable.of(costs(period.start, period.end, "tier", hourly=True), period, NOW)
    assert [row.total // DOLLAR for row in table.rows] == [24, 25, 24]


@pytest.mark.parametrize(
    ("name", "begins"),
    [("Asia/Kolkata", "23:30"), ("Asia/Kathmandu", "23:45"), ("America/St_Johns", "23:30")],
)
def test_an_hour_that_midnight_splits_is_counted_with_the_day_that_begins_in_it(
    clean_redis, signed_in, name, begins
):
    zone, begin = zone_of(name), datetime(2026, 10, 19, tzinfo=UTC)
    keep([a_call(f"{n}", begin + timedelta(hours=n, minutes=59), cost_nano=DOLLAR) for n in range(240)])
    period = period_of({"from": "2026-10-21", "to": "2026-10-24"}, NOW, zone)
    table = CostTable.of(costs(period.start, period.end, "tier", hourly=True), period, NOW)
    assert [row.total // DOLLAR for row in table.rows] == [24] * 4
    assert [f"{row.at.astimezone(zone):%d %H:%M}" for row in table.rows] == [
        f"{d} 00:00" for d in (24, 23, 22, 21)
    ]
    assert f"{period.start.astimezone(zone):%d %H:%M}" == f"20 {begins}"
    for bar, day in zip(table.chart["periods"], (21, 22, 23, 24), strict=True):
        narrowed = period_of(dict(parse_qsl(bar)), NOW, zone)
        assert (narrowed.first, narrowed.end - narrowed.start) == (date(2026, 10, day), timedelta(days=1))
    said = f"a day of {name} is counted from {begins} of the day before."
    client = signed_in("viewer")
    for page in ("/usage/", "/usage/calls/"):
        address = f"{page}?from=2026-10-21&to=2026-10-24&tz={name}"
        assert said in client.get(address).content.decode()
    assert "summed by the hour of UTC" not in client.get("/usage/?tz=Europe/Vienna").content.decode()


@pytest.mark.anywhere
def test_today_begins_with_the_hour_that_midnight_splits():
    zone = zone_of("Asia/Kolkata")
    hours = {
        datetime(2026, 11, day, hour, tzinfo=UTC): DOLLAR for day in (20, 21, 22) for hour in (17, 18, 19)
    }
    burn = SpendRate.of(hours, min(hours), datetime(2026, 11, 22, 20, 10, tzinfo=UTC), zone)
    assert (burn.cost, burn.by_then, burn.average, burn.days) == (2 * DOLLAR, 2 * DOLLAR, 4 * DOLLAR // 3, 3)
    assert burn.comparison.startswith("Until 01:30: $2.00")


@pytest.mark.anywhere
@pytest.mark.parametrize("name", ["Asia", "Mars", "a" * 65, "/etc/localtime", "Europe/Vienna\x00"])
def test_a_zone_that_cannot_be_is_refused(name):
    with pytest.raises(BadAddress, match="tz must be"):
        zone_of(name)


def test_the_pages_read_as_much_of_the_record_with_100_as_with_3000_calls(clean_redis, viewer):
    addresses = (
        "/usage/calls/?range=90d",
        "/usage/calls/?range=90d&sort=-cost&agent=reviewer",
        *(f"/usage/?by={by}&range={span}" for by in DIMENSIONS for span in ("24h", "90d")),
    )
    keep(many(100))
    few = [queries_of(viewer, address) for address in addresses]
    LLMCall.objects.all().delete()
    keep(many(3_000))
    assert [queries_of(viewer, address) for address in addresses] == few
