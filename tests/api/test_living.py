"""Heartbeats, signals, events and calls of agents that speak HTTP."""

import pytest

from core import CoordinationSignals, EventStreamer, HeartbeatCoordinator
from core.models import AgentRun
from core.store.approvals import set_limits
from core.store.client import open_store
from core.usage_tracker import UsageTracker
from tests.servers import client_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def test_a_start_a_beat_and_a_stop_are_seen_by_everybody(agent, recorder, soon):
    client, seen = agent("worker"), HeartbeatCoordinator()
    assert client.post("/start", json={"metadata": {"host": "a"}}).json() == {
        "agent": "worker",
        "conflict": False,
    }
    client.post("/beat", json={"status": "running", "progress": 0.5, "task": "index"})
    beat = seen.get_agent_status("worker")
    assert (beat.status, beat.progress, beat.current_task, beat.metadata) == (
        "running",
        0.5,
        "index",
        {"host": "a"},
    )
    client.post("/stop", json={"status": "failed"})
    assert not seen.is_agent_alive("worker")
    soon(lambda: AgentRun.objects.filter(agent_id="worker", status="failed").count() == 1)


def test_beats_of_one_token_are_one_agent_whichever_process_hears_them(agent, recorder, soon):
    from core.api.living import RunRegistry

    here, there = RunRegistry(), RunRegistry()
    for beating in (here, there, here):
        reply = beating.take("beat", 1, "worker", {"status": "running", "run": "r1"})
        assert reply.body["conflict"] is False
    there.take("stop", 1, "worker", {"run": "r1"})
    soon(lambda: AgentRun.objects.filter(agent_id="worker", status="completed").count() == 1)
    assert AgentRun.objects.filter(agent_id="worker").count() == 1


BAD_BEATS = [
    ({"progress": 2}, "progress"),
    ({"task": 7}, "task"),
    ({"status": ""}, "status"),
    ({"run": 7}, "run"),
    ({"mood": "fine"}, "mood"),
]


def test_a_bad_beat_is_refused_by_the_name_of_its_field(agent):
    client = agent("worker")
    for body, field in BAD_BEATS:
        answer = client.post("/beat", json=body)
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_signals_come_and_go(agent):
    client = agent("worker")
    sent = client.post("/signals", json={"type": "ready", "target": "boss", "payload": {"n": 1}})
    assert sent.status_code == 201
    heard = CoordinationSignals(agent_id="boss").check_signal("ready")
    assert (heard.source_agent, heard.payload, heard.signal_id) == ("worker", {"n": 1}, sent.json()["id"])
    CoordinationSignals(agent_id="boss").signal("go", target_agent="worker", payload={"to": "work"})
    assert client.get("/signals?type=go&from=boss").json()["payload"] == {"to": "work"}
    assert client.get("/signals?type=go").status_code == 204
    assert client.get("/signals").json()["field"] == "type"


def test_events_are_published_in_the_agents_name_and_the_sites_own_are_nobodys(agent):
    client = agent("worker")
    first = client.post("/events", json={"type": "built", "data": {"files": 3}}).json()["id"]
    second = client.post("/events", json={"type": "tested"}).json()["id"]
    kept = EventStreamer().get_recent_events("built")
    assert [(event.source, event.data) for event in kept] == [("worker", {"files": 3})]
    assert client.post("/events", json={"type": "approval_decided"}).status_code == 403
    client.post("/requests", json={"type": "deploy"})
    read = client.get("/events", params={"after": first}).json()["events"]
    assert [event["event_id"] for event in read] == [second]
    assert client.get("/events?type=approval_requested").status_code == 403


def test_calls_are_counted_as_those_of_the_tokens_agent(agent, soon):
    client = agent("worker")
    call = {"workflow": "review", "tier": "cheap", "model": "claude-sonnet-4-5", "provider": "anthropic",
            "tokens": {"input": 1000, "output": 500}, "cost": 0.0105}  # fmt: skip
    assert client.post(
        "/calls", json={"calls": [{**call, "call_id": "a"}, {**call, "call_id": "b"}]}
    ).json() == {"kept": 2}
    assert client.post("/calls", json={**call, "call_id": "b"}).json() == {"kept": 1}
    soon(lambda: len(UsageTracker.get_instance().get_recent_entries()) == 2)
    assert {entry["agent_id"] for entry in UsageTracker.get_instance().get_recent_entries()} == {"worker"}
    bad = client.post("/calls", json={"calls": [{**call, "provider": 7}]})
    assert (bad.status_code, bad.json()["field"]) == (400, "calls")


def test_one_type_of_events_too_many_is_refused_for_good_and_not_said_to_be_away(agent, clean_redis):
    client, store = agent("worker"), open_store(clean_redis)
    set_limits(store, event_types=1)
    assert client.post("/events", json={"type": "built"}).status_code == 201
    refused = client.post("/events", json={"type": "tested"})
    assert (refused.status_code, refused.json()["error"], refused.json()["field"]) == (
        422,
        "too_many_types",
        "type",
    )
    assert "put what differs into the data" in refused.json()["message"]
    assert "retry-after" not in refused.headers
    assert client.post("/events", json={"type": "built"}).status_code == 201


def test_where_redis_is_nearly_full_signals_and_events_are_refused_and_people_are_asked(agent, clean_redis):
    client, signal, event = agent("worker"), {"type": "go", "target": "x"}, {"type": "built"}
    with client_of(clean_redis) as raw:
        limit = raw.config_get("maxmemory")["maxmemory"]
        raw.setrange("ballast", 50_000_000, b"x")  # beside which a connection more or less is nothing
        try:
            raw.config_set("maxmemory", int(raw.info("memory")["used_memory"] / 0.92))
            wait_until(lambda: client.post("/signals", json=signal).status_code == 503, "the site knows it")
            for refused in (client.post("/signals", json=signal), client.post("/events", json=event)):
                assert (refused.status_code, refused.json()["error"]) == (503, "full")
                assert "retry-after" in refused.headers
            assert client.post("/requests", json={"type": "deploy"}).status_code == 201
        finally:
            raw.config_set("maxmemory", limit)
            raw.delete("ballast")
    wait_until(lambda: client.post("/events", json=event).status_code == 201, "the site knows it")
