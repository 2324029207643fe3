"""Who looks like an agent, a person or a value approved before, and is another, is shown with words that say so."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core import ApprovalGate
from dashboard.approvals import known_names
from tests.dashboard.display.markup import parse

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch):
    monkeypatch.setattr(known_names, "SECONDS", 0.0)


def warnings_on(client, address: str) -> str:
    return "\n".join(
        found.text for found in parse(client.get(address).content.decode()).with_class("warnings")
    )


@pytest.fixture
def asked(gate, beat, record, signed_in):
    """Ask, and give what both pages of it warn of."""
    beat("deployer")
    before = gate.open_request("deploy", {"host": "paypal.com", "count": "1001"})
    gate.respond_to_approval(before.request_id, True, "ann")
    record()
    client = signed_in("approver")

    def ask(agent: str, kind: str = "deploy", context=None) -> str:
        request = ApprovalGate(gate._store, agent).open_request(kind, context or {})
        record()
        live, own = (
            warnings_on(client, f"/?selected={request.request_id}"),
            warnings_on(client, f"/approvals/{request.request_id}/"),
        )
        assert live == own
        return live

    return ask


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        (
            "dерlоуеr",
            "“dерlоуеr” only looks like “deployer” (a known agent), and is another. It has Cyrillic letters.",
        ),
        (
            "deplοyer",
            "“deplοyer” only looks like “deployer” (a known agent), and is another. It has Greek letters.",
        ),
        ("Deployer", "“Deployer” only looks like “deployer” (a known agent), and is another."),
        (
            "THE APPROVER",
            "“THE APPROVER” only looks like “the approver” (somebody's account), and is another.",
        ),
    ],
)
def test_a_name_that_looks_like_a_known_one_is_flagged(asked, agent, said):
    assert said in asked(agent)


def test_a_value_that_looks_like_one_approved_before_is_flagged(asked):
    said = asked("deployer", context={"host": "pаypal.com", "again": "paypal.com", "shout": "PayPal.com"})
    assert (
        "“pаypal.com” only looks like “paypal.com” (approved before), and is another. It has Cyrillic" in said
    )
    assert "Letters of several scripts in one word: pаypal.com (Cyrillic and Latin)." in said
    assert "PayPal" not in said


def test_requests_that_name_it_are_each_looked_at_alone(gate, asked):
    for number in range(3):
        asked("deployer", context={"host": "paypa1.com", "count": str(number)})
    live = Client()
    live.force_login(User.objects.get(username="the approver"))
    assert "alike-" not in live.get("/").content.decode()
    assert len(parse(live.get("/?show=unusual").content.decode()).with_class("mark-odd")) == 3


def test_who_is_known_and_what_is_new_is_not_flagged(asked):
    assert asked("deployer", context={"host": "example.org", "note": "Ünïcödé, Ελλάδα, привет"}) == ""
