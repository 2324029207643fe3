"""Forms of answers that no page of ours posts: whatever stands in them is no fault, and decides and changes nothing."""

import json
from urllib.parse import urlencode

import pytest

from core.models import ApprovalRecord, ApprovalType, DeadlineExtension, DecisionIntent, Rule
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

DEEP = '{"to":' + "[" * 5_000 + "]" * 5_000 + "}"
ODD = {
    "nothing": "",
    "a NUL": "a\x00b",
    "half a surrogate": "\ud800",
    "much": "x" * 20_000,
    "unseen": "\u200b\u3164\u202e",
    "a formula": "=cmd|' /C calc'!A0",
    "lines": "\r\nSet-Cookie: a=b\r\n",
    "SQL": "' OR 1=1 --",
    "a template": "{{ 7*7 }}{% load x %}",
    "a number": "1e9999",
    "a small number": "-1",
    "a long number": "9" * 400,
    "deep JSON": DEEP,
    "twice a key": '{"to": "a", "to": "b"}',
    "other JSON": '{"to": "a", "more": NaN}',
    "escaped": '{"to": "\\ud800\\u0000"}',
}
FORM = "application/x-www-form-urlencoded"
FORMS = ("approve", "deny", "undo", "edit", "extend", "ask-back", "comment", "rule", "hand-over")


@pytest.fixture
def waits(gate):
    ApprovalType.objects.create(name="pay", edits=True)
    return gate.open_request("pay", {"to": "ACME", "n": 1}, understands=("edited", "changes", "extended"))


def odd_form(request_id: str, text: str) -> str:
    """Every field that a form of these has, with this in it; and none of the digests that would be right."""
    names = ("reason", "digest", "typed", "override", "sticks", "preset")
    named = {f"{name}-{request_id}": text for name in names}
    fields = (
        "wanted",
        "seen",
        "save",
        "minutes",
        "comment",
        "to",
        "reason",
        "hours",
        "uses",
        "how-0",
        "value-0",
    )
    given = {
        **named,
        **dict.fromkeys((*fields, "most-0", "back", "page", "answer"), text),
        "id": [text, text],
    }
    return urlencode(given, doseq=True, errors="surrogatepass")


@pytest.mark.long
def test_no_odd_form_is_a_fault_or_an_answer(gate, waits, signed_in):
    client, id_ = signed_in("approver"), waits.request_id
    for name, text in ODD.items():
        for form in FORMS:
            answer = client.post(f"/approvals/{id_}/{form}/", odd_form(id_, text), content_type=FORM)
            assert answer.status_code < 500, (name, form)
            assert "Set-Cookie: a=b" not in str(answer.headers), (name, form)
        for form in ("", "approve/", "deny/"):
            answer = client.post(f"/approvals/together/{form}", odd_form(id_, text), content_type=FORM)
            assert answer.status_code < 500, (name, form)
    assert live_record(gate, id_).status == "pending"
    assert not DecisionIntent.objects.exclude(outcome="changed").exists()  # the page showed something else
    assert not DeadlineExtension.objects.exists()
    assert not Rule.objects.exists()


@pytest.mark.parametrize("digest", ["a\r\nb", "\x1b[2K", "x" * 65, "", "a\x00"])
def test_a_digest_that_can_be_none_leaves_no_attempt_behind(gate, waits, signed_in, digest):
    client, form = signed_in("approver"), {f"digest-{waits.request_id}": digest}
    for word in ("approve", "deny"):
        assert client.post(f"/approvals/{waits.request_id}/{word}/", form).status_code == 302
    assert not DecisionIntent.objects.exists()


def test_a_field_that_comes_twice_or_names_another_request_decides_nothing_of_that(gate, waits, signed_in):
    client, id_ = signed_in("approver"), waits.request_id
    other = gate.open_request("deploy", {"a": 1})
    right = live_record(gate, id_).digest
    for fields in ({f"digest-{id_}": right}, {f"digest-{other.request_id}": right}, {"digest": right}, {}):
        answer = client.post(
            f"/approvals/{other.request_id}/approve/", {**fields, "id": [id_, other.request_id]}
        )
        assert answer.status_code < 500
    assert (
        client.post(
            "/approvals/together/approve/", {"id": [id_] * 300, f"digest-{id_}": "0" * 64}
        ).status_code
        < 500
    )
    assert {live_record(gate, one).status for one in (id_, other.request_id)} == {"pending"}


def test_what_was_changed_in_the_hidden_field_is_not_what_is_approved(gate, waits, signed_in):
    client, id_ = signed_in("approver"), waits.request_id
    shown = {"to": "Other", "n": 1}
    page = client.post(f"/approvals/{id_}/edit/", {"wanted": json.dumps(shown)}).content.decode()
    assert "Other" in page
    seen = page.split('name="seen" value="')[1].split('"')[0]
    answer = client.post(
        f"/approvals/{id_}/edit/", {"wanted": '{"to": "Evil", "n": 1}', "seen": seen, "save": "1"}
    )
    assert answer.status_code == 200  # it is shown again
    assert not DecisionIntent.objects.exists()
    assert not ApprovalRecord.objects.exclude(status="pending").exists()
