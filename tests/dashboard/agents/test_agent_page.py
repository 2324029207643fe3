"""The page of one agent: who sees it, what it says at a glance, and what it costs."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from core import (
    ApprovalGate,
    AutomationRecorder,
    CoordinationSignals,
    EventStreamer,
    HeartbeatCoordinator,
    UsageTracker,
)
from core.models import AgentRun, LLMCall
from tests.core.usage.usage_help import book, track
from tests.dashboard.agents.test_agent_text import hiding_in, read_back
from tests.dashboard.display.markup import parse, skeleton
from tests.dashboard.display.payloads import HIDDEN, MARKUP
from tests.dashboard.test_access_matrix import KINDS, PAGES, status_of
from tests.dashboard.test_page_cost import cost_of
from tests.many_agents import age_all
from tests.servers import faulty_server

pytestmark = pytest.mark.django_db

RUNNING = "{telemetry}:agents:running"
RECORD = "{telemetry}:agents:record:"


def address(agent_id: str) -> str:
    return f"/agents/?id={quote(agent_id, safe='')}"


def page_of(client, agent_id: str):
    response = client.get(address(agent_id))
    assert response.status_code == 200
    return parse(response.content.decode())


def words(element) -> str:
    """Text with single spaces."""
    return " ".join(element.text.split())


def panel(page, title: str) -> str:
    """The text of the part under a heading."""
    [found] = [e for e in page.with_class("panel") if e.attributes["aria-labelledby"] == f"{title}-title"]
    return words(found)


@pytest.fixture
def approver_answers(signed_in, answer):
    return lambda request_id: answer(signed_in("approver"), request_id)


@pytest.fixture
def aged(raw):
    """Let an agent's last beat be older: `aged("worker", 25)` seconds."""

    def make(agent: str, seconds: int) -> None:
        key = RECORD + quote(agent, safe="")
        before = raw.get(key)
        stamp = int(before.split(":", 1)[1].split(",", 1)[0])
        raw.set(key, before.replace(str(stamp), str(stamp - 1000 * seconds), 1))

    return make


def calls(agent_id: str, count: int, **fields) -> None:
    now = timezone.now()
    known = {
        "shipped_at": now, "agent_id": agent_id, "workflow": "review", "stage": "plan", "tier": "capable",
        "model": "model-a", "provider": "p", "input_tokens": 10, "output_tokens": 5, "cache_read_tokens": 0,
        "cache_write_tokens": 0, "cache_hit": False, "prompt_cache_hit": False, "duration_ms": 1500,
        "cost_nano": 10**7, **fields,
    }  # fmt: skip
    before = LLMCall.objects.count()
    LLMCall.objects.bulk_create(
        [
            LLMCall(call_id=f"{before + n}", **{"at": now - timedelta(seconds=n), **known})
            for n in range(count)
        ],
        batch_size=2_000,
    )


def a_thousand_times_as_many(doublings: int = 10) -> None:
    """The calls that there are, doubled by the database itself."""
    columns = [f.column for f in LLMCall._meta.fields if f.column not in ("id", "call_id")]
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.cursor() as cursor:
        for turn in range(doublings):
            cursor.execute(
                f"INSERT INTO core_llmcall (call_id, {names}) SELECT call_id || '+{turn}', {names} FROM core_llmcall"
            )


@pytest.mark.parametrize("kind", KINDS)
def test_it_opens_for_those_who_may_look(beat, signed_in, kind):
    beat("worker")
    client = signed_in(kind)
    assert status_of(client.get(address("worker"))) == PAGES[kind]
    missing = status_of(client.get(address("nobody")))
    assert missing == (404 if PAGES[kind] == 200 else PAGES[kind])


@pytest.mark.parametrize("query", ["?id=", "?id=%00", "?id=%0a", "?id=" + "x" * 1_000, "?id=nobody"])
def test_what_names_no_known_agent_is_not_there(beat, viewer, query):
    beat("worker")
    assert viewer.get(f"/agents/{query}").status_code == 404


ODDEST = ["../x", "a/b?c&d=e#f", "🚀" * 255]
NAMES = ["*", "a:b", "..", "/", "wörker 🚀", "two  spaces", "%2F", "+", "x" * 255]


@pytest.mark.parametrize("name", [*ODDEST, *(pytest.param(name, marks=pytest.mark.long) for name in NAMES)])
def test_every_name_has_a_page_to_which_the_list_and_its_requests_lead(beat, gate, viewer, name):
    beat(name, task="working")
    beat("another", task="not mine")
    request = ApprovalGate(gate._store, name).open_request("deploy")
    page = page_of(viewer, name)
    assert read_back(page.with_class("vital")[0].text).strip().startswith(name.strip())
    assert "not mine" not in page.text
    for where in (f"/?selected={request.request_id}", "/agents/", f"/approvals/{request.request_id}/"):
        links = [e.attributes.get("href") for e in parse(viewer.get(where).content.decode()).elements]
        assert address(name) in links, where


