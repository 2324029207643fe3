"""What the usage page says of numbers: shaped from sums, adding up as printed, honest about what is compared."""

import re
from dataclasses import fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.history.usage.reports import Costs, Share
from core.usage.savings import SUMS
from dashboard.address import BadAddress
from dashboard.display.amounts import percent, short
from dashboard.usage.page import Column, CostTable, Savings, SpendRate, colour_of
from dashboard.usage.period import dimension_of, period_of

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DOLLAR = 10**9
CSS = Path(__file__).resolve().parents[3] / "static" / "dashboard"
TEMPLATES = CSS.parents[1] / "templates" / "dashboard" / "usage"


def test_shares_never_say_all_or_nothing_unless_it_is_so():
    said = [
        percent(*pair).replace("\xa0", " ")
        for pair in [(0, 5), (1, 10**6), (1, 3), (10**6 - 1, 10**6), (5, 5), (1, 0)]
    ]
    assert said == ["0 %", "<0.1 %", "33.3 %", ">99.9 %", "100 %", "–"]
    assert [short(n).replace("\xa0", " ") for n in (999, 9_999, 56_700, 8_900_000, 12_300_000_000)] == [
        "999", "9,999", "56.7 K", "8.90 M", "12.3 B",
    ]  # fmt: skip


def sums(baseline: int, routing: int, caching: int, difference: int, **others: int) -> dict[str, int]:
    amounts = {"baseline": baseline, "routing": routing, "caching": caching}
    cost = baseline - routing - caching + difference
    return dict.fromkeys(SUMS, 0) | amounts | {"difference": difference, "cost": cost} | others


def printed(text: str) -> Decimal:
    return Decimal(text.replace("$", "").replace(",", "").replace("+", ""))


amounts = st.integers(-(10**13), 10**13)


@given(st.integers(0, 10**14), amounts, amounts, amounts)
def test_the_waterfall_adds_up_as_printed_whatever_the_rounding(baseline, routing, caching, difference):
    savings = Savings.of(sums(baseline, routing, caching, difference, calls=1))
    texts = [step.text for step in savings.steps]
    if any("<" in text for text in texts):  # an amount below the last decimal beside nothing else
        return
    first, *between, last = map(printed, texts)
    assert first + sum(between) == last
    assert abs(last - Decimal(baseline - routing - caching + difference).scaleb(-9)) <= Decimal("0.005")


def test_steps_that_cost_more_say_so():
    savings = Savings.of(sums(10 * DOLLAR, -2 * DOLLAR, -DOLLAR, 3 * DOLLAR, calls=1))
    assert [(step.kind, step.text) for step in savings.steps] == [
        ("level", "$10.00"), ("more", "+$2.00"), ("more", "+$1.00"), ("more", "+$3.00"), ("level", "$16.00"),
    ]  # fmt: skip
    assert savings.saved == -6 * DOLLAR
    assert savings.chart["bars"] == [[0, 10], [10, 12], [12, 13], [13, 16], [0, 16]]


