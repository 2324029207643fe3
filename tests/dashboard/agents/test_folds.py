"""How names are folded, and what is counted of each state."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.agents.folds import folded, shared_prefix
from dashboard.agents.row import AgentRow
from dashboard.agents.state_counts import AgentCounts

pytestmark = pytest.mark.anywhere
NOW = datetime(2026, 11, 28, 3, tzinfo=UTC)


def row(agent_id: str, state: str, *, away: bool = False) -> AgentRow:
    last = NOW - timedelta(seconds=400 if state == "lost" else 1)
    return AgentRow(agent_id, agent_id, state, "alive", "running", 5, "t", last, NOW, False, away, agent_id)


@pytest.mark.parametrize(
    ("name", "beginning"),
    [
        ("pod-7d9f8b6c5-x2x4z", "pod-"),
        ("pod-7d9f8b6c5-xkzqw", "pod-"),
        ("worker-12", "worker-"),
        ("worker12", "worker"),
        ("agent 7", "agent "),
        ("gpt4-worker-3", "gpt4-worker-"),
        ("gpt4-3", "gpt4-"),
        ("eu/import.1", "eu/import."),
        ("7f1c8e5e-5a45-4a3c-9d43-0f6a0f0a1b2c", ""),
        ("12", ""),
        ("nightly-export", "nightly-export"),
        ("-", "-"),
        ("ä1", ""),
    ],
)
def test_a_name_begins_with_what_nobody_made_up(name, beginning):
    assert shared_prefix(name) == beginning


def test_three_dead_of_one_beginning_are_one_line_and_two_are_two():
    rows = [row(f"pod-{n}", "lost") for n in range(3)] + [row(f"job-{n}", "lost") for n in range(2)]
    assert [len(alike) for alike in folded(rows)] == [1, 1, 3]


def test_numbers_in_names_are_in_the_order_of_numbers():
    names = [
        alike[0].name for alike in folded(row(name, "alive") for name in ("w-10", "w", "W-2", "w-2b", "9"))
    ]
    assert names == ["9", "w", "W-2", "w-2b", "w-10"]


def test_the_living_are_never_folded():
    assert [len(alike) for alike in folded(row(f"pod-{n}", "stuck") for n in range(5))] == [1] * 5


def test_those_that_need_a_look_are_counted_by_state():
    lost = [row(f"a{n}", "lost") for n in range(100)]
    others = [row("s", "stuck"), row("l", "late"), row("d", "doubled"), row("f", "failed"), row("w", "alive")]
    agents = AgentCounts.of_rows([*lost, *others])
    assert (agents.needing, agents.counts["lost"], agents.counts["stuck"]) == (104, 100, 1)


def test_those_put_away_are_not_counted():
    agents = AgentCounts.of_rows([row("a", "lost", away=True), row("b", "alive")])
    assert agents.total == 1