def test_a_living_agent_says_what_it_does_and_since_when(beat, viewer):
    beat("worker", progress=0.1, task="reading", display="The worker")
    beat("worker", progress=0.4, task="reading")
    page = page_of(viewer, "worker")
    head = words(page.with_class("vital")[0])
    assert head.startswith("The worker worker alive last beat")
    assert "running reading 40 %" in head
    assert "Last change of status, task or progress" in head
    [chart] = [e for e in page.elements if e.tag == "polyline"]
    assert chart.attributes["points"].split()[-1] == "1000,60"
    spans = [words(span) for span in page.with_class("span")]
    assert [span.split(" ", 1)[1].rsplit(" %")[0] for span in spans] == [
        "running reading 10 → 40",
        "starting 0",
    ]


def test_progress_is_the_same_number_wherever_it_stands(beat, gate, signed_in):
    """0.57 * 100 is 56.99999999999999, and was 56 % in the head and 57 % below it."""
    beat("deployer", progress=0.57, task="rolling out")
    request = gate.open_request("deploy", {})
    client = signed_in("viewer")
    texts = [
        client.get(path).content.decode()
        for path in (address("deployer"), f"/approvals/{request.request_id}/", "/agents/")
    ]
    assert all("57 %" in text and "56 %" not in text for text in texts)


@pytest.mark.parametrize(
    ("seconds", "state", "sentence"),
    [(21, "late", "counts as lost"), (45, "lost", "it never said that it stops")],
)
def test_silence_is_said_in_a_sentence(beat, aged, viewer, seconds, state, sentence):
    beat("worker", task="reading")
    aged("worker", seconds)
    head = page_of(viewer, "worker").with_class("vital")[0]
    assert state in head.attributes["class"]
    assert sentence in words(head)


def test_a_crashed_agents_run_reads_lost_before_the_recorder_says_so(beat, aged, record, viewer):
    beat("worker", task="reading")
    record()
    assert "running" in panel(page_of(viewer, "worker"), "runs")
    aged("worker", 45)
    assert AgentRun.objects.get().state == "running"
    assert "lost" in panel(page_of(viewer, "worker"), "runs")


def test_an_agent_that_stopped_shows_its_own_word_and_its_runs(beat, record, viewer):
    for word in ("completed", "gone fishing"):
        agent = beat("worker", progress=0.25)
        agent.stop_heartbeat(word)
        agent.start_heartbeat("worker")
        agent.stop_heartbeat(word)
    record()
    page = page_of(viewer, "worker")
    assert "finished last beat" in words(page.with_class("vital")[0])
    assert panel(page, "runs").count("gone fishing at") == 2


def test_an_agent_that_beats_and_changes_nothing_for_long_may_hang(beat, raw, viewer):
    beat("worker", task="reading")
    assert "it hangs" not in page_of(viewer, "worker").text
    age_all(raw, ["worker"], unchanged=310)
    [head] = page_of(viewer, "worker").with_class("vital")
    assert "stuck" in head.attributes["class"]
    assert "or it hangs. Unchanged for 5 min 1" in words(head)


def test_an_agent_that_failed_says_so_at_its_top(beat, viewer):
    beat("worker").stop_heartbeat("failed")
    [head] = page_of(viewer, "worker").with_class("vital")
    assert "failed" in head.attributes["class"]
    assert words(head).startswith("worker failed last beat")


def test_one_that_waits_for_an_answer_says_so_and_does_not_hang(gate, beat, raw, record, viewer):
    beat("deployer", status="waiting")
    request = gate.open_request("deploy")
    other = ApprovalGate(gate._store, "another").open_request("not mine")
    ended = gate.open_request("delete")
    gate.respond_to_approval(ended.request_id, False, "maria", "not today")
    record()
    page = page_of(viewer, "deployer")
    [asks] = page.with_class("asks")
    assert words(asks).startswith("Waits for an answer: deploy")
    links = {
        e.attributes["href"] for e in page.elements if e.tag == "a" and "approvals" in e.attributes["href"]
    }
    assert links == {f"/approvals/{request.request_id}/", f"/approvals/{ended.request_id}/"}
    assert other.request_id not in page.text
    assert "Denied delete by maria unverified" in panel(page, "approvals")
    assert "not today" in panel(page, "record")


