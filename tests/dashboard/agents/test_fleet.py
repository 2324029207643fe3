"""The page of all agents: found at first sight, by address, at the same price; and the dead put away."""

import json
import re

import pytest
from django.db import DatabaseError
from django.test import Client, override_settings
from django.utils import timezone

from core.history.agents import putting_away
from core.history.audit import entries
from core.models import AuditEntry
from dashboard.agents import listing
from tests.dashboard.agents.test_agent_page import calls, words
from tests.dashboard.display.markup import parse
from tests.dashboard.test_access_matrix import KINDS, PAGES, SIGN_IN, status_of
from tests.dashboard.test_page_cost import cost_of
from tests.many_agents import a_fleet, age_all, beat_all
from tests.servers import faulty_server

pytestmark = pytest.mark.django_db


def table(client, query: str = "") -> list[str]:
    """The lines of the table, in order."""
    response = client.get(f"/agents/{query}")
    assert response.status_code == 200, query
    rows = [e for e in parse(response.content.decode()).elements if e.tag == "tr"]
    return [words(row) for row in rows[1:]]


def seen(client, query: str = "") -> dict[str, str]:
    """What the form of a page says of itself."""
    page = parse(client.get(f"/agents/{query}").content.decode())
    return {
        e.attributes["name"]: e.attributes.get("value", "")
        for e in page.elements
        if e.tag == "input" and e.attributes.get("name") in ("seen", "back", "q", "begins")
    }


@pytest.fixture
def approver(signed_in):
    return signed_in("approver")


@pytest.mark.parametrize("kind", KINDS)
def test_the_list_opens_for_those_who_may_look(clean_redis, signed_in, kind):
    assert status_of(signed_in(kind).get("/agents/")) == PAGES[kind]


def test_230_dead_pods_hide_none_of_7_living_and_one_failed_comes_first(raw, viewer):
    a_fleet(raw, alive=7, lost=230)
    lines = table(viewer)
    assert len(lines) == 10
    assert lines[0].startswith("failed nightly-export")
    assert lines[1].startswith("lost 230 lost: pod-…")
    assert lines[2].startswith("stuck invoice-matcher running chunk of invoice-matcher 50 % 50 % 20 min ")
    assert all(line.startswith("alive worker-") for line in lines[3:])


def test_all_are_reached_fifty_at_a_time(raw, viewer):
    a_fleet(raw, alive=7, lost=230)

    def names(page: int) -> list[str]:
        return [line.split()[1] for line in table(viewer, f"?state=lost&page={page}")]

    pages = [names(page) for page in range(1, 6)]
    assert [len(page) for page in pages] == [50, 50, 50, 50, 30]
    assert len({name for page in pages for name in page}) == 230
    assert names(99) == pages[-1]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("?q=POD-000", 16),
        ("?state=lost&q=pod-000", 16),
        ("?state=alive&q=pod-", 0),
        ("?q=chunk of worker-3", 1),
        ("?state=need", 3),
        ("?state=stuck", 1),
        ("?state=failed", 1),
        ("?state=finished", 0),
        ("?state=away", 0),
        ("?group=beginning", 4),
    ],
)
def test_a_filter_and_a_search_in_the_address_reach_them(raw, viewer, query, count):
    a_fleet(raw, alive=7, lost=230)
    assert len(table(viewer, query)) == count


def test_groups_say_how_many_of_each_state_and_lead_to_them(raw, beat, viewer):
    a_fleet(raw, alive=7, lost=30)
    beat("tripod-1", task="pod- is what it looks at")
    assert "pod- 30 30 lost" in table(viewer, "?group=beginning")
    page = parse(viewer.get("/agents/?group=beginning").content.decode())
    assert "/agents/?begins=pod-" in [e.attributes.get("href") for e in page.elements]
    assert len(table(viewer, "?begins=pod-")) == 30


def test_a_group_of_the_longest_names_leads_to_them(raw, viewer):
    long = "a" * 252
    beat_all(raw, [f"{long}-{n}" for n in range(3)])
    page = parse(viewer.get("/agents/?group=beginning").content.decode())
    [link] = [e.attributes["href"] for e in page.elements if long in e.attributes.get("href", "")]
    assert len(table(viewer, link.removeprefix("/agents/"))) == 3


