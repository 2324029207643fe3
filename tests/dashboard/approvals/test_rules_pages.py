"""The pages of rules: a form that shows the past before it saves, the list, and the end of a rule."""

import re

import pytest
from django.contrib.auth.models import User

from core import ApprovalGate
from core.models import AgentOwner, ApprovalType, AuditEntry, Rule
from tests.dashboard.conftest import queries_of
from tests.live_record import live_record

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

GOOD = {
    "answer": "approve",
    "agent": "this",
    "how-0": "is",
    "hours": "4",
    "uses": "20",
    "reason": "as every day",
}


@pytest.fixture
def client(signed_in):
    return signed_in("approver")


@pytest.fixture
def address(gate, record):
    request = gate.open_request("shell", {"command": "git push"})
    record()
    return f"/approvals/{request.request_id}/rule/"


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


def save(client, address, **changed):
    """Post what is meant, and then what was shown."""
    said = GOOD | changed
    shown = client.post(address, said | {"show": "1"})
    mark = re.search(r'name="seen" value="(\w+)"', shown.content.decode())
    return client.post(address, said | {"save": "1", "seen": mark[1] if mark else ""})


def test_an_agent_that_names_itself_as_every_agent_gets_no_rule(client, clean_redis, record, answer):
    asked = ApprovalGate(clean_redis, "*").open_request("shell", {"command": "git push"})
    record()
    assert "would be every agent" in text_of(client.get(f"/approvals/{asked.request_id}/rule/"))
    assert save(client, f"/approvals/{asked.request_id}/rule/").status_code == 400
    denied = answer(client, asked.request_id, "deny", htmx=True, **{f"sticks-{asked.request_id}": "1"})
    assert "would be every agent" in text_of(denied)
    assert not Rule.objects.exists()


def test_a_rule_is_saved_once_its_past_was_shown(client, address, gate, record):
    for approved in (True, True, False):
        asked = gate.open_request("shell", {"command": "git push"})
        gate.respond_to_approval(asked.request_id, approved, "maria")
    gate.respond_to_approval(gate.open_request("shell", {"command": "rm"}).request_id, False, "maria")
    record()
    shown = client.post(address, GOOD | {"save": "1"})
    assert shown.status_code == 200
    assert "3 of the last 4 ended requests of this kind" in text_of(shown)
    assert "2 were approved, 1 denied, and 0 answered by nobody" in text_of(shown)
    assert not Rule.objects.exists()
    assert save(client, address).status_code == 302
    made = Rule.objects.get()
    assert (made.approved, made.approval_type, made.agent, made.most_uses) == (True, "shell", "deployer", 20)
    assert made.terms == '[[["command"], "is", "git push", null]]'
    assert (made.expires_at - made.created_at).total_seconds() == 4 * 3600
    assert AuditEntry.objects.get(kind="rule.made").actor == "the approver"
    again = gate.open_request("shell", {"command": "git push"})
    record()
    assert live_record(gate, again.request_id).status == "approved"


def test_what_was_changed_after_it_was_shown_is_shown_again(client, address):
    shown = client.post(address, GOOD)
    mark = re.search(r'name="seen" value="(\w+)"', shown.content.decode())[1]
    other = client.post(address, GOOD | {"agent": "every", "save": "1", "seen": mark})
    assert "Nothing is saved yet" in text_of(other)
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"answer": ""}, "choose what it answers"),
        ({"how-0": "matches"}, "one of what the form offers"),
        ({"how-0": "begins", "value-0": "npm"}, "is not so"),
        ({"how-0": "begins", "value-0": ""}, "needs a beginning"),
        ({"how-0": "between", "value-0": "1", "most-0": "2"}, "one of what the form offers"),
        ({"hours": "2161"}, "at most 90 days"),
        ({"hours": "for ever"}, "must be a number"),
        ({"uses": "0"}, "from 1 to 10,000 times"),
        ({"reason": " "}, "needs a reason"),
    ],
)
def test_what_makes_no_rule_is_refused_in_words_and_kept_in_the_form(client, address, changed, said):
    response = save(client, address, **changed)
    assert response.status_code == 400
    assert said in text_of(response)
    assert not Rule.objects.exists()