def test_two_processes_under_one_name_are_a_conflict_with_both_runs(clean_redis, record, viewer):
    first, second = HeartbeatCoordinator(clean_redis), HeartbeatCoordinator(clean_redis)
    first.start_heartbeat("worker")
    second.start_heartbeat("worker")
    for number in range(4):
        first.beat("running", 0.1 * number, "one")
        second.beat("running", 0.9, "two")
    record()
    page = page_of(viewer, "worker")
    [alarm] = page.with_class("conflict-of-two")
    assert "Two processes beat under this name" in alarm.text
    processes = {first._instance.id[:8], second._instance.id[:8]}
    assert all(process in alarm.text for process in processes)
    assert panel(page, "runs").count("one of two processes") == 2
    assert len([e for e in page.elements if e.tag == "polyline"]) == 2


def test_an_agent_that_only_beats_says_at_one_place_what_there_is_not(beat, viewer):
    beat("worker")
    page = page_of(viewer, "worker")
    for sentence in (
        *("A run begins", "Nobody was asked", "It has not asked", "Calls carry its name"),
        *("Its mailbox is empty", "None of its own", "Whoever gives it one"),
    ):
        assert sentence in panel(page, "nothing")
    assert {e.attributes["id"] for e in page.elements if e.tag == "h2"} == {"timeline-title", "nothing-title"}
    assert page.with_class("sums") == []


def test_signals_are_shown_and_not_consumed(beat, clean_redis, viewer):
    beat("worker")
    boss = CoordinationSignals(clean_redis, "boss", enable_streaming=True)
    boss.signal("go", target_agent="worker", payload={"build": 4117})
    boss.signal("secret", target_agent="another")
    boss.broadcast("freeze")
    for _ in range(2):
        shown = panel(page_of(viewer, "worker"), "signals")
        assert "go from boss" in shown
        assert "4117" in shown
        assert "freeze to all, from boss" in shown
        assert "secret" not in shown
    assert CoordinationSignals(clean_redis, "worker").check_signal("go")


def test_calls_and_cost_are_the_agents_own(beat, record, viewer, clean_redis, tmp_path):
    beat("worker")
    tracker = UsageTracker(tmp_path, memory=clean_redis, price_book=book())
    track(tracker, 2, agent_id="worker")
    track(tracker, 5, agent_id="another")
    tracker.flush()
    record()
    calls("worker", 1, at=timezone.now() - timedelta(days=20), cost_nano=10**9)
    calls("worker", 1, at=timezone.now() - timedelta(days=40), cost_nano=10**12)
    sums = [words(e) for e in page_of(viewer, "worker").with_class("sums")[0].elements if e.tag == "div"]
    mine = LLMCall.objects.filter(agent_id="worker")
    today = sum(call.cost_nano for call in mine.filter(at__gt=timezone.now() - timedelta(days=1))) / 10**9
    assert sums[0] == f"Cost, today (UTC days)${today:.4f} 2 calls, 3,000 tokens"
    assert sums[2].startswith(f"Cost, 30 days${today + 1:,.2f} 3 calls")


@pytest.mark.long
def test_it_costs_the_same_with_100_and_100000_calls_and_10000_other_agents(gate, beat, raw, record, viewer):
    beat("deployer", task="working")
    gate.open_request("deploy")
    record()
    calls("deployer", 100)
    few = cost_of(viewer, address("deployer"))
    a_thousand_times_as_many()
    fill = """
      for i = 1, ARGV[1] do
        for _, key in ipairs(KEYS) do redis.call('ZADD', key, ARGV[2], 'a' .. i) end
      end"""
    now = timezone.now()
    raw.eval(fill, 2, RUNNING, "{telemetry}:agents:changed", 10_000, int(now.timestamp() * 1000))
    others = (
        AgentRun(run_id=f"{n:032x}", agent_id=f"a{n}", instance_id="i", started_at=now) for n in range(10_000)
    )
    AgentRun.objects.bulk_create(others)
    beat("deployer", task="working")  # however long this took, it is alive
    assert cost_of(viewer, address("deployer")) == few
    queries, round_trips = few
    assert queries <= 10
    assert round_trips == 4


def test_the_newest_calls_of_an_agent_are_found_by_an_index():
    plan = LLMCall.objects.filter(agent_id="a").order_by("-at")[:20].explain()
    assert "calls_of_an_agent" in plan or connection.vendor != "sqlite"


def test_while_redis_is_away_the_page_says_so_and_shows_the_record(beat, record, viewer):
    beat("worker").stop_heartbeat("failed")
    record()
    with faulty_server() as server:
        server.stop()
        with override_settings(REDIS_URL=server.url):
            response = viewer.get(address("worker"))
            assert response.status_code == 503
            page = parse(response.content.decode())
            assert "Redis does not answer" in words(page.with_class("vital")[0])
            assert "failed" in panel(page, "runs")
            assert viewer.get(address("nobody")).status_code == 503


