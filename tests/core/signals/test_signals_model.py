"""Mailboxes against a model that a child could check, and the dataclasses' way to plain values and back."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from core import AccessTier, AgentCredentials, CoordinationSignal, CoordinationSignals
from tests.servers import client_of

AGENTS = ("ann", "a*", "a:n[n]", "\U0001f600")
TYPES = ("done", "done:extra", "*")
agents, types, maybe_types = st.sampled_from(AGENTS), st.sampled_from(TYPES), st.sampled_from((None, *TYPES))


class Mailboxes(RuleBasedStateMachine):
    """Each agent's list of what it should see, in the order of sending."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.raw = client_of(self.url)
        self.raw.flushall()
        self.signals = {name: CoordinationSignals(self.url, name) for name in AGENTS}
        self.model: dict[str, list[tuple[str, str, str]]] = {name: [] for name in AGENTS}

    def teardown(self) -> None:
        self.raw.close()

    def matching(self, agent: str, kind: str | None, source: str | None = None) -> list[tuple[str, str, str]]:
        return [
            one
            for one in self.model[agent]
            if kind in (None, one[1]) and (source is None or source == one[2])
        ]

    @rule(source=agents, to=agents, kind=types)
    def send(self, source, to, kind):
        sent = self.signals[source].signal(kind, target_agent=to, payload={"from": source})
        self.model[to].append((sent, kind, source))

    @rule(source=agents, kind=types)
    def broadcast(self, source, kind):
        sent = self.signals[source].broadcast(kind)
        for mailbox in self.model.values():
            mailbox.append((sent, kind, source))

    @rule(source=agents, to=st.none() | agents, kind=types)
    def send_one_that_expires(self, source, to, kind):
        self.signals[source].signal(kind, target_agent=to, ttl_seconds=0.001)
        time.sleep(0.0025)  # its own lifetime, and a millisecond for rounding

    @rule(agent=agents, kind=types, source=st.none() | agents, consume=st.booleans())
    def check(self, agent, kind, source, consume):
        expected = self.matching(agent, kind, source)
        signal = self.signals[agent].check_signal(kind, source, consume)
        got = signal and (signal.signal_id, signal.signal_type, signal.source_agent)
        assert got == (expected[0] if expected else None)
        if signal and consume:
            self.model[agent].remove(got)

    @rule(agent=agents, kind=types, source=st.none() | agents)
    def wait(self, agent, kind, source):
        expected = self.matching(agent, kind, source)
        signal = self.signals[agent].wait_for_signal(kind, source, timeout=5 if expected else 0)
        assert (signal and signal.signal_id) == (expected[0][0] if expected else None)
        if expected:
            self.model[agent].remove(expected[0])

    @rule(agent=agents, kind=maybe_types)
    def pending(self, agent, kind):
        got = self.signals[agent].get_pending_signals(kind)
        assert [(s.signal_id, s.signal_type, s.source_agent) for s in got] == self.matching(agent, kind)

    @rule(agent=agents, kind=maybe_types)
    def clear(self, agent, kind):
        gone = self.matching(agent, kind)
        assert self.signals[agent].clear_signals(kind) == len(gone)
        self.model[agent] = [one for one in self.model[agent] if one not in gone]

    @invariant()
    def every_key_expires(self):
        assert all(self.raw.pttl(key) != -1 for key in self.raw.scan_iter())


@pytest.mark.parametrize("examples", [15, pytest.param(300, marks=pytest.mark.long)])
def test_mailboxes_do_what_the_model_does(url, examples):
    Mailboxes.url = url
    run_state_machine_as_test(
        Mailboxes, settings=settings(max_examples=examples, stateful_step_count=40, deadline=None)
    )


NAMES = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=255)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_dictionaries_have_the_documented_fields_and_plain_values():
    signal = CoordinationSignal("id", "done", "ann", None, {"a": [1]}, NOON)
    assert signal.to_dict() == {
        "signal_id": "id", "signal_type": "done", "source_agent": "ann", "target_agent": None,
        "payload": {"a": [1]}, "timestamp": "2026-03-01T12:00:00+00:00", "ttl_seconds": 60,
    }  # fmt: skip
    data = AgentCredentials("ann", AccessTier.STEWARD, ["boss"], NOON).to_dict()
    assert data == {
        "agent_id": "ann", "tier": 4, "roles": ["boss"], "created_at": "2026-03-01T12:00:00+00:00",
    }  # fmt: skip
    assert type(data["tier"]) is int
    assert AgentCredentials("ann", AccessTier.OBSERVER).created_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("ttl_seconds", "60"),
        ("ttl_seconds", True),
        ("payload", []),
        ("target_agent", 5),
        ("timestamp", "soon"),
    ],
)
def test_a_bad_value_in_a_signals_dictionary_is_named(field, bad):
    data = CoordinationSignal("id", "done", "ann", None, {}, NOON).to_dict()
    with pytest.raises(ValueError, match=field):
        CoordinationSignal.from_dict({**data, field: bad})
    assert CoordinationSignal.from_dict({**data, "later": 1}).timestamp == NOON


@pytest.mark.parametrize(
    ("field", "bad"), [("tier", 0), ("tier", 5), ("tier", True), ("tier", "4"), ("roles", {})]
)
def test_a_bad_value_in_the_dictionary_of_credentials_is_named(field, bad):
    data = AgentCredentials("ann", AccessTier.STEWARD).to_dict()
    with pytest.raises(ValueError, match=field):
        AgentCredentials.from_dict({**data, field: bad})