def test_numbers_texts_and_the_rest_are_offered_what_fits_them(client, gate, record):
    request = gate.open_request("pay", {"amount": 20, "to": "ACME", "urgent": False, "lines": [{"sum": 1.5}]})
    record()
    address = f"/approvals/{request.request_id}/rule/"
    said = {"how-0": "between", "value-0": "1", "most-0": "50", "how-1": "begins", "value-1": "AC"}
    assert save(client, address, **said, **{"how-2": "any", "how-3": "is"}).status_code == 302
    terms = '[[["amount"], "between", 1, 50], [["to"], "begins", "AC", null], [["urgent"], "any", null, null]'
    assert Rule.objects.get().terms == terms + ', [["lines", 0, "sum"], "is", 1.5, null]]'
    page = text_of(client.get("/rules/"))
    assert "amount a number between 1 and 50" in page
    assert "lines 1 sum exactly this 1.5" in page


def test_a_range_needs_numbers(client, gate, record):
    request = gate.open_request("pay", {"amount": 20})
    record()
    for most in ("x", "", "nan", "inf"):
        said = {"how-0": "between", "value-0": "1", "most-0": most}
        response = save(client, f"/approvals/{request.request_id}/rule/", **said)
        assert "amount needs a number" in text_of(response)


def test_a_secret_is_not_shown_and_stands_in_no_rule(client, gate, record):
    asked = {"db": {"password": "hunter2hunter2"}, "url": "https://x/?token=sesamsesam", "pin": 4711}
    request = gate.open_request("connect", asked)
    record()
    address = f"/approvals/{request.request_id}/rule/"
    assert "hidden" in text_of(client.get(address))
    refused = save(client, address)
    assert "one of what the form offers" in text_of(refused)
    shown = client.post(address, GOOD | {"how-0": "any", "how-1": "any", "how-2": "is"})
    assert save(client, address, **{"how-0": "any", "how-1": "any", "how-2": "is"}).status_code == 302
    made = Rule.objects.get()
    entry = AuditEntry.objects.get(kind="rule.made")
    for secret in ("hunter2", "sesam"):
        for text in (
            text_of(shown),
            shown.content.decode(),
            refused.content.decode(),
            made.terms,
            entry.details,
        ):
            assert secret not in text
    again = gate.open_request("connect", asked | {"db": {"password": "another-one"}})
    record()
    assert live_record(gate, again.request_id).status == "approved"


def test_who_may_not_answer_makes_no_rule(signed_in, address):
    client = signed_in("viewer")
    assert client.get(address).status_code == 403
    assert save(client, address).status_code == 403
    assert not Rule.objects.exists()


def test_kinds_that_people_must_look_at_and_own_agents_have_no_form(client, address):
    ApprovalType.objects.create(name="shell", irreversible=True)
    assert "answered by people, one by one" in text_of(client.get(address))
    ApprovalType.objects.all().delete()
    AgentOwner.objects.create(agent="deployer", person=User.objects.get())
    assert client.get(address).status_code == 403


def test_a_request_with_more_values_than_a_rule_can_name_has_no_form(client, gate, record):
    request = gate.open_request("shell", {str(number): number for number in range(51)})
    record()
    page = client.get(f"/approvals/{request.request_id}/rule/")
    assert "more than 50 values" in text_of(page)


def test_no_rule_is_made_of_names_that_would_fill_its_page(gate, record, signed_in):
    request = gate.open_request("refund", {"k" * 200_000: [1] * 48})
    record()
    page = signed_in("approver").get(f"/approvals/{request.request_id}/rule/")
    assert "too long for a rule" in text_of(page)
    assert len(page.content) < 20_000