def test_a_record_that_cannot_be_read_harms_no_page(beat, raw, record, viewer):
    beat("worker")
    record()
    raw.set(RECORD + "worker", "not json")
    for key in ("agents:timeline:worker", "events:stream:coordination_signal"):
        raw.delete("{telemetry}:" + key)
        raw.set("{telemetry}:" + key, "not a stream")
    page = page_of(viewer, "worker")
    assert "timeline, signals" in " ".join(words(alarm) for alarm in page.with_class("alarm"))


def everything_says(text: str, url: str, display: str) -> HeartbeatCoordinator:
    """An agent of this name with `text` in every field that its page shows."""
    agent = HeartbeatCoordinator(url)
    agent.start_heartbeat(text, {f"key {text}": [f"metadata {text}"]}, display)
    agent.beat(f"status {text}", 0.5, f"task {text}")
    gate = ApprovalGate(url, text)
    gate.open_request(f"kind {text}")
    ended = gate.open_request(f"ended {text}")
    gate.respond_to_approval(ended.request_id, False, f"person {text}", f"reason {text}")
    CoordinationSignals(url, f"boss {text}", enable_streaming=True).signal(
        f"signal {text}", target_agent=text, payload={f"payload {text}": text}
    )
    AutomationRecorder(url).record_agent_assignment(agent_id=text, task_type=f"given {text}")
    calls(text, 1, model=f"model {text}", workflow=f"workflow {text}", stage=f"stage {text}")
    return agent


@pytest.mark.anywhere
@pytest.mark.parametrize("each", [10, pytest.param(1, marks=pytest.mark.long)])
def test_no_field_of_an_agent_makes_an_element_or_an_attribute(clean_redis, record, viewer, each):
    texts = ["honest", *[*MARKUP, *HIDDEN.values()][::each]]
    agents = {text: everything_says(text, clean_redis, f"display {text}") for text in texts}
    record()
    honest = None
    for text, agent in agents.items():
        agent.beat(f"status {text}", 0.5, f"task {text}")  # however long this takes, it is alive
        EventStreamer(clean_redis).publish_event(
            "made", {f"data {text}": text, "long": "." * 120}, source=text
        )
        response = viewer.get(address(text))
        page = parse(response.content.decode())
        assert not hiding_in(response.content.decode()), text
        honest = honest or skeleton(page)
        assert skeleton(page) == honest, text
        read = read_back(page.text)
        for place in ("key", "metadata", "display", "status", "task", "kind", "ended", "person", "reason",
                      "given", "boss", "signal", "payload", "data", "model", "workflow", "stage"):  # fmt: skip
            assert f"{place} {text}" in read, (place, text)


def test_the_admin_has_every_run_to_search_and_nobody_changes_one(beat, record, signed_in):
    beat("<b>worker</b>", task="<i>t</i>").stop_heartbeat("<u>word</u>")
    record()
    client = signed_in("auditor")
    for where in (
        "/admin/core/agentrun/?q=worker",
        f"/admin/core/agentrun/{AgentRun.objects.get().pk}/change/",
    ):
        response = client.get(where)
        assert response.status_code == 200
        assert "<b>worker</b>" in parse(response.content.decode()).text
    assert address("<b>worker</b>") in [
        e.attributes.get("href") for e in parse(client.get("/admin/core/agentrun/").content.decode()).elements
    ]
    assert client.get("/admin/core/agentrun/add/").status_code == 403
    assert client.post(f"/admin/core/agentrun/{AgentRun.objects.get().pk}/delete/").status_code == 403


def test_a_pod_whose_name_has_253_characters_beats_asks_calls_and_is_told_of_everywhere(
    clean_redis, viewer, approver_answers, record, tmp_path
):
    pod = "payments-7d9c5b8f6d-x2x9k." + "cluster.local." * 16 + "abc"
    assert len(pod) == 253
    heart = HeartbeatCoordinator(clean_redis)
    heart.start_heartbeat(pod)
    gate = ApprovalGate(clean_redis, pod)
    request = gate.open_request("deploy", {}, key=pod)
    CoordinationSignals(clean_redis, pod).signal("ready", target_agent=pod)
    tracker = UsageTracker(tmp_path, memory=clean_redis, price_book=book())
    track(tracker, agent_id=pod)
    tracker.flush()
    tracker.close()
    approver_answers(request.request_id)
    assert gate.wait_for_decision(request.request_id, claim=pod).approved
    record()
    assert LLMCall.objects.get().agent_id == AgentRun.objects.get().agent_id == pod
    for page in (address(pod), "/agents/", "/usage/?by=agent", f"/approvals/{request.request_id}/"):
        assert pod in viewer.get(page).content.decode(), page
