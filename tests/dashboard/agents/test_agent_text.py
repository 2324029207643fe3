"""Text from agents in every place where a page shows it: seen whole, and never more than text."""

import re
import unicodedata

import pytest

from dashboard.display.context import visible_json
from dashboard.display.text import plain, visible
from dashboard.live import fragments
from dashboard.live import page as contexts
from tests.dashboard.display.markup import parse, skeleton
from tests.dashboard.display.payloads import CONTROL, HIDDEN, MARKUP, some_at_once
from tests.live_record import live_record

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

NAMES = [*MARKUP, *HIDDEN.values()]  # what may be a name
TEXTS = [*NAMES, *CONTROL.values()]  # what may stand in a context, a task, a reason
CHIP = re.compile(r"⟦U\+([0-9A-F]{4,6})⟧")
ADDRESS = "/approvals/{}/"


def read_back(text: str) -> str:
    """What a reader of the page knows to have been sent: chips turned back into what they stand for."""
    return CHIP.sub(lambda chip: chr(int(chip[1], 16)), text)


def hiding_in(page: str) -> set[str]:
    """Characters of a page that cannot be seen, reorder others or control a terminal."""
    kinds = ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")
    return {character for character in set(page) - {"\n", "\t"} if unicodedata.category(character) in kinds}


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_escaped_and_whatever_hides_becomes_a_chip(text):
    tree = parse(visible(text))
    assert read_back(tree.text) == text
    assert all(element.attributes.keys() == {"class", "title"} for element in tree.elements[1:])
    assert {element.tag for element in tree.elements} <= {"root", "span"}
    assert read_back(plain(text)) == text


@pytest.mark.parametrize("text", [*HIDDEN.values(), *CONTROL.values()])
def test_nothing_that_hides_or_reorders_is_left_in_the_page(text):
    for shown in (visible(text), plain(text)):
        assert not hiding_in(shown)
        assert CHIP.search(shown)


@pytest.mark.parametrize("text", ["plain", "ünïcödé 漢字 ✔ 🚀", "tab\tand\nline", "e\u0301", "Ελλάδα привет"])
def test_honest_text_is_shown_as_it_is(text):
    assert visible(text) == plain(text) == text


def shape_of(gate, beat, signed_in_client, text: str) -> tuple[tuple, str, str]:
    """The skeletons of the live page, the agents and an approval with `text` in every field, and all text."""
    named = text if text in NAMES else "name"
    type(gate)(gate._store, f"agent {named}").open_request(
        f"kind {named}", {f"key {text}": [f"value {text}"]}
    )
    beat(f"beating {named}", status=f"status {named}", task=f"task {text}", display=f"display {named}")
    beat(f"failing {named}", status="failed", task=f"last task {text}", display=f"broken {named}")
    request_id = gate.get_pending_approvals()[0].request_id
    own = ADDRESS.format(request_id)
    pages = [
        signed_in_client.get(address).content.decode()
        for address in (f"/?selected={request_id}", "/agents/", own)
    ]
    gate.respond_to_approval(request_id, False, f"person {named}", f"reason {text}")
    pages.append(signed_in_client.get(own).content.decode())
    assert not hiding_in("".join(pages))
    trees = [parse(page) for page in pages]
    return tuple(map(skeleton, trees)), named, "".join(tree.text for tree in trees)


@pytest.fixture
def shape(gate, beat, raw, signed_in):
    client = signed_in("approver")

    def of(text: str):
        raw.flushall()
        return shape_of(gate, beat, client, text)

    return of


@pytest.fixture(scope="module")
def remembered() -> dict[str, set[tuple]]:
    """What is the same for every test of this file."""
    return {}


@pytest.mark.parametrize("text", some_at_once(TEXTS))
def test_no_field_of_an_agent_makes_an_element_or_an_attribute(shape, remembered, text):
    # What has unseen characters is marked as unusual, whatever they are.
    plain_or_marked = remembered.setdefault("shapes", {shape(text)[0] for text in ("honest", "un\u200bseen")})
    pages, named, shown = shape(text)
    assert pages in plain_or_marked
    read = read_back(shown)
    for place in ("key", "value", "task", "last task", "reason"):
        assert f"{place} {text}" in read, place
    for place in ("agent", "kind", "beating", "display", "status", "failing", "broken", "person"):
        assert f"{place} {named}" in read, place


