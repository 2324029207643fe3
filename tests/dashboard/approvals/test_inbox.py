"""The inbox as the server prints it: groups of what is alike, what is unusual, filters, and answers to many at once."""

import json
import secrets

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core import ApprovalGate
from core.history.approvals.answers import release
from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.history.search.words import lines_in
from core.models import AgentOwner, ApprovalRecord, ApprovalType, AuditEntry, DecisionIntent
from dashboard.approvals import unusual
from dashboard.approvals.inbox import MOST_TOGETHER, PAGE_LINES
from dashboard.approvals.waiting import facts_of
from tests.dashboard.display.markup import parse
from tests.live_record import live_record
from tests.round_trips import round_trips

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _read_anew(monkeypatch):
    monkeypatch.setattr(unusual, "SECONDS", 0.0)


def tree(client, address: str = "/"):
    response = client.get(address)
    assert response.status_code == 200
    return parse(response.content.decode())


def lines(client, address: str = "/") -> list[str]:
    return [e.attributes["data-line"] for e in tree(client, address).elements if "data-line" in e.attributes]


def group_of(client) -> str:
    [group] = [line for line in lines(client) if line.startswith("alike-")]
    return group


def change(gate, count: int, **fixed: object) -> list[str]:
    """So many changes of contacts that differ in name and number."""
    return [
        gate.open_request(
            "update_contact", {"contact": f"C{n}", "number": n, **fixed}, timeout=600 + n
        ).request_id
        for n in range(count)
    ]


# What is alike


def test_three_of_one_sort_are_one_line_and_two_are_two(gate, signed_in):
    client = signed_in("approver")
    change(gate, 2)
    assert len(lines(client)) == 2
    change(gate, 1)
    assert lines(client) == [group_of(client)]


def test_another_agent_kind_or_key_is_another_sort(gate, signed_in):
    client, ids = signed_in("approver"), change(gate, 3)
    others = [
        ApprovalGate(gate._store, "other").open_request("update_contact", {"contact": "C", "number": 1}),
        gate.open_request("delete_contact", {"contact": "C", "number": 1}),
        gate.open_request("update_contact", {"contact": "C", "number": 1, "role": "admin"}),
    ]
    assert len(ids) == 3
    assert sorted(lines(client)) == sorted([group_of(client), *(one.request_id for one in others)])


def test_its_pane_is_a_table_of_what_differs_with_a_box_each(gate, signed_in):
    client, ids = signed_in("approver"), change(gate, 4, table="customers")
    pane = tree(client, f"/?selected={group_of(client)}").by_id("pane")
    assert [e.text for e in pane.elements if e.tag == "th"][1:-1] == ["contact", "number"]
    boxes = [e for e in pane.elements if e.attributes.get("type") == "checkbox"]
    assert [box.attributes["value"] for box in boxes] == ids
    ways = [e.attributes for e in pane.with_class("alone")]  # to each of them
    assert [(way["data-alone"], way["href"]) for way in ways] == [(one, f"/?selected={one}") for one in ids]
    assert "table" in pane.with_class("shared")[0].text
    assert "C3" in pane.text


@pytest.mark.parametrize(
    "context",
    [
        {"contact": "C", "note": "x" * 201},
        {"contact": "C", "password": "hunter22"},
        {"contact": "C\u202e"},
        {f"key {n}": n for n in range(41)},
        {"a": {"b": "first"}, "a.b": "second"},
    ],
    ids=["a long value", "a hidden value", "unseen characters", "many values", "two of one name"],
)
def test_what_a_table_cannot_show_whole_is_looked_at_alone(gate, signed_in, context):
    for number in range(3):
        gate.open_request("odd", {**context, "n": number})
    shown = lines(client := signed_in("approver"))
    assert not any(line.startswith("alike-") for line in shown)
    assert lines(client, "/?show=unusual") == (shown if "\u202e" in context.get("contact", "") else [])