def test_it_sorts_by_each_column_both_ways_and_the_empty_come_last(raw, beat, gate, viewer):
    beat_all(raw, ["b", "a", "deployer"])
    beat_all(raw, ["c"], progress=0.9)
    age_all(raw, ["a"], unchanged=100)
    gate.open_request("deploy")
    calls("b", 1)

    def names(sort: str) -> list[str]:
        return [re.match(r"alive (\w+)", line)[1] for line in table(viewer, f"?sort={sort}")]

    assert names("name") == ["a", "b", "c", "deployer"]
    assert names("-name") == ["deployer", "c", "b", "a"]
    assert names("-progress")[0] == "c"
    assert names("unchanged")[0] == "a"
    assert names("-cost")[0] == names("cost")[0] == "b"
    assert names("waiting")[0] == names("-waiting")[0] == "deployer"
    assert names("-task")[0] == "deployer"
    assert len(names("-beat")) == 4


def test_a_row_says_what_it_waits_for_and_what_it_cost_today(beat, gate, viewer):
    beat("deployer", task="building")
    request = gate.open_request("deploy")
    calls("deployer", 2)
    [line] = table(viewer)
    assert "deploy" in line
    assert "$0.0200" in line
    page = parse(viewer.get("/agents/").content.decode())
    assert f"/approvals/{request.request_id}/" in [e.attributes.get("href") for e in page.elements]


@pytest.mark.parametrize(
    "query",
    ["?state=dead", "?sort=colour", "?page=0", "?page=-1", "?page=x", "?page=1e3", "?page=" + "9" * 5000,
     "?group=name", "?q=" + "x" * 256],
)  # fmt: skip
def test_an_address_that_asks_for_what_is_not_there_says_what_may_be(clean_redis, viewer, query):
    response = viewer.get(f"/agents/{query}")
    assert response.status_code == 400
    assert " must " in response.content.decode()


def test_the_page_costs_the_same_with_10_and_with_1000_agents(raw, gate, viewer):
    beat_all(raw, [f"worker-{number}" for number in range(10)])
    gate.open_request("deploy")
    calls("worker-1", 3)
    queries, round_trips = cost_of(viewer, "/agents/")
    few = commands_of(viewer, raw)
    a_fleet(raw)
    assert commands_of(viewer, raw) == few
    assert cost_of(viewer, "/agents/") == (queries, round_trips)
    assert queries <= 6
    assert round_trips <= 5


def commands_of(client, raw) -> dict[str, int]:
    """How often the list asks the server for what."""
    raw.config_resetstat()
    client.get("/agents/")
    return {name: told["calls"] for name, told in raw.info("commandstats").items() if "config" not in name}


def test_the_live_page_has_as_many_bytes_and_elements_with_1000_agents_as_with_10(raw, viewer):
    def size() -> tuple[int, int]:
        text = viewer.get("/").content.decode()
        return len(text), len(parse(text).elements)

    a_fleet(raw, alive=5, lost=3)
    few = size()
    a_fleet(raw)
    many = size()
    assert many[1] == few[1]
    assert many[0] < 1.02 * few[0]


def test_while_redis_is_away_the_list_says_so(clean_redis, viewer):
    with faulty_server() as server:
        server.stop()
        with override_settings(REDIS_URL=server.url):
            response = viewer.get("/agents/")
    assert response.status_code == 503
    assert "does not answer" in response.content.decode()
    assert "No agent has beaten" not in response.content.decode()


# Putting away

MAY = dict.fromkeys(KINDS, 403) | dict.fromkeys(("anonymous", "inactive"), SIGN_IN) | {
    "approver": 302, "superuser": 302, "maintainer": 302,
}  # fmt: skip


@pytest.mark.parametrize("kind", [*KINDS, "maintainer"])
def test_whoever_decides_or_maintains_puts_away_and_nobody_else(raw, signed_in, kind):
    a_fleet(raw, alive=1, lost=0)
    client = signed_in(kind)
    moment = str(int(timezone.now().timestamp() * 1000))
    response = client.post("/agents/put-away/", {"seen": moment, "one": "nightly-export"})
    assert status_of(response) == MAY[kind]
    facts = AuditEntry.objects.filter(kind="agents.put_away")
    assert [fact.actor for fact in facts] == ([f"the {kind}"] if MAY[kind] == 302 else [])
    if MAY[kind] == 403 and kind != "no group":
        assert "Put away" not in client.get("/agents/").content.decode()


def test_without_the_token_of_the_form_nothing_is_put_away(raw, person):
    a_fleet(raw, alive=1, lost=0)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person("approver"))
    assert client.post("/agents/put-away/", {"seen": "1", "one": "nightly-export"}).status_code == 403
    assert table(client)[0].startswith("failed")


