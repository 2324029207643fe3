"""Secrets that come by the doors of HTTP stand on no page, in no file, in no notice and in no line of the log."""

import logging
import re
from urllib.parse import quote

import httpx
import pytest
from django.test import Client

from core.history.approvals import comments
from core.models import ApprovalRecord, Callback, LLMCall
from core.usage_tracker import UsageTracker
from dashboard.live import fragments
from dashboard.live import page as contexts
from tests.api.otlp.exports import logs
from tests.api.otlp.test_calls import CLAUDE
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

NAMED, SHAPED, BEARER = "canary-by-name-9261", "ghp_" + "canary9262" * 4, "canary-bearer-9263"
CANARIES = (NAMED, SHAPED, BEARER)
SAID = f"curl -H 'Authorization: Bearer {BEARER}' with {SHAPED}"
CONTEXT = {"password": NAMED, "command": SAID}
FORM = {
    "a": {"type": "string", "default": SHAPED, "description": SAID},
    "password": {"type": "string", "default": NAMED},
}
ADDRESS = re.compile(r'\b(?:href|value)="[^"]*"')
HOOK = "/hooks/claude-code?timeout=10"


def mcp(client: httpx.Client, site: str) -> None:
    said = {"name": "ask_human", "arguments": {"question": SAID, "details": CONTEXT, "wait": 0}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": said}
    accept = {"Accept": "application/json, text/event-stream"}
    assert client.post(f"{site}/mcp", json=call, headers=accept).status_code == 200


def hooks(client: httpx.Client) -> None:
    about = {"session_id": "s", "tool_name": "Bash"}
    for event in ("Notification", "UserPromptSubmit"):
        client.post(
            HOOK, json={**about, "hook_event_name": event, "message": SAID, "prompt": SAID, "reason": SAID}
        )
    client.post(HOOK, json={**about, "hook_event_name": "PreToolUse", "tool_input": CONTEXT})
    schema = {"type": "object", "properties": FORM}
    form = {"session_id": "s", "hook_event_name": "Elicitation", "message": SAID, "requested_schema": schema}
    client.post(HOOK, json=form)


def usage(client: httpx.Client, site: str) -> None:
    export = logs(
        SHAPED, {**CLAUDE, "model": SHAPED, "session.id": SHAPED, "prompt": SAID, "tool_name": SHAPED}
    )
    assert client.post(f"{site}/v1/logs", json=export).status_code == 200
    call = {"workflow": SHAPED, "stage": SHAPED, "model": SHAPED, "provider": SHAPED, "tier": "cheap",
            "tokens": {"input": 1, "output": 1}, "cost": 0.01, "call_id": SHAPED}  # fmt: skip
    assert client.post("/calls", json=call).status_code == 202


def shown(person: httpx.Client) -> dict[str, str]:
    """Every page and file on which some of it could stand."""
    own = [
        f"/approvals/{row.pk}/{form}"
        for row in ApprovalRecord.objects.all()
        for form in ("", "edit/", "rule/")
    ]
    selected = [f"/?selected={row.pk}" for row in ApprovalRecord.objects.all()]
    pages = [
        "/",
        "/agents/",
        "/agents/?id=worker",
        "/usage/",
        "/usage/calls/",
        "/usage/calls.csv",
        "/record/?q=curl",
    ]
    admin = [
        f"/admin/core/{name}/"
        for name in ("approvalrecord", "agentrun", "llmcall", "usagehour", "auditentry")
    ]
    # An address leads to what it names, such as the filter of a model: what a person reads is beside it.
    return {page: ADDRESS.sub("", person.get(page).text) for page in (*pages, *own, *selected, *admin)}


def test_a_secret_that_comes_by_any_door_is_hidden_from_people(
    agent, site, make_user, recorder, owner, caplog, monkeypatch
):
    monkeypatch.setattr("core.api.hooks.EARLY_SECONDS", 9.9)
    caplog.set_level(logging.INFO, "core")
    client, signed_in = agent("worker"), Client()
    url = f"https://example.invalid/hook?token={quote(NAMED)}"
    client.post("/requests", json={"type": "deploy", "context": CONTEXT, "callback_url": url, "key": SHAPED})
    client.post("/start", json={"task": SAID, "metadata": CONTEXT, "display_name": "worker"})
    mcp(client, site)
    hooks(client)
    usage(client, site)
    UsageTracker.get_instance().flush()
    wait_until(
        lambda: ApprovalRecord.objects.count() == 4 and LLMCall.objects.count() == 2, "all is recorded"
    )
    row = ApprovalRecord.objects.get(approval_type="deploy")
    comments.comment(str(row.pk), "worker", "otto", SAID)
    signed_in.force_login(make_user("root", "approver", is_superuser=True, is_staff=True))
    cookies = {"session": signed_in.cookies["session"].value}
    with httpx.Client(base_url=site, cookies=cookies, timeout=PATIENCE) as person:
        texts = shown(person)
    texts |= {"live": fragments.live_region(contexts.live_page()), "log": caplog.text}
    found = {address: [c for c in CANARIES if c in text] for address, text in texts.items()}
    assert {address: canaries for address, canaries in found.items() if canaries} == {}
    assert len(texts) > 20
    assert NAMED not in Callback.objects.get().sealed_url
