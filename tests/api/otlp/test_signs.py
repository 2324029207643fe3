"""Whoever exports lives: by telemetry alone, and only where nobody nearer says how the agent is."""

import sys

import pytest

from core import HeartbeatCoordinator
from core.api.living import RunRegistry
from core.api.otlp import receiving
from core.api.otlp.signs import HEARD_BY, Signs, TelemetryRun
from core.models import AgentRun
from telemetry_site.asgi import door
from tests.api.otlp.exports import logs
from tests.api.otlp.test_calls import CLAUDE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
TOOL = {"event": "claude_code.tool_result", "tool_name": "Bash", "tool_use_id": "t", "session.id": "s-1"}


def test_who_exports_is_seen_to_live_with_what_it_does(post):
    seen = HeartbeatCoordinator()
    post("logs", logs("claude-code", CLAUDE, TOOL))
    beat = seen.get_agent_status("exporter")
    assert (beat.status, beat.current_task, beat.metadata) == ("running", "Bash", HEARD_BY)
    assert seen.is_agent_alive("exporter")


def test_a_fleet_is_told_apart_by_what_each_calls_itself(post, counted):
    of = ("pod-",)
    named = {**CLAUDE, "gen_ai.agent.name": "planner"}
    for export in (logs("search", CLAUDE), logs("search", named), logs("unknown_service:python", CLAUDE)):
        assert post("logs", export, of=of, is_prefix=True).content == b"{}"
    answer = post(
        "logs", logs("", {"event": "claude_code.api_request", "model": "m", "input_tokens": 1}), of=of
    )
    assert "fleet" in answer.json()["partialSuccess"]["errorMessage"]
    assert {row.agent_id for row in counted(1)} <= {"pod-search", "pod-planner", "pod-s-1"}
    assert {beat.agent_id for beat in HeartbeatCoordinator().get_active_agents()} == {
        "pod-search", "pod-planner", "pod-s-1"}  # fmt: skip


def test_a_token_that_may_not_beat_shows_no_life(post):
    post("logs", logs("claude-code", CLAUDE), of=("exporter", "usage"))
    assert HeartbeatCoordinator().get_agent_status("exporter") is None


@pytest.mark.parametrize("ended", [False, True])
def test_who_beats_by_itself_or_has_just_ended_is_left_alone(post, ended):
    own = HeartbeatCoordinator()
    own.start_heartbeat("exporter")
    own.beat("waiting", 0.5, "an answer")
    if ended:
        own.stop_heartbeat("completed")
    post("logs", logs("claude-code", CLAUDE))
    beat = own.get_agent_status("exporter")
    assert (beat.status, beat.metadata) == ("completed" if ended else "waiting", {})
    own.beat("running")
    assert own.conflict is False


def test_between_exports_it_is_kept_alive_and_after_long_silence_its_run_ends(clean_redis, recorder, soon):
    signs = Signs(RunRegistry(), linger=0.4, pause=0.2)
    signs.hear(TelemetryRun(1, "exporter", "s-1"), "Bash")
    seen = HeartbeatCoordinator()
    first = seen.get_agent_status("exporter").last_beat
    soon(lambda: seen.get_agent_status("exporter").last_beat > first)
    soon(lambda: not seen.is_agent_alive("exporter"))
    soon(lambda: AgentRun.objects.filter(agent_id="exporter", status="silent").count() == 1)
    signs.hear(TelemetryRun(1, "exporter", "s-1"), "Edit")
    assert seen.get_agent_status("exporter").current_task == "Edit"
    signs.forget()


def test_an_export_of_ever_new_runs_holds_up_no_other_and_makes_nobody_else_forgotten(post, monkeypatch):
    beaten, signs = [], door.rooms["/v1/logs"].signs
    monkeypatch.setattr(signs, "_beat", lambda who, heard: beaten.append(who))
    monkeypatch.setattr(sys.modules[Signs.__module__], "KEPT", 20)
    monkeypatch.setattr(receiving, "MOST_HEARD", 50)
    post("logs", logs("one", TOOL), of=("quiet",))
    answer = post(
        "logs", logs("flood", *({**TOOL, "session.id": f"s-{n}"} for n in range(500))), of=("loud",)
    )
    assert answer.content == b"{}"
    assert [who.agent for who in beaten] == ["quiet"] + ["loud"] * 50
    assert sorted(map(len, signs._heard.values())) == [1, 20]
