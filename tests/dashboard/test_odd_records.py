"""Whatever somebody writes straight into Redis: pages are shown, and what others asked stands on them."""

import json
import os
import uuid

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.store.keys import Keys
from core.values.approvals import STATUSES

pytestmark = [pytest.mark.django_db]

KEYS = Keys()
NUMBERS = st.sampled_from(
    [b"0", b"-1", b"nan", b"inf", b"1e300", b"9" * 40, b"1795000000000", b"4102444800000", b" 7 "]
)
TEXTS = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=40).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from([b"", b"deploy", b"<b>", b"\xff\xfe", b"a\r\nb", "\u202eevil".encode(), b"x" * 3000]),
)
JSON = st.sampled_from(
    [
        b"{}",
        b"[]",
        b"null",
        b'{"a":1}',
        b'{"a":NaN}',
        b'{"a":' * 400,
        b'{"a":"\\ud800"}',
        b'{"a":1,"a":2}',
        b'{"":{}}',
    ]
)
SOUND = {
    b"agent_id": b"deployer",
    b"approval_type": b"deploy",
    b"context": b'{"a":1}',
    b"requested_ms": b"1795000000000",
    b"deadline_ms": b"4102444800000",
    b"timeout_seconds": b"600.0",
    b"status": b"pending",
    b"digest": b"0" * 64,
}
STATUS = st.sampled_from([status.encode() for status in STATUSES]) | TEXTS
ODD = {
    **dict.fromkeys(SOUND, TEXTS | NUMBERS | JSON),
    **dict.fromkeys(
        (b"ended_ms", b"collected_ms", b"responder", b"reason", b"channel", b"key"), TEXTS | NUMBERS
    ),
    b"status": STATUS,
    b"context": JSON | TEXTS,
}
REQUESTS = st.tuples(
    st.fixed_dictionaries({}, optional=ODD), st.sets(st.sampled_from(sorted(SOUND)), max_size=2)
)
BEAT = (
    "agent_id",
    "display_name",
    "status",
    "progress",
    "current_task",
    "last_beat",
    "metadata",
    "instance_id",
)
PLAIN = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20)
VALUES = st.recursive(
    PLAIN,
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=5), inside, max_size=2),
    max_leaves=4,
)
BEATS = (
    TEXTS
    | JSON
    | st.fixed_dictionaries({}, optional=dict.fromkeys(BEAT, VALUES)).map(
        lambda said: json.dumps(said).encode()
    )
)
AT_ONCE = 10


def quick_and_long(test):
    """50 records each time, 1,000 in the long run, 10,000 with WHOLE_SCALE=1: ten in an example."""
    most = pytest.param(1_000, id="10,000", marks=pytest.mark.long)
    some = pytest.param(100, id="1,000", marks=pytest.mark.long)
    counts = [pytest.param(5, id="50"), most if "WHOLE_SCALE" in os.environ else some]
    return pytest.mark.parametrize("examples", counts)(test)


def tried(examples: int, strategy, look) -> None:
    settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None, derandomize=True)(
        given(st.lists(strategy, min_size=AT_ONCE, max_size=AT_ONCE))(look)
    )()


@quick_and_long
def test_a_request_of_any_bytes_takes_nobody_elses_place(gate, raw, examples, signed_in):
    other, client = gate.open_request("other", {"a": 1}, timeout=600), signed_in("approver")

    def look(requests) -> None:
        ids = [str(uuid.uuid4()) for _ in requests]
        for id_, (odd, missing) in zip(ids, requests, strict=True):
            fields = {name: value for name, value in (SOUND | odd).items() if name not in missing}
            if fields:
                raw.hset(KEYS.approval_request(id_), mapping=fields)
            raw.zadd(KEYS.approvals_pending, {id_: 4102444800000})
        for address in ("/", "/?show=mine"):
            page = client.get(address)
            assert page.status_code == 200
            assert other.request_id in page.content.decode()
        assert client.get(f"/approvals/{ids[0]}/").status_code in (200, 404)
        raw.delete(*map(KEYS.approval_request, ids))
        raw.zrem(KEYS.approvals_pending, *ids)

    tried(examples, REQUESTS, look)


@quick_and_long
def test_a_heartbeat_of_any_bytes_hides_no_other_agent(beat, raw, examples, signed_in):
    client = signed_in("viewer")
    beat("bystander", task="working")
    now = raw.time()[0] * 1000

    def look(beats) -> None:
        names = [f"odd-{number}" for number in range(len(beats))]
        for name, said in zip(names, beats, strict=True):
            raw.set(KEYS.agent_record(name), said)
            raw.zadd(KEYS.agents_changed, {name: now})
            raw.zadd(KEYS.agents_running, {name: now})
        for address in ("/agents/", "/agents/?q=bystander", "/"):
            page = client.get(address)
            assert page.status_code == 200
            assert address == "/" or "bystander" in page.content.decode()
        assert client.get(f"/agents/?id={names[0]}").status_code in (200, 404)
        raw.delete(*map(KEYS.agent_record, names))
        for place in (KEYS.agents_changed, KEYS.agents_running):
            raw.zrem(place, *names)

    tried(examples, BEATS, look)
