"""What tools did that people were asked about, as telemetry tells it: on the page of the request, once."""

import pytest

from core.models import AuditEntry
from dashboard.approvals.page import HistoryStep
from tests.api.otlp.exports import logs, spans
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


def result(use, **said):
    return {
        "event": "claude_code.tool_result",
        "session.id": "s-1",
        "tool_use_id": use,
        "tool_name": "Bash",
        **said,
    }


def test_a_request_hears_once_whether_its_tool_ran_failed_or_never_ran(post, agent, gate_of):
    gate = gate_of("exporter")
    asked = {
        use: gate.open_request("Bash", {"n": use}, key=f"s-1:{use}").request_id for use in ("a", "b", "c")
    }
    alone = gate.open_request("pay", {}, key="call-7").request_id
    others = gate_of("another").open_request("Bash", {}, key="s-1:d").request_id
    export = logs(
        "claude-code",
        result("a", success="true"),
        result("b", success=False),
        {"event": "claude_code.tool_decision", "decision": "reject", "session.id": "s-1", "tool_use_id": "c"},
        {"event": "claude_code.tool_decision", "decision": "accept", "session.id": "s-1", "tool_use_id": "a"},
        result("d", success=True),
    )
    tool = {"id": "b7ad6b7169203331", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.call.id": "call-7",
            "gen_ai.tool.name": "pay", "status": 2}  # fmt: skip
    for _ in range(2):
        assert post("logs", export).status_code == post("traces", spans("bot", tool)).status_code == 200
    told = {str(entry.request_id): entry for entry in AuditEntry.objects.filter(kind__startswith="tool.")}
    kinds = {request_id: entry.kind for request_id, entry in told.items()}
    assert kinds == {asked["a"]: "tool.ran", asked["b"]: "tool.failed", asked["c"]: "tool.never_ran",
                     alone: "tool.failed"}  # fmt: skip
    assert AuditEntry.objects.filter(kind__startswith="tool.").count() == 4
    assert others not in kinds
    step = HistoryStep.of(told[asked["a"]])
    assert (step.what, step.why.partition(",")[0]) == ("Then the tool ran", "Bash")


def test_an_odd_name_of_a_tool_or_of_its_use_loses_nothing_of_its_export(post, gate_of):
    asked = gate_of("exporter").open_request("Bash", {}, key="a").request_id
    export = logs(
        "claude-code",
        result("\ud83d"),
        result("\x00"),
        result("a", **{"session.id": "\ud83d", "tool_name": "\x00\ud83d"}),
    )
    assert post("logs", export).content == b"{}"
    assert str(AuditEntry.objects.get(kind__startswith="tool.").request_id) == asked


def test_the_page_of_a_request_says_it(post, gate_of, client, make_user, recorder):
    asked = gate_of("exporter").open_request("Bash", {}, key="s-1:a").request_id
    post("logs", logs("claude-code", result("a", success=True)))
    client.force_login(make_user("vera", "viewer"))
    page = wait_until(lambda: client.get(f"/approvals/{asked}/").content.decode(), "the page is there")
    assert "Then the tool ran" in page