@pytest.mark.parametrize("demand", ["irreversible", "high_risk", "no_bulk", "digest_typed"])
def test_what_must_be_looked_at_alone_is_never_folded_nor_answered_together(gate, signed_in, demand):
    client, ids = signed_in("approver"), change(gate, 3)
    ApprovalType.objects.create(name="update_contact", **{demand: True})
    assert lines(client) == ids
    assert lines(client, "/?show=risky") == ids
    response = client.post("/approvals/together/approve/", posted(gate, ids), follow=True)
    assert response.content.decode().count("it must be looked at alone") == 3
    assert not ApprovalRecord.objects.exclude(status="pending").exists()
    assert {gate.get_request(one).status for one in ids} == {"pending"}


# What is unusual


def test_in_a_place_whose_values_repeat_a_rare_one_is_unusual_and_taken_out(gate, signed_in):
    client = signed_in("approver")
    change(gate, 20, field="phone")
    odd = gate.open_request("update_contact", {"contact": "C99", "number": 99, "field": "role"}, timeout=100)
    assert lines(client) == [odd.request_id, group_of(client)]
    assert lines(client, "/?show=unusual") == [odd.request_id]
    pane = tree(client, f"/?selected={group_of(client)}").by_id("pane")
    chosen = [e.attributes["value"] for e in pane.elements if e.attributes.get("type") == "checkbox"]
    assert len(chosen) == 20
    assert odd.request_id not in chosen


def test_what_was_approved_before_says_what_is_usual_however_many_ask_now(gate, record, signed_in):
    client = signed_in("approver")
    for request_id in change(gate, 8, field="phone"):
        gate.respond_to_approval(request_id, True, "ann")
    record()
    ids = change(gate, 5, field="role")
    assert lines(client, "/?show=unusual") == ids
    assert lines(client) == ids


def test_what_was_approved_and_stands_sealed_says_it_too(gate, record, signed_in, settings):
    settings.TELEMETRY_CONTEXT_KEYS = (secrets.token_bytes(32),)
    client = signed_in("approver")
    for request_id in change(gate, 8, field="phone"):
        gate.respond_to_approval(request_id, True, "ann")
    record()
    change(gate, 3, field="phone")
    odd = change(gate, 1, field="role")
    assert lines(client, "/?show=unusual") == odd
    settings.TELEMETRY_CONTEXT_KEYS = ()  # what nobody can read says nothing of what is usual
    assert lines(client, "/?show=unusual") == odd


def test_who_is_approved_seldom_is_compared_too_however_often_another_is(
    gate, record, signed_in, monkeypatch
):
    monkeypatch.setattr(unusual, "LOOKED_AT", 4)
    often = ApprovalGate(gate._store, "often")
    for asks, kept in ((gate, 8), (often, 4)):
        for request_id in change(asks, kept, field="phone"):
            gate.respond_to_approval(request_id, True, "ann")
    record()
    change(often, 1, field="phone")
    ids = change(gate, 3, field="role")
    assert sorted(lines(signed_in("approver"), "/?show=unusual")) == sorted(ids)


def test_values_that_never_repeat_are_never_unusual(gate, record, signed_in):
    client = signed_in("approver")
    for request_id in change(gate, 8):
        gate.respond_to_approval(request_id, True, "ann")
    record()
    for n in range(100, 103):
        gate.open_request("update_contact", {"contact": f"C{n}", "number": n})
    assert lines(client, "/?show=unusual") == []
    assert lines(client) == [group_of(client)]


# Which are shown


def test_filters_and_search_stand_in_the_address(gate, signed_in):
    client = signed_in("approver")
    pay = ApprovalGate(gate._store, "payments").open_request("send_money", {"to": "ACME"}, timeout=60)
    deploy = gate.open_request("deploy", {"service": "checkout"}, timeout=900)
    assert lines(client) == [pay.request_id, deploy.request_id]
    for query, found in (
        ("kind=deploy", [deploy]),
        ("agent=payments", [pay]),
        ("q=CHECKOUT", [deploy]),
        ("q=acme+send", [pay]),
        ("show=soon", [pay]),
        ("show=mine", [pay, deploy]),
        ("age=5", []),
        ("kind=deploy&agent=payments", []),
    ):
        assert lines(client, f"/?{query}") == [one.request_id for one in found], query
    assert "None of those that wait" in tree(client, "/?age=5").text


