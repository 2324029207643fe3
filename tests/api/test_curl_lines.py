"""The lines of curl in the documents, run as they stand, while somebody answers what they ask."""

import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from core import ApprovalGate

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.anywhere,
    pytest.mark.skipif(shutil.which("curl") is None, reason="NO CURL: its lines were not run"),
]
DOCS = Path(__file__).resolve().parents[2] / "docs" / "agents"
STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'


@pytest.mark.parametrize(("name", "said"), [
    ("http.md", ['"approved": true', "event: outcome"]),
    ("agent-approval-protocol.md", ['"status": "approved"', '"consumed_at"', '"status": "succeeded"', '"credential"']),
])  # fmt: skip
def test_they_do_what_the_document_says(agent, site, name, said):
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", (DOCS / name).read_text(), re.DOTALL))
    tokens = {
        "TELEMETRY_TOKEN": agent("deployer", "ask").headers["Authorization"].removeprefix("Bearer "),
        "PROVISIONER_TOKEN": agent("fleet ", "provision", is_prefix=True)
        .headers["Authorization"]
        .removeprefix("Bearer "),
    }
    over, gate = threading.Event(), ApprovalGate()

    def answer() -> None:
        while not over.wait(0.02):
            for request in gate.get_pending_approvals():
                gate.respond_to_approval(request.request_id, True, "maria")

    somebody = threading.Thread(target=answer)
    somebody.start()
    try:
        environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "TELEMETRY_URL": site, **tokens}
        ran = subprocess.run(["bash", "-c", STRICT + lines], env=environment, capture_output=True, text=True)
    finally:
        over.set()
        somebody.join()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert [words for words in said if words not in ran.stdout] == []