def test_a_fold_is_put_away_in_one_press_which_is_one_fact_with_every_name(raw, approver):
    a_fleet(raw, alive=7, lost=230)
    answer = approver.post("/agents/put-away/", {**seen(approver), "fold": "lost pod-"}, follow=True)
    assert "230 agents are put away" in answer.content.decode()
    assert len(table(approver)) == 9
    assert len(table(approver, "?state=away")) == 50
    [fact] = AuditEntry.objects.filter(kind="agents.put_away")
    told = json.loads(fact.details)
    assert told["agents"] == len(set(told["named"])) == 230
    assert fact.actor == "the approver"


def test_of_a_group_that_group_alone_is_put_away(raw, approver):
    a_fleet(raw, alive=7, lost=30)
    for begins, away in (("po", 0), ("pod-", 30)):
        approver.post("/agents/put-away/", {**seen(approver, f"?state=lost&begins={begins}"), "all": "lost"})
        assert len(table(approver, "?state=away")) == away


def test_all_that_a_search_found_are_put_away_and_the_list_stays_as_it_was(raw, approver):
    a_fleet(raw, alive=7, lost=230)
    query = "?state=lost&q=pod-000"
    answer = approver.post("/agents/put-away/", {**seen(approver, query), "all": "lost"})
    assert answer["Location"] == "/agents/?state=lost&q=pod-000"
    assert table(approver, query) == []
    assert len(table(approver, "?state=away")) == 16


def test_more_than_one_press_takes_say_how_many_are_left(raw, approver, monkeypatch):
    monkeypatch.setattr(putting_away, "AT_ONCE", 20)
    monkeypatch.setattr(listing, "AT_ONCE", 20)
    a_fleet(raw, alive=1, lost=30)
    assert "Put 20 of 30 away" in approver.get("/agents/?state=lost").content.decode()
    form = seen(approver, "?state=lost") | {"all": "lost"}
    answer = approver.post("/agents/put-away/", form, follow=True).content.decode()
    assert "20 agents are put away" in answer
    assert "10 more are left" in answer


def test_one_that_is_put_away_is_a_fact_of_its_own_page(raw, approver):
    a_fleet(raw, alive=1, lost=0)
    approver.post("/agents/put-away/", {**seen(approver), "one": "nightly-export"})
    page = approver.get("/agents/?id=nightly-export").content.decode()
    assert "Put away: lists leave it out until it beats again." in page
    assert AuditEntry.objects.get(kind="agents.put_away").agent_id == "nightly-export"


def test_who_died_after_the_page_was_drawn_was_not_meant(raw, approver):
    names = [f"pod-{number}" for number in range(6)]
    beat_all(raw, names)
    age_all(raw, names[:4], silent=100)
    age_all(raw, names[4:], silent=31)
    form = seen(approver)
    form["seen"] = str(int(form["seen"]) - 20_000)
    approver.post("/agents/put-away/", {**form, "fold": "lost pod-"})
    assert len(table(approver, "?state=away")) == 4


def test_the_living_cannot_be_put_away(raw, approver):
    a_fleet(raw, alive=1, lost=0)
    for name in ("worker-0", "invoice-matcher", "nobody"):
        answer = approver.post("/agents/put-away/", {**seen(approver), "one": name}, follow=True)
        assert "Nothing was put away" in answer.content.decode()
    assert not AuditEntry.objects.filter(kind="agents.put_away").exists()


def test_one_that_beats_again_is_back_on_the_list(raw, approver):
    a_fleet(raw, alive=1, lost=0)
    approver.post("/agents/put-away/", {**seen(approver), "one": "nightly-export"})
    assert not any("nightly-export" in line for line in table(approver))
    beat_all(raw, ["nightly-export"])
    assert any("nightly-export" in line for line in table(approver))


@pytest.mark.parametrize("said", [{}, {"seen": "x", "one": "a"}, {"seen": "1"}, {"seen": "1", "fold": "alive w"},
                                  {"seen": "1", "all": "alive"}])  # fmt: skip
def test_a_form_that_says_nothing_of_ours_changes_nothing(raw, approver, said):
    a_fleet(raw, alive=1, lost=0)
    answer = approver.post("/agents/put-away/", {**said, "back": "state=<script>"}, follow=True)
    assert answer.redirect_chain == [("/agents/", 302)]
    assert "Nothing was put away" in answer.content.decode()


def test_a_record_that_cannot_be_written_puts_nobody_away(raw, approver, monkeypatch):
    a_fleet(raw, alive=1, lost=0)
    form = seen(approver)

    def refuse():
        raise DatabaseError("full")

    monkeypatch.setattr(entries, "locked_head", refuse)
    answer = approver.post("/agents/put-away/", {**form, "one": "nightly-export"})
    assert answer.status_code == 302
    assert table(approver)[0].startswith("failed nightly-export")
