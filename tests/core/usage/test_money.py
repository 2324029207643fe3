"""Money as people read it: one spelling, enough places to tell a little from nothing, and never a gap."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.usage.money import CALL_PLACES, dollars, money, places_for, rounded

DOLLAR = 10**9
ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("nano", "told"),
    [
        (0, "$0.00"), (12_340_000_000, "$12.34"), (1_234_567 * DOLLAR, "$1,234,567.00"), (4_200_000, "$0.0042"),
        (500_000, "$0.000500"), (123_000, "$0.000123"), (1, "<$0.000001"), (-1, "-<$0.000001"),
        (-3 * DOLLAR, "-$3.00"), (125_000_000, "$0.12"), (995_000_000, "$1.00"), (10_000 * DOLLAR, "$10,000.00"),
    ],
)  # fmt: skip
def test_money_alone_has_as_many_places_as_it_needs(nano, told):
    assert money(nano) == money(dollars(nano)) == told


def test_what_is_too_small_for_its_column_is_not_told_as_nothing():
    assert money(1_000_000, 2) == "<$0.01"
    assert money(-1_000_000, 2, sign=True) == "-<$0.01"
    assert money(2 * DOLLAR, 2, sign=True) == "+$2.00"
    assert (money(500_000, CALL_PLACES), money(0, CALL_PLACES)) == ("$0.000500", "$0.000000")
    assert money(10_500_001, 9) == "$0.010500001"


def test_amounts_beside_each_other_have_the_places_of_the_largest():
    assert [places_for(n) for n in (0, 1, 10**6, 10**8, -(10**8), 10**12)] == [2, 6, 4, 2, 2, 2]
    assert (places_for(), places_for(1, 10**6), places_for(Decimal("-0.05"), 1)) == (2, 4, 4)


@given(st.integers(-(10**15), 10**15), st.sampled_from([2, 4, 6]))
def test_what_is_shown_is_what_is_rounded(nano, places):
    text = money(nano, places)
    if "<" not in text:
        assert Decimal(text.replace("$", "").replace(",", "")) == dollars(rounded(nano, places))


def test_no_other_module_or_template_spells_money():
    files = [path for room in ("core", "dashboard", "templates") for path in (ROOT / room).rglob("*")]
    sources = [path for path in files if path.suffix in (".py", ".html")]
    # A sign of the currency before a value; ${THIS} is a variable of the environment.
    spelling = re.compile(r"(?<!\$)\$\{(?![A-Z_]+\})")
    found = {str(path.relative_to(ROOT)) for path in sources if spelling.search(path.read_text())}
    assert found == {"core/usage/money.py"}
