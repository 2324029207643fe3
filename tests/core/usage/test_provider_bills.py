"""Two hundred usage objects of providers, each at the price of its day, to the nano-dollar."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.usage.pricing import PriceBook
from core.usage.provider_usage import read_usage
from core.usage.quantities import Quantities
from core.usage.valuation import value
from tests.core.usage.bills import anthropic, bedrock, compatible, google, openai, openrouter

TABLES = (anthropic, openai, google, bedrock, openrouter, compatible)
BILLS = [(table.__name__.rpartition(".")[2], bill) for table in TABLES for bill in table.BILLS]
BOOK = PriceBook()


def moment(day: str) -> datetime:
    at = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return at if "T" in day else at + timedelta(hours=12)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__.rpartition(".")[2])
def test_a_providers_usage_object_costs_what_the_provider_publishes(table):
    for bill in table.BILLS:
        quantities = read_usage(bill.usage, **bill.said)
        found = value(BOOK, bill.provider, bill.model, quantities, moment(bill.day))
        assert quantities.incomplete == (), bill.name
        assert found.notes == (), bill.name
        assert found.prices.book == Decimal(bill.dollars) * 10**9, bill.name
        assert Quantities.from_dict(quantities.to_dict()) == quantities, bill.name


def test_there_are_two_hundred_of_six_kinds_and_no_name_twice():
    assert len(BILLS) >= 200
    assert len({(of, bill.name) for of, bill in BILLS}) == len(BILLS)
    assert all(len(table.BILLS) > 15 for table in TABLES)
