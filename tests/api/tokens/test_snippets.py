"""The lines of the page Connect, run as they stand."""

import subprocess

import pytest

from dashboard.connect import snippets
from tests.waiting import PATIENCE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


@pytest.mark.parametrize("is_fleet", [False, True])
def test_the_lines_of_curl_ask_and_wait(agent, site, gate_of, soon, is_fleet):
    client, gate = agent("pod-", is_prefix=is_fleet), gate_of("x")
    secret = client.headers["Authorization"].removeprefix("Bearer ")
    script = f"export TELEMETRY_TOKEN={secret}\n{snippets.curl(site, is_fleet)}"
    process = subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE, text=True)
    soon(lambda: len(gate.get_pending_approvals()) == 1)
    [request] = gate.get_pending_approvals()
    assert request.agent_id == ("pod-1" if is_fleet else "pod-")
    gate.decide(request.request_id, True, "maria")
    said, _ = process.communicate(timeout=PATIENCE)
    assert '"approved": true' in said
