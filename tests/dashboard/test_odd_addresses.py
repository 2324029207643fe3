"""Addresses and filters that nobody would type, as each role: a page or a refusal, and never a fault.

Some each time, a hundred in the long run, a thousand with WHOLE_SCALE=1.
"""

import os
import random
from urllib.parse import quote, urlencode

import pytest
from django.urls import get_resolver

from tests.dashboard.display.payloads import CONTROL, HIDDEN, MARKUP
from tests.dashboard.test_access_matrix import KINDS
from tests.dashboard.test_gets_change_nothing import routes

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

MOST = 1_000 if "WHOLE_SCALE" in os.environ else 100
ROLES = [*KINDS, "maintainer", "administrator"]
NAMES = [
    *("q", "kind", "agent", "person", "outcome", "from", "to", "before", "page", "state", "sort", "group"),
    *(
        "id",
        "by",
        "tz",
        "days",
        "model",
        "provider",
        "tier",
        "at",
        "o",
        "p",
        "e",
        "_to_field",
        "_popup",
        "all",
    ),
    *(
        "status__exact",
        "channel",
        "at__year",
        "at__gte",
        "pk__in",
        "user__password__startswith",
        "next",
        "format",
    ),
]
VALUES = [
    *("", "0", "-1", "1", "9" * 30, "1e400", "NaN", "Infinity", "0x10", "١", "true", "null", "[]", "{}"),
    *(
        "*",
        "..",
        "../../etc/passwd",
        "%00",
        "\x00",
        "\ud7ff",
        "a" * 5000,
        "'",
        "\\",
        "% _",
        "(",
        "[",
        "*" * 100,
    ),
    *("2026-02-30", "0000-00-00", "9999-12-31", "Europe/Vienna", "../Vienna", "-requested_at", "1.2.3", "💥"),
    *(*HIDDEN.values(), *CONTROL.values(), *MARKUP[:20]),
]


def addresses(count: int, places: dict[str, str]) -> list[str]:
    """The same for every run: a route of the site with odd parts, and up to four odd filters."""
    chance = random.Random(10)
    known = sorted(set(routes(get_resolver())))
    found = []
    for _ in range(count):
        route = chance.choice(known)
        for place, value in places.items():
            route = route.replace(place, value if chance.random() < 0.7 else odd(chance))
        while "<" in route and ">" in route:
            route = route[: route.index("<")] + odd(chance) + route[route.index(">") + 1 :]
        said = [(chance.choice(NAMES), chance.choice(VALUES)) for _ in range(chance.randrange(5))]
        found.append(f"{quote(route, safe='/%')}?{urlencode(said)}")
    return found


def odd(chance: random.Random) -> str:
    return quote(chance.choice(VALUES), safe="")


@pytest.mark.parametrize("kind", ROLES)
@pytest.mark.parametrize(
    "count", [pytest.param(12, id="some"), pytest.param(MOST, id=f"{MOST}", marks=pytest.mark.long)]
)
def test_no_odd_address_is_a_fault(gate, record, signed_in, kind, count):
    request = gate.open_request("deploy")
    record()
    client = signed_in(kind, raise_request_exception=False)
    asked = addresses(count, {"<uuid:request_id>": request.request_id, "<str:job_id>": "x"})
    answers = {}
    for address in asked:
        response = client.get(address)
        if response.streaming and not response.is_async:
            b"".join(response.streaming_content)
        if response.status_code >= 500 and "/readyz" not in address:
            answers[address[:200]] = response.status_code
    assert answers == {}
    assert gate.get_request(request.request_id).status == "pending"
