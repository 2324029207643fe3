"""Answers that come when something happens: server-sent events, and signals that are waited for."""

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest
from django.db import OperationalError
from django.utils import timezone

from core import CoordinationSignals, EventStreamer, FeedbackLoop
from core.api import bearers, living, streams, waiters
from core.api.answers import Refused, server_sent
from core.gate.waiters import WaiterRegistry
from core.history.people import tokens
from core.history.people.tokens import Bearer
from core.models import AgentToken
from telemetry_site.asgi import door
from tests.servers import client_of
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def events_of(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream as a browser reads them; comments are passed over."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if not line:
            if "data" in event:
                yield event
            event = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            event[name] = value


def publish(streamer: EventStreamer, kind: str, data: dict) -> str:
    """The id of a new event; one that Redis did not take in time fails the test, which would wait for it for ever."""
    event_id = streamer.publish_event(kind, data)
    assert event_id
    return event_id


def test_how_a_request_ended_comes_as_an_event_and_the_stream_is_over(agent, gate_of):
    client = agent("deployer")
    request_id = client.post("/requests", json={"type": "deploy"}).json()["id"]
    with client.stream("GET", f"/requests/{request_id}/stream", params={"claim": "run-1"}) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        gate_of("x").decide(request_id, True, "maria", "go on")
        (event,) = events_of(answer)
    assert event["event"] == "outcome"
    assert '"approved": true' in event["data"]
    with client.stream("GET", f"/requests/{request_id}/stream", params={"claim": "run-2"}) as answer:
        assert [one["event"] for one in events_of(answer)] == ["refused"]
    assert agent("somebody").get(f"/requests/{request_id}/stream").status_code == 404


def test_events_are_followed_and_taken_up_again_where_the_client_was(agent, soon):
    client, streamer = agent("worker"), EventStreamer()
    with client.stream("GET", "/events/stream") as answer:
        following = events_of(answer)
        first = publish(streamer, "built", {"n": 1})
        client.post("/requests", json={"type": "deploy"})  # the site's own events are not told
        second = publish(streamer, "tested", {"n": 2})
        assert [(event["id"], event["event"]) for event in (next(following), next(following))] == [
            (first, "built"), (second, "tested"),
        ]  # fmt: skip
    third = publish(streamer, "built", {"n": 3})
    with client.stream("GET", "/events/stream", headers={"Last-Event-ID": first}) as answer:
        following = events_of(answer)
        assert [next(following)["id"], next(following)["id"]] == [second, third]
    with client.stream("GET", "/events/stream?type=built&after=0") as answer:
        following = events_of(answer)
        assert [next(following)["id"], next(following)["id"]] == [first, third]
    soon(lambda: not door.desk.streams)
    assert client.get("/events/stream?after=never").json()["field"] == "after"
    assert client.get("/events/stream?type=approval_requested").status_code == 403


def test_an_event_is_read_once_for_all_streams(agent, clean_redis, soon):
    clients, streamer, boxes = (
        [agent(f"worker-{number}") for number in range(4)],
        EventStreamer(),
        door.desk.happenings,
    )
    with ExitStack() as opened, client_of(clean_redis) as raw:
        answers = [opened.enter_context(one.stream("GET", "/events/stream")) for one in clients * 5]
        following = [events_of(answer) for answer in answers]
        publish(streamer, "built", {"n": 1})
        assert len({next(events)["id"] for events in following}) == 1
        soon(lambda: len(boxes.names()) == 1 and not any(box.is_behind for box in boxes._waiting[""]))
        before = raw.info("commandstats")["cmdstat_xread"]["calls"]
        publish(streamer, "built", {"n": 2})
        assert len({next(events)["id"] for events in following}) == 1
        assert raw.info("commandstats")["cmdstat_xread"]["calls"] - before < len(following)


def test_a_stream_that_falls_behind_hears_all_in_order_and_once(agent, monkeypatch):
    monkeypatch.setattr(waiters, "BOX_BYTES", 300)
    monkeypatch.setattr(living, "BYTES_AT_ONCE", 500)
    client, streamer = agent("worker"), EventStreamer()
    with (
        client.stream("GET", "/events/stream") as every,
        client.stream("GET", "/events/stream?type=built") as one,
    ):
        following, built = events_of(every), events_of(one)
        published = [publish(streamer, kind, {"n": 1}) for _ in range(60) for kind in ("built", "tested")]
        assert [next(following)["id"] for _ in published] == published
        assert [next(built)["id"] for _ in published[::2]] == published[::2]


def test_a_token_has_so_many_streams_and_is_told_when_to_come_again(agent, monkeypatch, soon):
    monkeypatch.setattr(streams, "OF_A_TOKEN", 2)
    client, over = agent("worker"), threading.Event()
    told: list[httpx.Response] = []

    def follow() -> None:
        with client.stream("GET", "/events/stream") as answer:
            if answer.status_code == 429:
                answer.read()
            told.append(answer)
            over.wait(PATIENCE)

    followers = [threading.Thread(target=follow) for _ in range(12)]  # all at once
    for follower in followers:
        follower.start()
    soon(lambda: len(told) == len(followers))
    assert door.desk.streams.total() == 2
    over.set()
    for follower in followers:
        follower.join(PATIENCE)
    assert sorted(answer.status_code for answer in told) == [200] * 2 + [429] * 10
    refused = next(answer for answer in told if answer.status_code == 429)
    assert (refused.json()["error"], refused.headers["retry-after"]) == ("streams", "5")
    soon(lambda: not door.desk.streams)


def test_a_stream_ends_where_the_database_cannot_tell_of_its_token_any_more(agent, monkeypatch, caplog):
    def away(*_asked):
        raise OperationalError("away")

    client = agent("worker")
    with client.stream("GET", "/events/stream") as answer:
        pieces = answer.iter_raw()
        next(pieces)
        monkeypatch.setattr(tokens, "valid_digests", away)
        assert all(piece == streams.ALIVE for piece in pieces)  # and then it is over, as it should
    assert "Exception in ASGI" not in caplog.text


def test_a_stream_ends_with_its_token(agent, owner, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE", 0.05)
    with agent("worker").stream("GET", "/events/stream") as answer:
        tokens.revoke(owner, AgentToken.objects.get().pk)
        assert list(events_of(answer)) == []


def test_one_question_tells_of_all_tokens_that_have_streams_or_calls_that_wait(
    agent, owner, monkeypatch, django_assert_num_queries
):
    monkeypatch.setattr(bearers, "STANDING_SECONDS", 60.0)
    for name in ("one", "two", "three"):
        agent(name)
    [(_pk, one), (second, two), (_pk, three)] = AgentToken.objects.order_by("pk").values_list("pk", "digest")
    tokens.revoke(owner, second)
    standing = bearers.TokenChecks(lambda: [one])
    waiting = Bearer(second, "two", False, frozenset(), timezone.now(), digest=two)
    with ExitStack() as calls, django_assert_num_queries(1):
        looks = [calls.enter_context(standing.while_good(waiting, bool)) for _ in range(20)]
        assert [standing.ask(digest) for digest in (one, two, one, two)] == [True, False, True, False]
        for look in looks:  # all that an outage wakes at once
            with pytest.raises(Refused, match="not good"):
                look()
    with django_assert_num_queries(1):  # one that came since
        assert (standing.ask(three), standing.remembered(three)) == (True, True)


def test_a_question_that_fails_is_not_asked_again_by_who_waited_for_it(soon, patience, monkeypatch):
    asked, goes_on = [], threading.Event()

    def hangs(digests, _now):
        asked.append(digests)
        assert goes_on.wait(patience)
        raise OperationalError("away")

    class Door:
        lock, came = threading.Lock(), 0

        def __enter__(self):
            self.came += 1
            self.lock.acquire()

        def __exit__(self, *_error):
            self.lock.release()

    monkeypatch.setattr(tokens, "valid_digests", hangs)
    standing = bearers.TokenChecks(lambda: ())
    door_of_question = standing._lock = Door()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(standing.ask, "one")
        soon(lambda: asked)
        others = [pool.submit(standing.ask, "one") for _ in range(3)]
        soon(lambda: door_of_question.came == 4)
        goes_on.set()
        assert [type(one.exception(patience)) for one in (first, *others)] == [OperationalError] * 4
    assert len(asked) == 1


def test_an_event_with_what_utf_8_cannot_hold_is_told_by_its_escape_and_ends_no_stream(agent, clean_redis):
    client, streamer = agent("worker"), EventStreamer()
    first = publish(streamer, "built", {"n": 1})
    with client.stream("GET", f"/events/stream?after={first}") as answer, client_of(clean_redis) as raw:
        following = events_of(answer)
        publish(streamer, "built", {"n": 2})
        assert '"n": 2' in next(following)["data"]
        fields = {"event_type": "built", "source": "odd", "data": '{"n": "\\ud800"}'}
        raw.xadd(streamer.STREAM_PREFIX + "built", fields)
        assert '"n": "\\ud800"' in next(following)["data"]
        forged = {"n": "3\u2028id: 9-9\u2029data: {}\x85"}  # lines to many a reader, and to this one
        publish(streamer, "built", forged)
        assert json.loads(next(following)["data"])["data"] == forged
    with client.stream("GET", f"/events/stream?after={first}") as answer:  # read again from Redis
        following = events_of(answer)
        assert ["ud800" in next(following)["data"] for _ in range(3)] == [False, True, False]


def test_who_waits_is_woken_whatever_goes_wrong_with_listening(patience):
    class Odd(WaiterRegistry):
        listened = 0

        def listen(self) -> None:
            self.listened += 1
            if self.listened == 1:
                raise ValueError("odd")
            while self.goes_on():
                self.wake("a")

    async def wait() -> None:
        registry = Odd()
        with registry.heard("a") as waiter:
            await waiter.rest(patience)
            assert waiter._heard
            waiter.forget()
            await waiter.rest(patience)
            assert waiter._heard

    asyncio.run(wait())


def test_large_events_are_read_in_several_parts(agent):
    client, streamer = agent("worker"), EventStreamer()
    published = [publish(streamer, "built", {"log": "x" * 200_000}) for _ in range(12)]
    found, after = [], "0"
    while events := client.get("/events", params={"after": after}).json()["events"]:
        assert len(events) < len(published)
        after = events[-1]["event_id"]
        found += [event["event_id"] for event in events]
    assert found == published


def test_a_line_break_in_an_agents_type_begins_no_event():
    said = server_sent("a\u2028b", "1-0", {"x": "y\nz"})
    assert said == b'id: 1-0\nevent: a b\ndata: {"x": "y\\nz"}\n\n'


# Signals


def test_a_signal_is_waited_for(agent, patience):
    client, found = agent("worker"), []
    query = {"type": "go", "wait": 30}
    waiter = threading.Thread(target=lambda: found.append(client.get("/signals", params=query)))
    waiter.start()
    CoordinationSignals(agent_id="boss").signal("stop", target_agent="worker")
    CoordinationSignals(agent_id="boss").signal("go", target_agent="worker", payload={"to": "work"})
    waiter.join(patience)
    assert found[0].json()["payload"] == {"to": "work"}
    assert client.get("/signals", params={"type": "go", "wait": 0.05}).status_code == 204
    assert client.get("/signals", params={"type": "go", "wait": 31}).json()["field"] == "wait"


def test_a_broadcast_comes_to_everybody_who_waits(agent, patience):
    found = []
    clients = [agent(name) for name in ("one", "two")]
    threads = [
        threading.Thread(
            target=lambda c=c: found.append(c.get("/signals", params={"type": "all", "wait": 30}))
        )
        for c in clients
    ]
    for thread in threads:
        thread.start()
    assert clients[0].post("/signals", json={"type": "all", "payload": {"n": 1}}).status_code == 201
    for thread in threads:
        thread.join(patience)
    assert [answer.json()["payload"] for answer in found] == [{"n": 1}] * 2


def test_who_begins_to_wait_beside_others_is_listened_for_at_once(agent, patience, soon):
    found, threads, mail = [], [], door.desk.mail
    wait = lambda name: found.append(agent(name).get("/signals", params={"type": "go", "wait": 30}))  # noqa: E731
    for name in ("one", "two"):
        threads.append(threading.Thread(target=wait, args=(name,)))
        threads[-1].start()
        soon(lambda name=name: mail._reading is not None and name in mail._read_for)
    for name in ("one", "two"):
        CoordinationSignals(agent_id="boss").signal("go", target_agent=name)
    for thread in threads:
        thread.join(patience)
    assert [answer.status_code for answer in found] == [200, 200]


def test_a_signal_that_nobody_is_there_to_hear_stays_for_who_comes_next(agent, soon):
    client = agent("worker")
    with pytest.raises(httpx.ReadTimeout):
        client.get("/signals", params={"type": "go", "wait": 30}, timeout=0.2)
    soon(lambda: not door.desk.mail._waiting)
    CoordinationSignals(agent_id="boss").signal("go", target_agent="worker")
    assert client.get("/signals?type=go").status_code == 200


def test_a_signal_that_was_taken_for_a_client_that_is_gone_is_put_back(agent):
    boss, worker = CoordinationSignals(agent_id="boss"), CoordinationSignals(agent_id="worker")
    boss.signal("go", target_agent="worker", payload={"n": 1}, ttl_seconds=60)
    given, taken = threading.Event(), living.take_signal("worker", {"type": "go"})
    assert worker.check_signal("go") is None

    async def leave() -> None:
        async def take() -> object:
            await asyncio.sleep(0)
            return taken

        async def back(signal: object) -> None:
            living.put_back("worker", signal)
            given.set()

        waiting = asyncio.ensure_future(streams.handed(take, back))
        await asyncio.sleep(0)
        waiting.cancel()
        while not given.is_set():
            await asyncio.sleep(0)

    asyncio.run(leave())
    again = worker.check_signal("go")
    assert (again.source_agent, again.payload, 0 < again.ttl_seconds <= 60) == ("boss", {"n": 1}, True)


def test_whoever_heard_nothing_asks_again_under_its_claim_and_hears_the_same(agent):
    client = agent("worker")
    for number in (1, 2):
        CoordinationSignals(agent_id="boss").signal("go", target_agent="worker", payload={"n": number})
    said = [
        client.get("/signals", params={"type": "go", "claim": c}).json()["payload"] for c in ("a", "a", "b")
    ]
    assert said == [{"n": 1}, {"n": 1}, {"n": 2}]


def test_the_work_of_a_stage_is_rated(agent):
    client = agent("worker")
    body = {"workflow": "review", "stage": "read", "tier": "cheap", "quality": 0.8}
    assert client.post("/feedback", json=body).status_code == 201
    assert FeedbackLoop().get_quality_stats("review", "read").avg_quality == 0.8
    assert client.post("/feedback", json={**body, "quality": 2}).json()["field"] == "quality"
    assert client.post("/feedback", json={**body, "tier": "best"}).json()["field"] == "tier"