def test_a_viewer_may_answer_none_and_has_no_boxes(gate, signed_in):
    client = signed_in("viewer")
    change(gate, 3)
    assert lines(client, "/?show=mine") == []
    pane = tree(client, f"/?selected={group_of(client)}").by_id("pane")
    assert not [e for e in pane.elements if e.tag in ("button", "input") and "csrf" not in str(e.attributes)
                and e.attributes.get("name") != "back"]  # fmt: skip


def test_a_viewer_and_the_owner_of_its_agent_see_a_request_whole_and_have_no_button(
    gate, signed_in, make_user
):
    make_user("bob", "approver")
    client, owner = signed_in("viewer"), signed_in("approver")
    request = gate.open_request("deploy", {"target": "production"})
    AgentOwner.objects.create(agent="deployer", person=User.objects.get(username="the approver"))
    for address in (f"/?selected={request.request_id}", f"/approvals/{request.request_id}/"):
        for page in (one.get(address).content.decode() for one in (client, owner)):
            assert "production" in page
            assert "data-decide" not in page
        assert "This agent is yours, so somebody else must answer." in page


@pytest.mark.parametrize("query", ["show=x", "age=7", f"q={'x' * 301}", "kind=%00"])
def test_what_cannot_be_asked_for_is_said(clean_redis, signed_in, query):
    response = signed_in("viewer").get(f"/?{query}")
    assert response.status_code == 400
    assert f"{query.partition('=')[0]} m" in response.content.decode()


def test_a_secret_is_found_by_nobody_and_stands_in_no_line(gate, signed_in):
    client, request = signed_in("approver"), gate.open_request("deploy", {"password": "hunter22secret"})
    assert lines(client, "/?q=hunter22secret") == []
    assert lines(client, "/?q=password") == [request.request_id]
    assert "hunter22" not in client.get("/").content.decode()


def test_a_line_says_what_tells_most_also_of_a_long_text_and_of_names_in_camel_case(gate, signed_in):
    client, lines_of_text = signed_in("approver"), "\n".join(map(str, range(3_000)))
    gate.open_request("write", {"aText": lines_of_text, "filePath": "/etc/hosts", "password": "hunter22"})
    gate.open_request("read", {"path": f"/srv/app/{'deep/' * 20}main.py"})
    gate.open_request("run", {"argv": ["find", "/var/log", "-delete"], "user": "root"})
    gate.open_request("huge", {"path": "/etc/passwd", "text": "x" * 100_000})
    told = {line.text for line in tree(client).with_class("facts-line")}
    assert any(line.startswith("filePath /etc/hosts · aText 0 1 2") for line in told)
    assert "path /srv/app/deep…eep/deep/deep/deep/main.py" in told
    assert "user root · argv find /var/log -delete" in told
    assert any("of text" in line and "passwd" not in line for line in told)
    assert not any("hunter22" in line for line in told)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"argv": ["find", ".", "-name", "*.py x", ""]}, "argv find . -name '*.py x' ''"),
        ({"tool_input": {"command": ["bash", "-lc", "ls | wc"]}}, "tool_input.command bash -lc 'ls | wc'"),
        ({"z": 1, "args": ["push", "--force"], "command": "git"}, "command git push --force · z 1"),
        ({"commandArgs": ["a"], "command": "git log"}, "command git log · commandArgs a"),
        ({"args": {"path": "/a", "n": ["1"]}, "to": ["a", "b"]}, "to.1 a · to.2 b · args.path /a · args.n.1 1"),
    ],
)  # fmt: skip
def test_a_command_is_told_as_one_with_the_bounds_of_its_arguments(context, said):
    assert facts_of(lines_in(json.dumps(context))) == said


