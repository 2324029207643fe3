"""The record by content: who approved what, when, and what exactly they saw, as one result."""

import re
from datetime import datetime

import pytest
from django.db import connection
from django.utils import timezone

from core.history.search import index
from core.history.search.index import REQUESTS
from core.models import ApprovalRecord, AuditEntry
from dashboard.record import page
from tests.dashboard.conftest import queries_of
from tests.dashboard.display.markup import parse
from tests.dashboard.exports.test_exports import content
from tests.dashboard.test_access_matrix import KINDS, PAGES, SIGN_IN, status_of

pytestmark = pytest.mark.django_db

PAYMENT = {"amount": 2070.32, "to": "Nordlicht GmbH", "purpose": "invoice 4711\nfor chairs"}


@pytest.fixture
def paid(gate, record):
    """A payment that Maria approved."""
    request = gate.open_request("payment", PAYMENT)
    gate.open_request("payment", {"amount": 2070, "cents": 32})
    gate.respond_to_approval(request.request_id, True, "maria", "agreed with <b>Jörg</b>")
    record()
    return str(request.request_id)


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_look_at_requests_may_search_them(paid, signed_in, kind):
    assert status_of(signed_in(kind).get("/record/?q=2070.32")) == PAGES[kind]


def test_who_approved_the_payment_of_2070_32_and_what_exactly_they_saw_is_one_result(paid, signed_in):
    client = signed_in("viewer")
    page = client.get("/record/", {"q": "payment 2070.32"})
    shown, row = text_of(page), ApprovalRecord.objects.get(pk=paid)
    assert page.content.decode().count('<li class="card') == 1
    for told in (
        "1 request",
        "payment",
        "deployer",
        "Approved",
        "by maria",
        f"{row.ended_at:%Y-%m-%d %H:%M:%S}",
    ):
        assert told in shown
    assert "after it was asked" in shown
    assert "agreed with &lt;b&gt;Jörg&lt;/b&gt;" in page.content.decode()
    assert "<dt>amount</dt><dd><mark>2070.32</mark></dd>" in page.content.decode()
    assert "Nordlicht" not in shown
    [address] = set(re.findall(r'href="(/approvals/[^"]+)"', page.content.decode()))
    whole = text_of(client.get(address))
    assert "Nordlicht GmbH" in whole
    assert row.digest in whole


def test_what_is_asked_for_stands_in_the_address_and_in_the_form(paid, signed_in):
    client = signed_in("viewer")
    day = timezone.now().date().isoformat()
    fit = {"q": "2070.32", "kind": "payment", "agent": "deployer", "person": "maria", "outcome": "approved"}
    page = client.get("/record/", fit | {"from": day, "to": day}).content.decode()
    assert page.count('<li class="card') == 1
    for value in (*fit.values(), day):
        assert f'value="{value}"' in page
    for other in (
        {"kind": "deploy"},
        {"agent": "x"},
        {"person": "ann"},
        {"outcome": "pending"},
        {"from": "2090-01-01"},
    ):
        page = client.get("/record/", fit | other)
        assert "No request that was recorded fits all of this." in page.content.decode()


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"q": '"*"'}, "q has no letter"),
        ({"q": "x" * 1001}, "q must be of at most 1000"),
        ({"kind": "a\x00"}, "kind must be without a NUL"),
        ({"outcome": "maybe"}, "outcome must be one of"),
        ({"from": "yesterday"}, "from must be a day"),
        ({"to": "2026-02-30"}, "to must be a day"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from is after to"),
        ({"before": "-1"}, "before must be"),
        ({"before": "9" * 19}, "before must be"),
    ],
)
def test_a_search_that_cannot_be_is_refused_with_what_is_wrong(clean_redis, signed_in, asked, named):
    response = signed_in("viewer").get("/record/", asked)
    assert response.status_code == 400
    assert named in response.content.decode()


@pytest.mark.parametrize("query", ["<script>alert(1)</script>", "' OR 1=1 --", 'x" OR "y', "NEAR(a b)", "%"])
def test_quotes_operators_and_markup_in_the_query_are_data(paid, signed_in, query):
    response = signed_in("viewer").get("/record/", {"q": query})
    assert response.status_code in (200, 400)
    assert "<script>alert" not in response.content.decode()
    assert '<li class="card' not in response.content.decode()


def test_hostile_text_in_a_matching_line_is_shown_as_text(gate, record, signed_in):
    gate.open_request("payment", {"<b>name": "<img src=x> marmalade \u202e"})
    record()
    page = signed_in("viewer").get("/record/", {"q": "marmalade"}).content.decode()
    assert "<img" not in page.split("<ol")[1]
    assert "&lt;img src=x&gt; <mark>marmalade</mark>" in page
    assert "⟦U+202E⟧" in page