def test_costs_have_a_row_for_each_day_and_one_column_for_all_others():
    day = datetime(2026, 11, 20, tzinfo=UTC)
    costs = Costs(
        [Share("a\u202eb", 3, 30 * DOLLAR, 5, 6), Share(None, 1, 10 * DOLLAR, 0, 0)],
        {(day, "a\u202eb"): 30 * DOLLAR, (day, None): 10 * DOLLAR},
    )
    table = CostTable.of(costs, period_of({}, NOW), NOW)
    assert [row.at.day for row in table.rows] == [22, 21, 20, 19, 18, 17, 16]
    assert [row.total // DOLLAR for row in table.rows] == [0, 0, 40, 0, 0, 0, 0]
    assert [row.unfinished for row in table.rows] == [True] + [False] * 6
    shares = [(column.colour, column.share.replace("\xa0", " ")) for column in table.columns]
    assert shares == [(colour_of("a\u202eb"), "75.0 %"), ("rest", "25.0 %")]
    assert table.chart["labels"][0] == "16 Nov"
    drawn = [(one["name"], one["values"][4]) for one in table.chart["series"]]
    assert drawn == [("a⟦U+202E⟧b", 30), ("All others", 10)]


@pytest.mark.parametrize(
    ("said", "first", "last", "hours"),
    [
        ({}, date(2026, 11, 16), date(2026, 11, 22), 168),
        ({"range": "24h"}, date(2026, 11, 21), date(2026, 11, 22), 24),
        ({"range": "90d"}, date(2026, 8, 25), date(2026, 11, 22), 2160),
        ({"from": "2026-11-01", "to": "2026-11-22"}, date(2026, 11, 1), date(2026, 11, 22), 528),
        ({"from": "2026-11-20"}, date(2026, 11, 20), date(2026, 11, 22), 72),
        ({"from": "2024-02-29", "to": "2024-02-29"}, date(2024, 2, 29), date(2024, 2, 29), 24),
    ],
)
def test_a_period_is_what_the_address_says_in_whole_utc_days(said, first, last, hours):
    for now in (
        NOW,
        NOW.astimezone(tz=None),
        NOW.astimezone(ZoneInfo("Pacific/Auckland")),
    ):
        period = period_of(said, now)
        assert (period.first, period.last) == (first, last)
        assert period.end - period.start == timedelta(hours=hours)


def test_a_period_ends_after_the_present_moment():
    for said in ({}, {"range": "24h"}, {"range": "30d"}):
        period = period_of(said, NOW)
        assert period.start < NOW < period.end
    assert period_of({}, NOW).words == "16 to 22 November 2026"
    assert (
        period_of({"from": "2025-12-30", "to": "2026-01-02"}, NOW).words
        == "30 December 2025 to 2 January 2026"
    )


@pytest.mark.parametrize(
    "said",
    [
        {"range": "7"}, {"range": ""}, {"range": "24H"}, {"from": ""}, {"to": "2026-11-01"}, {"from": "yesterday"},
        {"from": "2026-02-30"}, {"from": "20261101"}, {"from": "2026-11-01T00:00"}, {"from": "9999-12-31"},
        {"from": "0001-01-01"}, {"from": "2026-11-23"}, {"from": "2026-11-10", "to": "2026-11-09"},
        {"from": "2020-01-01", "to": "2026-11-22"}, {"from": "2026-11-0１"}, {"from": "<script>"},
    ],
)  # fmt: skip
def test_days_that_cannot_be_are_refused_with_the_name_of_the_part(said):
    with pytest.raises(BadAddress, match=r"range|from|to"):
        period_of(said, NOW)


def test_costs_are_split_by_three_things_alone():
    assert dimension_of({}) == "tier"
    assert dimension_of({"by": "workflow"}) == "workflow"
    with pytest.raises(BadAddress, match="by must be"):
        dimension_of({"by": "user"})


def hours_of(*told: tuple[int, int, int]) -> dict[datetime, int]:
    return {datetime(2026, 11, day, hour, tzinfo=UTC): dollars * DOLLAR for day, hour, dollars in told}


def test_today_is_compared_with_full_hours_of_days_that_had_calls_behind_them():
    hours = hours_of((22, 1, 6), (22, 9, 5), (21, 8, 2), (21, 9, 100), (20, 0, 2))
    burn = SpendRate.of(hours, datetime(2026, 11, 20, tzinfo=UTC), NOW)
    assert (burn.cost, burn.by_then, burn.average, burn.days) == (11 * DOLLAR, 6 * DOLLAR, 2 * DOLLAR, 2)
    assert burn.per_hour == round(11 * DOLLAR / 9.5)
    assert burn.comparison.replace("\xa0", " ") == (
        "Until 09:00: $6.00, 200.0 % more than the average of the 2 days before ($2.00)."
    )


def test_a_comparison_that_would_mean_nothing_is_not_made():
    today = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert SpendRate.of(hours_of((22, 8, 1)), today, NOW).comparison == "No earlier day to compare with."
    assert SpendRate.of({}, None, NOW).average is None
    midnight = SpendRate.of(hours_of((21, 8, 1)), today - timedelta(days=3), NOW.replace(hour=0, minute=5))
    assert midnight.per_hour is None
    assert midnight.comparison == "Compared with the days before from 01:00 UTC on."
    assert (
        "nothing until then" in SpendRate.of(hours_of((22, 8, 1)), today - timedelta(days=3), NOW).comparison
    )


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_every_colour_of_a_series_stands_out_from_its_panel_in_both_themes():
    pair = r"light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)"
    [surface] = re.findall(rf"--surface: {pair}", (CSS / "tokens.css").read_text())
    series = re.findall(rf"--colour-\d: {pair}", (CSS / "usage.css").read_text())
    assert len(series) == 8
    for colours in series:
        for colour, panel in zip(colours, surface, strict=True):
            assert contrast(colour, panel) >= 3, (colour, panel)
    for theme in (0, 1):
        assert len({colours[theme] for colours in series}) == 8


def test_each_figure_of_a_name_in_the_costs_has_a_head_and_a_cell():
    template = (TEMPLATES / "_costs.html").read_text()
    table = template[: template.index("</table>")]
    assert {field.name for field in fields(Column)} == set(re.findall(r"column\.(\w+)", table))
    assert table.count('<th scope="col">') == 1 + table.count("<td>")
