"""Odd data: whatever it raises is caught by one name, and NUL is refused or shown."""

import logging
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.values.json import finite, loads_strictly
from core.values.malformed import ODD, malformed, with_visible_nul, without_nul
from core.values.trouble import Trouble

READINGS = {
    "bytes that are no text": lambda: b"\xff".decode(),
    "JSON that is none": lambda: loads_strictly("{"),
    "JSON that nests deep": lambda: loads_strictly("[" * 100_000),
    "a number that no float holds": lambda: float(10**400),
    "a number that is none": lambda: finite("nan"),
    "an amount that is none": lambda: Decimal("one"),
    "a time that no calendar has": lambda: datetime.fromtimestamp(10**17, UTC),
    "a missing field": lambda: {}["name"],
    "a list that is too short": lambda: [][0],
    "None in place of text": lambda: None.encode(),
    "text in place of a number": lambda: 0.0 <= "1",
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS)
def test_whatever_is_odd_is_caught_and_said_with_the_name_of_the_record(reading):
    with pytest.raises(ODD) as caught:
        reading()
    said = str(malformed("event 5-0", caught.value))
    assert said.startswith("event 5-0: ")
    assert len(said) > len("event 5-0: ")


@pytest.mark.parametrize("key", ["digest", b"digest"])
def test_a_missing_field_is_named(key):
    assert str(malformed("request 7", KeyError(key))) == "request 7: digest is missing"


def test_nul_is_refused_by_name_or_shown():
    assert without_nul("a\u2400", "reason") == "a\u2400"
    with pytest.raises(ValueError, match="reason has a NUL"):
        without_nul("a\x00", "reason")
    assert with_visible_nul("a\x00b") == "a\u2400b"


def test_trouble_that_lasts_is_said_once_and_its_end_once(caplog):
    trouble = Trouble(logging.getLogger("test"))
    trouble.ends("it is back")
    assert caplog.messages == []
    for _ in range(3):
        trouble.begins("it is away: %s", "refused", level=logging.ERROR)
    for _ in range(3):
        trouble.ends("%s is back", "it")
    trouble.begins("it is away: %s", "reset")
    assert caplog.messages == ["it is away: refused", "it is back", "it is away: reset"]
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING", "WARNING"]