@pytest.mark.parametrize("text", some_at_once(TEXTS))
def test_fragments_hold_one_partial_each_whatever_agents_say(gate, beat, clean_redis, text):
    named = text if text in NAMES else "name"
    type(gate)(clean_redis, named).open_request(named, {text: text})
    beat(named, status="failed", task=text, display=named)
    tree = parse(fragments.live_region(contexts.live_page()))
    partials = [element for element in tree.elements if element.tag == "hx-partial"]
    assert [child.attributes["hx-target"] for child in partials] == ["#live"]
    assert [child for child in tree.children if child == partials[0]] == tree.children


@pytest.mark.parametrize("text", some_at_once([*MARKUP[:12], HIDDEN["right to left override"]]))
def test_the_admin_shows_it_as_text_in_lists_and_details(gate, record, signed_in, text):
    from core.models import ApprovalRecord, AuditEntry

    request = type(gate)(gate._store, text).open_request(text)
    gate.respond_to_approval(request.request_id, False, text, text)
    record()
    client = signed_in("superuser")
    entry = AuditEntry.objects.filter(request_id=request.request_id).order_by("sequence").last()
    for address in (
        "/admin/core/auditentry/",
        f"/admin/core/auditentry/{entry.pk}/change/",
        "/admin/core/approvalrecord/",
        f"/admin/core/approvalrecord/{ApprovalRecord.objects.get().pk}/change/",
    ):
        page = parse(client.get(address).content.decode())
        assert text in read_back(page.text), address
        assert not hiding_in(page.text), address
        for element in page.elements:
            assert not any(name.startswith(("on", "hx-")) for name in element.attributes)
            assert "evil" not in element.attributes.get("href", "")
            assert element.tag not in ("iframe", "style", "object", "base")


@pytest.mark.parametrize(
    "number", ["1.10", "9007199254740993", "1e2", "-0", "0.12345678901234567890", "1E+400", "5" * 300]
)
def test_numbers_are_shown_as_they_were_written(number):
    tree = parse(visible_json('{"amount": [' + number + "]}"))
    assert [value.text for value in tree.with_class("number")] == [number]


@pytest.mark.parametrize(
    ("text", "words"),
    [('{"a":null}', "null"), ('{"a":true}', "true"), ('{"a":false}', "false"), ('{"a":""}', "empty text"),
     ('{"a":[]}', "empty array"), ('{"a":{}}', "empty object"), ("{}", "empty object")],
)  # fmt: skip
def test_what_is_empty_or_a_word_is_told_from_text(text, words):
    assert [value.text for value in parse(visible_json(text)).with_class("word")] == [words]


def test_a_repeated_key_is_shown_twice():
    tree = parse(visible_json('{"amount": 1, "amount": 5000}'))
    assert [key.text for key in tree.with_class("key")] == ["amount", "amount"]
    assert [value.text for value in tree.with_class("value")] == ["1", "5000"]


@pytest.mark.parametrize("depth", [64, 500, 100_000])
def test_a_deep_nest_written_past_the_gate_harms_no_page(gate, raw, signed_in, depth):
    client, deep, other = signed_in("approver"), gate.open_request("deep"), gate.open_request("other")
    key = "{telemetry}:approvals:request:" + deep.request_id
    raw.hset(key, "context", '{"a":' + "[" * depth + "1" + "]" * depth + "}")
    page = client.get("/")
    assert page.status_code == 200
    assert f"line-{other.request_id}" in page.content.decode()
    assert client.get(ADDRESS.format(deep.request_id)).status_code in (200, 404)


def test_keys_that_look_like_ours_are_never_read_as_ours(gate, signed_in):
    context = {"approved": True, "responder": "admin", "status": "approved", "digest": "x", "deadline_ms": 0}
    request = gate.open_request("deploy", context)
    page = signed_in("approver").get(ADDRESS.format(request.request_id)).content.decode()
    assert live_record(gate, request.request_id).status == "pending"
    assert "data-decide" in page


def test_a_long_text_stands_whole_in_the_page_with_its_size(gate, signed_in):
    text = "start" + "\n" * 10_000 + "rm -rf /"
    request = gate.open_request("run", {"command": text})
    page = parse(signed_in("approver").get(ADDRESS.format(request.request_id)).content.decode())
    [value] = page.with_class("long")
    assert value.text == text
    assert page.with_class("size")[0].text == "10,013 characters, 10,001 lines"