# Many at once


def posted(gate, ids: list[str], **changed: str) -> dict[str, object]:
    """What the page that asks once more posts."""
    digests = {f"digest-{one}": live_record(gate, one).digest for one in ids}
    return {"id": ids, **digests, "reason": "a batch", **changed}


def test_the_page_that_asks_once_more_lists_all_that_is_in_it_and_decides_nothing(gate, signed_in):
    client, ids = signed_in("approver"), change(gate, 5)
    page = parse(client.post("/approvals/together/", {"id": ids[:4], "answer": "approve"}).content.decode())
    fields = {e.attributes.get("name"): e.attributes.get("value") for e in page.elements if e.tag == "input"}
    assert [fields[f"digest-{one}"] for one in ids[:4]] == [live_record(gate, one).digest for one in ids[:4]]
    assert f"digest-{ids[4]}" not in fields
    assert all(f"C{number}" in page.text for number in range(4))
    assert {gate.get_request(one).status for one in ids} == {"pending"}


@pytest.mark.parametrize(("word", "status"), [("approve", "approved"), ("deny", "rejected")])
def test_each_is_decided_and_recorded_for_itself(gate, record, signed_in, word, status):
    client, ids = signed_in("approver"), change(gate, 5)
    response = client.post(f"/approvals/together/{word}/", posted(gate, ids), follow=True)
    assert "5 requests, each recorded for itself." in response.content.decode()
    record()
    rows = ApprovalRecord.objects.filter(pk__in=ids)
    assert {(row.status, row.responder, row.reason, row.channel) for row in rows} == {
        (status, "the approver", "a batch", "site")
    }
    assert AuditEntry.objects.filter(kind=f"approval.{status}").count() == 5


def test_what_fails_is_listed_and_the_others_are_decided(gate, signed_in):
    client, ids = signed_in("approver"), change(gate, 5)
    said = posted(gate, ids, **{f"digest-{ids[1]}": "0" * 64})
    gate.respond_to_approval(ids[0], False, "ann")
    odd = gate.open_request("deploy")
    said["id"] = [*ids, odd.request_id]
    text = parse(client.post("/approvals/together/approve/", said, follow=True).content.decode()).text
    assert "You approved 3 requests" in text
    assert "3 were not decided:" in text
    assert "update_contact of deployer: it has ended" in text
    assert [gate.get_request(one).status for one in ids] == ["rejected", "pending", *["approved"] * 3]
    assert gate.get_request(odd.request_id).status == "pending"


def test_of_what_x_chose_those_of_another_sort_are_named_by_what_they_ask(gate, signed_in):
    ids = [*change(gate, 1), gate.open_request("deploy", {"service": "shop"}).request_id]
    response = signed_in("approver").post("/approvals/together/", {"id": ids})
    assert (
        "deploy of deployer (service shop): it is of another sort than the first" in response.content.decode()
    )


@pytest.mark.usefixtures("held")
def test_many_that_are_held_are_said_to_be_and_are_taken_back_at_once(gate, record, signed_in):
    client, other, ids = signed_in("approver"), signed_in("superuser"), change(gate, 5)
    page = client.post("/approvals/together/approve/", posted(gate, ids[:4]), follow=True).content.decode()
    assert "Approving 4 requests. The last agent is told in" in " ".join(
        parse(page).by_id("notices").text.split()
    )
    assert "You approved" not in page
    group = parse(other.get("/").content.decode()).with_class("line")[0].attributes["data-line"]
    card = parse(other.get(f"/?selected={group}").content.decode()).by_id("alike")
    assert "the approver is approving 4 of 5" in card.text
    assert "data-undo" not in other.get("/").content.decode()
    other.post("/approvals/together/undo/", {"id": ids})
    assert DecisionIntent.objects.filter(outcome="on_hold").count() == 4
    release.release(gate._store, DecisionIntent.objects.get(request_id=ids[0]).pk)
    said = client.post("/approvals/together/undo/", {"id": [*ids[:4], "x"]}, follow=True).content.decode()
    assert "You took back 3 approvals." in said
    assert "It was too late to take back 1" in said
    record()
    assert [gate.get_request(one).status for one in ids] == ["approved", *["pending"] * 4]
    assert AuditEntry.objects.filter(kind="decision.taken_back").count() == 3


