"""Secrets in what agents ask stand on no page, in no log and in no file; who decides or audits may look, on record."""

import csv
import io
import json
import logging

import pytest

from core.models import ApprovalRecord, AuditEntry
from dashboard.live import fragments
from dashboard.live import page as contexts
from telemetry_site.log_lines import OneLine
from tests.dashboard.test_access_matrix import KINDS, SIGN_IN, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

CANARIES = ["canary-by-name-7261", "canary-in-a-list-7262", "canary-in-text-7263", "ghp_" + "canary7264" * 4]
CONTEXT = {
    "db": {"password": CANARIES[0], "tokens": [CANARIES[1]]},
    "command": f"curl -H 'Authorization: Bearer {CANARIES[2]}' example.org",
    "note": f"use {CANARIES[3]}",
    "amount": 1.10,
}


def found_in(text: str) -> list[str]:
    return [canary for canary in CANARIES if canary in text]


def reveal(request) -> str:
    return f"/approvals/{request.request_id}/reveal/"


def test_no_page_fragment_file_or_search_shows_a_secret(gate, beat, record, signed_in):
    open_one, ended = gate.open_request("deploy", CONTEXT), gate.open_request("deploy", CONTEXT)
    gate.respond_to_approval(ended.request_id, False, "ann", f"token={CANARIES[2]}")
    agent = beat("deployer", task=f"password={CANARIES[2]}")
    agent.start_heartbeat("deployer", metadata={"api_key": CANARIES[0]})
    record()
    approver, auditor = signed_in("approver"), signed_in("superuser")
    row = ApprovalRecord.objects.get(pk=ended.request_id)
    pages = [
        "/",
        f"/?selected={open_one.request_id}",
        f"/approvals/{open_one.request_id}/",
        f"/approvals/{ended.request_id}/",
        "/agents/?id=deployer",
        "/record/?q=curl",
        *(f"/record/?q={canary}" for canary in CANARIES),
    ]
    texts = {address: approver.get(address).content.decode() for address in pages}
    own = f"/admin/core/approvalrecord/{row.pk}/change/"
    texts |= {
        address: auditor.get(address).content.decode() for address in ("/admin/core/approvalrecord/", own)
    }
    texts["file"] = b"".join(auditor.post("/record/export/", {"q": "deploy"}).streaming_content).decode()
    texts["live"] = fragments.live_region(contexts.live_page())
    assert "No request" in texts[f"/record/?q={CANARIES[0]}"]
    for address, text in texts.items():
        shown = text if "q=canary" not in address and "q=ghp" not in address else text.split("<main", 1)[1]
        known = [canary for canary in found_in(shown) if canary not in address]
        assert known == [], address
    assert "⟦hidden: 19 characters⟧" in texts[f"/approvals/{open_one.request_id}/"]
    assert "4 values are hidden" in texts[f"/?selected={open_one.request_id}"]
    assert row.context == json.dumps(CONTEXT, separators=(",", ":"))


@pytest.mark.parametrize("kind", KINDS)
def test_who_may_look_at_hidden_values(gate, signed_in, kind):
    request = gate.open_request("deploy", CONTEXT)
    may = dict.fromkeys(KINDS, 403) | {"anonymous": SIGN_IN, "inactive": SIGN_IN}
    may |= {"approver": 200, "auditor": 200, "superuser": 200}
    client = signed_in(kind)
    status = status_of(client.post(reveal(request)))
    assert status == may[kind]
    shown = AuditEntry.objects.filter(kind="secrets.shown")
    assert shown.count() == (status == 200)


def test_looking_is_recorded_by_whom_and_shows_all_of_the_text(gate, record, signed_in):
    request = gate.open_request("deploy", CONTEXT)
    record()
    client = signed_in("approver")
    assert "Show what is hidden" in client.get(f"/approvals/{request.request_id}/").content.decode()
    assert client.get(reveal(request)).status_code == 405
    response = client.post(reveal(request))
    assert found_in(response.content.decode()) == CANARIES
    assert "no-store" in response["Cache-Control"]
    entry = AuditEntry.objects.get(kind="secrets.shown")
    assert (entry.actor, entry.agent_id, str(entry.request_id)) == (
        "the approver",
        "deployer",
        request.request_id,
    )
    assert found_in(entry.details) == []
    assert "Looked at hidden values" in client.get(f"/approvals/{request.request_id}/").content.decode()


def test_lines_of_the_log_hold_no_secret():
    said = f"agent wrote password={CANARIES[0]} and Bearer {CANARIES[2]}"
    line = OneLine("%(message)s").format(logging.LogRecord("x", logging.INFO, "", 0, said, None, None))
    assert found_in(line) == []


def test_a_file_for_a_spreadsheet_quotes_every_cell_and_marks_what_hides(gate, record, signed_in):
    gate.open_request("＝1+1", {"a": "b\u202ec"})
    record()
    response = signed_in("superuser").post("/record/export/", {})
    text = b"".join(response.streaming_content).decode()
    head, row = csv.reader(io.StringIO(text))
    said = dict(zip(head, row, strict=True))
    assert said["approval_type"] == "'＝1+1"
    assert said["context"] == '{"a":"b⟦U+202E⟧c"}'
    for line in text.splitlines():
        assert line.startswith('"')
        assert line.endswith('"')