def test_a_rule_is_listed_with_what_it_did_and_revoked_with_a_button(
    client, signed_in, address, gate, record
):
    save(client, address)
    gate.open_request("shell", {"command": "git push"})
    record()
    page = text_of(client.get("/rules/"))
    for said in (
        "Approve shell of deployer",
        "used 1 of 20 times",
        "of the approver",
        "at work",
        "as every day",
    ):
        assert said in page
    number = Rule.objects.get().pk
    assert client.get(f"/rules/{number}/revoke/").status_code == 405
    assert signed_in("viewer").post(f"/rules/{number}/revoke/").status_code == 403
    assert signed_in("administrator").post(f"/rules/{number}/revoke/").status_code == 302
    assert "revoked" in text_of(client.get("/rules/"))
    assert AuditEntry.objects.get(kind="rule.revoked").actor == "the administrator"
    assert client.post("/rules/999/revoke/").status_code == 404
    asked = gate.open_request("shell", {"command": "git push"})
    record()
    assert live_record(gate, asked.request_id).status == "pending"


def test_the_list_says_whose_rules_stand_still_and_that_all_are_switched_off(
    client, signed_in, address, settings
):
    save(client, address)
    auditor = signed_in("auditor")
    assert "at work" in text_of(auditor.get("/rules/"))
    Rule.objects.get().owner.groups.clear()
    settings.TELEMETRY_RULES = False
    page = text_of(auditor.get("/rules/"))
    assert "stopped: its owner may not decide" in page
    assert "Rules are switched off on this site" in page


def test_rules_are_read_and_never_changed_in_the_admin(client, signed_in, address):
    save(client, address)
    admin, number = signed_in("auditor"), Rule.objects.get().pk
    assert "as every day" in text_of(admin.get(f"/admin/core/rule/{number}/change/"))
    assert admin.get("/admin/core/rule/").status_code == 200
    assert admin.post(f"/admin/core/rule/{number}/change/", {"most_uses": 99}).status_code == 403
    assert admin.get("/admin/core/rule/add/").status_code == 403


def test_the_list_costs_the_same_with_1_and_with_30(client, address):
    def queries() -> int:
        client.get("/rules/")
        return queries_of(client, "/rules/")

    save(client, address)
    few = queries()
    for _ in range(29):
        save(client, address)
    assert queries() == few
    assert few <= 6


def test_a_rule_is_suggested_where_people_gave_the_same_answer_ten_times(
    client, answer, gate, record, signed_in
):
    for number in range(10):
        request = gate.open_request("shell", {"command": "git push"})
        record()
        page = text_of(client.get(f"/approvals/{request.request_id}/"))
        assert "Let a rule answer requests like this" in page
        assert "last ten requests" not in page, number
        answer(client, request.request_id)
    record()
    request = gate.open_request("shell", {"command": "git push"})
    page = f"/approvals/{request.request_id}/"
    assert "People approved the last ten requests that said the very same." in text_of(client.get(page))
    gate.respond_to_approval(request.request_id, True, "somebody")  # nobody knows who that was
    record()
    assert "last ten requests" not in text_of(client.get(page))


def test_a_denial_stands_on_where_it_was_ticked(client, gate, record, answer):
    first = gate.open_request("shell", {"command": "rm"})
    told = answer(
        client, first.request_id, "deny", htmx=True, reason="never", **{f"sticks-{first.request_id}": "1"}
    )
    assert "The same request of this run is refused from now on" in text_of(told)
    second = gate.open_request("shell", {"command": "rm"})
    record()
    end = live_record(gate, second.request_id)
    assert (end.status, end.channel) == ("rejected", "rule")
    assert end.reason == f"denied before by the approver (request {first.request_id}): never"
    assert "the very same request" in text_of(client.get("/rules/"))


def test_a_yes_or_a_denial_without_the_tick_makes_no_rule(client, gate, answer):
    request = gate.open_request("shell", {"command": "rm"})
    answer(client, request.request_id, **{f"sticks-{request.request_id}": "1"})
    answer(client, gate.open_request("shell", {"command": "rm"}).request_id, "deny")
    assert not Rule.objects.exists()