def test_no_more_than_a_hundred_go_together_and_not_none(gate, signed_in):
    client = signed_in("approver")
    ids = change(gate, MOST_TOGETHER + 5)
    pane = tree(client, f"/?selected={group_of(client)}").by_id("pane")
    assert len([e for e in pane.elements if e.attributes.get("type") == "checkbox"]) == MOST_TOGETHER
    assert "5 more of this sort" in pane.text
    text = parse(client.post("/approvals/together/", {"id": ids}, follow=True).content.decode()).text
    assert f"at most {MOST_TOGETHER}" in text
    text = parse(client.post("/approvals/together/", follow=True).content.decode()).text
    assert "nothing was chosen" in text


def test_who_may_not_decide_decides_none(gate, signed_in):
    ids = change(gate, 3)
    for kind in ("viewer", "no group", "anonymous"):
        signed_in(kind).post("/approvals/together/approve/", posted(gate, ids))
    assert {gate.get_request(one).status for one in ids} == {"pending"}


# What it costs


@pytest.mark.long
def test_a_thousand_that_wait_cost_what_ten_do_and_leave_the_page_small(gate, record, signed_in):
    client = signed_in("approver")

    def cost() -> tuple[int, int]:
        client.get("/")
        with CaptureQueriesContext(connection) as queries, round_trips() as trips:
            page = client.get("/").content.decode()
        assert len(parse(page).elements) < 3_000
        return len(queries), trips.count

    def ask(first: int, last: int) -> None:
        for n in range(first, last):
            agent = ApprovalGate(gate._store, f"robot-{n % 4}")
            agent.open_request(f"kind {n % 90}", {f"key {n}": n, "amount": n}, timeout=3_600)

    ask(0, 10)
    few = cost()
    ask(10, 1_000)
    record()
    assert cost() == few


def test_the_names_of_a_fleet_share_its_turns_so_that_no_token_hides_others(gate, signed_in, make_user):
    client, boss = signed_in("approver"), make_user("boss", "viewer", "administrator")
    for agent, begins in (("fleet-", True), ("fleet-known", False)):
        tokens.make(boss, TokenSpec(agent, agent, begins, ("ask",), 1))
    for number in range(PAGE_LINES + 1):
        ApprovalGate(gate._store, f"fleet-{number}").open_request("spam", {"n": number}, timeout=60)
    others = ("deployer", "fleet-known", "fleet")
    late = [ApprovalGate(gate._store, name).open_request("deploy", {}, timeout=600) for name in others]
    assert {one.request_id for one in late} <= set(lines(client))


def test_every_name_that_can_ask_is_found_by_the_link_of_its_group(clean_redis, signed_in):
    asked = ApprovalGate(clean_redis, " robot ").open_request(" de ploy ", {})
    client = signed_in("approver")
    links = [e.attributes["href"] for e in tree(client).by_id("groups").elements if "href" in e.attributes]
    named = [link for link in links if "kind=" in link or "agent=" in link]
    assert len(named) == 2
    assert [lines(client, link) for link in named] == [[asked.request_id]] * 2


def test_a_narrowed_inbox_says_to_what_it_keeps(signed_in, clean_redis):
    ApprovalGate(clean_redis, "robot").open_request("deploy")
    client = signed_in("approver")
    assert 'class="only"' not in client.get("/?show=mine").content.decode()
    page = client.get("/?agent=robot&kind=deploy&age=30&q=x").content.decode()
    assert "Only deploy, robot, 30 min or more, “x”" in page
    assert '<input type="hidden" name="age" value="30">' in page  # a search keeps to it
    assert "Nothing that waits fits this choice." in page