def test_pages_lead_from_the_newest_to_the_oldest(gate, record, signed_in):
    for number in range(27):
        gate.open_request("deploy", {"word": "same", "n": number})
    record()
    client = signed_in("viewer")
    first = client.get("/record/?q=same").content.decode()
    assert first.count('<li class="card') == 25
    assert "27 requests" in first
    [older] = re.findall(r'href="(\?[^"]+)" rel="next"', first)
    second = client.get("/record/" + older.replace("&amp;", "&")).content.decode()
    assert second.count('<li class="card') == 2
    assert 'rel="next"' not in second
    assert 'href="?q=same"' in second


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_may_take_the_record_away_gets_what_is_found_and_that_is_recorded(paid, signed_in, kind):
    response = signed_in(kind).post("/record/export/", {"q": "2070.32"})
    may = {"anonymous": SIGN_IN, "inactive": SIGN_IN, "auditor": 200, "superuser": 200}.get(kind, 403)
    assert status_of(response) == may
    told = AuditEntry.objects.filter(kind="record.exported")
    assert [(entry.actor, '"q":"2070.32"' in entry.details) for entry in told] == (
        [(f"the {kind}", True)] if may == 200 else []
    )
    if may == 200:
        head, row = content(response)
        assert dict(zip(head, row, strict=True))["request_id"] == paid


def test_no_cell_of_the_file_is_a_formula(gate, record, signed_in):
    request = gate.open_request("=HYPERLINK(1)", {"word": "marmalade"})
    gate.respond_to_approval(request.request_id, False, "+maria", "@sum")
    record()
    head, row = content(signed_in("auditor").post("/record/export/", {"q": "marmalade"}))
    told = dict(zip(head, row, strict=True))
    assert (told["approval_type"], told["responder"], told["reason"]) == (
        "'=HYPERLINK(1)",
        "'+maria",
        "'@sum",
    )
    asked, ended = (datetime.fromisoformat(told[name]) for name in ("requested_at", "ended_at"))
    assert float(told["took_seconds"]) == (ended - asked).total_seconds()


def test_the_navigation_leads_to_the_record_and_to_the_admin(paid, signed_in):
    page = signed_in("auditor").get("/record/").content.decode()
    assert '<a href="/record/" aria-current="page">Record</a>' in page
    assert '<a href="/admin/core/auditentry/">Every entry</a>' in page
    assert '<a href="/exports/">Take it as proof</a>' in page
    assert "/admin/" not in signed_in("viewer").get("/record/").content.decode()


def many(count: int, start: int) -> None:
    now = timezone.now()
    ApprovalRecord.objects.bulk_create(
        ApprovalRecord(
            request_id=f"7f1c8e5e-5a45-4a3c-9d43-{number:012x}",
            agent_id="deployer",
            approval_type="deploy",
            context=f'{{"word": "same", "number": {number}}}',
            digest="0" * 64,
            requested_at=now,
            deadline_at=now,
            timeout_seconds=1.0,
        )
        for number in range(start, start + count)
    )
    index.complete()


def test_exact_names_are_suggested_and_none_that_cannot_be_read(paid, gate, record, signed_in):
    gate.open_request("pay\u202ement", {})
    record()
    page = parse(signed_in("viewer").get("/record/").content.decode())
    told = {
        name: [one.attributes["value"] for one in page.by_id(name).elements if one.tag == "option"]
        for name in ("kinds", "agents", "people")
    }
    assert (told["kinds"], told["agents"]) == (["payment"], ["deployer"])
    assert "the viewer" in told["people"]


@pytest.mark.long
def test_a_search_costs_as_many_queries_with_10_as_with_10000_requests(clean_redis, viewer):
    addresses = ("/record/", "/record/?q=same", "/record/?q=same&agent=deployer&outcome=pending")
    many(10, 0)
    few = [queries_of(viewer, address) for address in addresses]
    many(9_990, 10)
    assert [queries_of(viewer, address) for address in addresses] == few
    assert max(few) <= 8


@pytest.mark.django_db(transaction=True)
def test_without_its_index_the_page_says_what_to_run(paid, signed_in):
    client = signed_in("superuser")
    index.drop()
    try:
        for response in (
            client.get("/record/?q=2070.32"),
            client.post("/record/export/", {"q": "2070.32"}),
        ):
            assert response.status_code == 503
            assert "manage.py search_index --rebuild" in response.content.decode()
    finally:
        index.ensure()


def test_where_the_index_lacks_requests_nothing_found_is_not_said_to_be_nothing(paid, signed_in):
    client = signed_in("auditor")
    assert "not in the index" not in text_of(client.get("/record/?q=marmalade"))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {REQUESTS}")
    said = text_of(client.get("/record/?q=2070.32"))
    assert "not in the index, so what you look for may be there all the same" in said
    assert "No request that was recorded" not in said


def test_a_list_says_what_was_asked_where_no_word_was_looked_for(paid, signed_in):
    client = signed_in("auditor")
    assert "amount 2070.32 · to Nordlicht GmbH" in text_of(client.get("/record/?person=maria"))
    assert "facts-line" not in client.get("/record/?q=2070.32").content.decode()


def test_a_page_looks_through_so_much_text_and_says_where_it_did_not(gate, record, signed_in, monkeypatch):
    for number in range(3):
        gate.open_request("payment", {"note": "marmalade\n" * 9, "number": number})
    record()
    monkeypatch.setattr(page, "LOOKED_THROUGH", 1)
    said = text_of(signed_in("viewer").get("/record/?q=marmalade"))
    assert said.count("4 more lines with these words") == 1
    assert said.count("so this one was not looked through") == 2
