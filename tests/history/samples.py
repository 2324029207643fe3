"""Of many cases refused alike a quick run takes each third; PostgreSQL refuses more by itself: there it takes all."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.chosen_servers import DATABASE


def some_of(cases: Mapping[str, Any]) -> list[Any]:
    """For `parametrize`: the cases by their names, those that are left to long runs marked so."""
    quick = range(len(cases)) if DATABASE == "postgresql" else range(0, len(cases), 3)
    return [
        pytest.param(case, id=name, marks=[] if number in quick else [pytest.mark.long])
        for number, (name, case) in enumerate(cases.items())
    ]
