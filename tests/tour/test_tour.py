"""docs/tour.md, step by step, with the real parts: Redis, SQL, the recorder, the pages."""

import ast
import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.urls import reverse

from core import ApprovalGate
from core.approvals import deciding
from core.history.recorder.recorder import Recorder
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.store.keys import Keys
from core.store.outbox import Watcher
from core.values.digests import request_digest
from dashboard.live.doorbells import LIVE
from dashboard.live.state import LiveState
from tests.contract.key_patterns import key_patterns
from tests.history.audit.chain import of_requests
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.anywhere

ROOT = Path(__file__).parent.parent.parent
KEYS = Keys()
CONTEXT = {"table": "page_views_2024", "rows": 48200}
HTMX = {"HX-Request": "true"}


@pytest.fixture
def gate(clean_redis):
    return ApprovalGate(clean_redis, "data-janitor")


@pytest.fixture
def operator(client, make_user, clean_redis):
    """A signed-in person who may decide; `client` is their browser."""
    user = make_user("maria", "approver")
    client.force_login(user)
    return user


def outbox_types(raw):
    return [fields["type"] for _position, fields in raw.xrange(KEYS.outbox)]


def press(client, button, request, **headers):
    """What the browser posts when somebody presses a button of a card."""
    id_ = request.request_id
    digest = live_record(ApprovalGate(), id_).digest
    fields = {f"digest-{id_}": digest, f"reason-{id_}": "backup is verified"}
    return client.post(reverse(button, args=[id_]), fields, headers=headers)


# 1. Ask


def test_asking_stores_request_queue_entry_and_outbox_entry_at_once(gate, raw):
    """One call leaves the request with its exact context, its place in the queue, an outbox entry and an event."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    stored = raw.hgetall(KEYS.approval_request(request.request_id))
    assert stored["status"] == "pending"
    assert json.loads(stored["context"]) == CONTEXT
    assert raw.zscore(KEYS.approvals_pending, request.request_id) == float(stored["deadline_ms"])
    assert int(stored["deadline_ms"]) - int(stored["requested_ms"]) == pytest.approx(60_000, abs=1_000)
    assert outbox_types(raw) == ["requested"]
    assert raw.xlen(KEYS.event_stream("approval_requested")) == 1
    assert raw.xlen(KEYS.event_types) == 1


# 2. Notice


def test_every_watcher_notices_the_request(gate, clean_redis):
    """Each web process hears of the request by itself; none takes it away from another."""
    watchers = [Watcher(clean_redis), Watcher(clean_redis)]
    request = gate.open_request("delete", CONTEXT, timeout=60)
    for watcher in watchers:
        (entry,) = watcher.wait(5)
        assert (entry.type, entry.fields["request_id"]) == ("requested", request.request_id)
        watcher.close()


# 3. Show


@pytest.mark.django_db
def test_the_inbox_shows_the_context_and_the_digest_of_the_bytes_shown(gate, raw, client, make_user):
    """Pages are told that it came and rung; what they fetch holds what was asked, and buttons for who may decide."""
    state = LiveState()
    request = gate.open_request("delete", CONTEXT, timeout=60)
    messages, _touched = state.apply(state.wait(5))
    state.close()
    assert json.loads(messages[0].text)["came"]["id"] == request.request_id
    assert LIVE in state.changes.take()
    shown = raw.hget(KEYS.approval_request(request.request_id), "context").encode()
    texts = {}
    for name in ("approver", "viewer"):
        client.force_login(make_user(name, name))
        page = client.get(f"/?selected={request.request_id}", headers={"X-Part": "inbox"})
        texts[name] = page.content.decode()
        assert "page_views_2024" in texts[name]
        assert "48200" in texts[name]
    assert request_digest("data-janitor", "delete", shown) in texts["approver"]
    assert reverse("approve", args=[request.request_id]) in texts["approver"]
    assert "data-decide" not in texts["viewer"]


# 4. Intend


@pytest.mark.django_db
def test_the_intent_is_in_sql_before_redis_is_asked(gate, client, operator, raw, monkeypatch):
    """When Redis is asked for a decision, the intent of the person already stands in SQL, open, with its limit."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    seen = []
    decide = deciding.decide

    def asked(store, answer):
        intent = DecisionIntent.objects.get(pk=answer.decision_id)
        seen.append((intent.outcome, intent.not_after == answer.not_after))
        assert raw.hget(KEYS.approval_request(answer.request_id), "status") == "pending"
        return decide(store, answer)

    monkeypatch.setattr(deciding, "decide", asked)
    assert press(client, "approve", request, **HTMX).status_code == 200
    assert seen == [("open", True)]


@pytest.mark.django_db
def test_a_viewer_is_refused_and_the_attempt_is_recorded(gate, client, make_user, raw):
    """Who may only look gets 403, nothing is decided, and the audit history names the attempt."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    client.force_login(make_user("victor", "viewer"))
    assert press(client, "approve", request).status_code == 403
    assert raw.hget(KEYS.approval_request(request.request_id), "status") == "pending"
    entry = AuditEntry.objects.get(kind="decision.refused")
    assert (entry.actor, str(entry.request_id)) == ("victor", request.request_id)


# 5. Decide


@pytest.mark.django_db
def test_the_decision_ends_the_request_in_one_step(gate, client, operator, raw):
    """After the answer the request has its outcome, its end, an outbox entry, and no place in the queue."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    press(client, "approve", request, **HTMX)
    stored = raw.hgetall(KEYS.approval_request(request.request_id))
    intent = DecisionIntent.objects.get()
    assert (stored["status"], stored["responder"], stored["channel"]) == ("approved", "maria", "site")
    assert stored["decision_id"] == str(intent.pk)
    ((_id, end),) = raw.xrange(KEYS.approval_ended(request.request_id))
    assert (end["status"], end["approved"], end["reason"]) == ("approved", "1", "backup is verified")
    assert raw.zscore(KEYS.approvals_pending, request.request_id) is None
    assert outbox_types(raw) == ["requested", "ended"]


@pytest.mark.django_db
def test_the_loser_of_a_race_reads_who_decided(gate, client, make_user, operator):
    """The second answer changes nothing, and its sender is told who decided what."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    press(client, "deny", request, **HTMX)
    client.force_login(make_user("paul", "approver"))
    late = press(client, "approve", request, **HTMX)
    assert late.status_code == 409
    assert "maria already denied " in late.content.decode()
    assert gate.get_request(request.request_id).status == "rejected"


# 6. Wake


@pytest.mark.django_db
def test_a_waiting_agent_wakes_with_the_decision_and_marks_it_collected(gate, client, operator, raw):
    """The blocked agent returns the person's answer and reason, and Redis knows that it did."""
    answers = []
    agent = threading.Thread(target=lambda: answers.append(gate.request_approval("delete", CONTEXT, 60)))
    agent.start()
    request = wait_until(gate.get_pending_approvals, "the agent asks")[0]
    press(client, "approve", request, **HTMX)
    agent.join(PATIENCE)
    (answer,) = answers
    assert answer.approved is True
    assert (answer.responder, answer.reason) == ("maria", "backup is verified")
    assert raw.hexists(KEYS.approval_request(request.request_id), "collected_ms")
    assert outbox_types(raw) == ["requested", "ended", "collected"]


# 7. Settle


def test_the_recorder_settles_intent_record_and_audit_together(gate, recorder, client, operator, raw):
    """What Redis did is in SQL: the request, the accepted intent, one audit entry per change, and the place reached."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    press(client, "approve", request, **HTMX)
    gate.wait_for_decision(request.request_id, timeout=PATIENCE)
    kinds = ["approval.requested", "approval.approved", "approval.collected"]
    wait_until(lambda: of_requests().count() == len(kinds), "everything is recorded")
    record = ApprovalRecord.objects.get(pk=request.request_id)
    assert (record.status, record.responder, json.loads(record.context)) == ("approved", "maria", CONTEXT)
    assert DecisionIntent.objects.get().outcome == "accepted"
    entries = of_requests()
    assert [entry.kind for entry in entries] == kinds
    assert [entry.previous_hash for entry in entries][1:] == [entry.hash for entry in entries][:-1]
    last = raw.xrevrange(KEYS.outbox, count=1)[0][0]
    wait_until(
        lambda: raw.xrevrange(KEYS.recorded, count=1)[0][1]["position"] == last, "the watchers are told"
    )


# 8. See


@pytest.mark.django_db
def test_pages_say_sent_and_then_recorded(gate, client, operator, clean_redis):
    """The card becomes a line that names the person; the list says *sent*, and *recorded* once SQL has it."""
    request = gate.open_request("delete", CONTEXT, timeout=60)
    settling = Recorder(clean_redis)
    settling.step()
    state = LiveState()
    press(client, "approve", request, **HTMX)
    messages, _touched = state.apply(state.wait(5))
    sent = "".join(message.text for message in messages)
    went = json.loads(messages[0].text)["went"]
    assert (went["id"], went["word"], went["by"]) == (request.request_id, "Approved", "maria")
    assert '<span class="wait">sent</span>' in sent
    settling.step()
    messages, _touched = state.apply(state.wait(5))
    state.close()
    assert '<span class="done">recorded</span>' in "".join(message.text for message in messages)
    page = client.get(reverse("approval", args=[request.request_id])).content.decode()
    assert page.index("Asked") < page.index("Approved</b> maria")


# Nobody answers


def test_nobody_answers_and_the_agent_is_refused(gate):
    """At the deadline the agent gets a refusal by the system that says timeout."""
    answer = gate.request_approval("delete", CONTEXT, timeout=0.2)
    assert (answer.approved, answer.responder) == (False, "system")
    assert answer.reason.startswith("timeout")


def test_the_recorder_ends_the_request_of_an_agent_that_is_gone(gate, recorder, raw):
    """Nobody waits for this request; the recorder ends it at its deadline and records that."""
    request = gate.open_request("delete", CONTEXT, timeout=0.3)

    def is_over():
        return ApprovalRecord.objects.filter(pk=request.request_id, status="timeout").exists()

    wait_until(is_over, "the recorder ends it")
    assert raw.zcard(KEYS.approvals_pending) == 0
    assert gate.wait_for_decision(request.request_id).reason.startswith("timeout")


# The agent of the README


def readme_agent() -> str:
    return re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]


def test_the_agent_of_the_readme_runs_as_printed(clean_redis):
    """The printed lines beat, ask, hear the answer and stop."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("TELEMETRY_")},
        "REDIS_URL": clean_redis,
    }
    agent = subprocess.Popen(
        [sys.executable, "-c", readme_agent()], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    gate = ApprovalGate(clean_redis)
    request = wait_until(gate.get_pending_approvals, "the agent asks")[0]
    assert request.agent_id == "my-agent"
    assert gate.respond_to_approval(request.request_id, True, "maria", "go on")
    said, _errors = agent.communicate(timeout=PATIENCE)
    assert (said, agent.returncode) == ("approved by maria go on\n", 0)


# The page itself


def tour_lines(label: str) -> list[str]:
    text = (ROOT / "docs/tour.md").read_text()
    return [
        line.removeprefix(f"- {label}: ") for line in text.splitlines() if line.startswith(f"- {label}: ")
    ]


def defined_names(path: Path) -> set[str]:
    """Functions, classes, methods as Class.method, and what is assigned, such as a decorator."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{part.name}" for part in node.body if hasattr(part, "name")}
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def test_every_step_names_files_functions_keys_and_tests_that_exist():
    """The tour cannot drift from the code: what it names is there, and it names every test of this file."""
    for line in tour_lines("code"):
        for part in line.split("; "):
            path, *names = re.findall(r"`([^`]+)`", part)
            assert (ROOT / path).is_file(), path
            missing = set(names) - (defined_names(ROOT / path) if names else set())
            assert not missing, f"{path} has no {missing}"
    known = set(key_patterns(Keys()).values())
    assert {key for line in tour_lines("keys") for key in re.findall(r"`([^`]+)`", line)} <= known
    tests = {name for name in defined_names(Path(__file__)) if name.startswith("test_")}
    named = {name for line in tour_lines("test") for name in re.findall(r"`([^`]+)`", line)}
    assert named == tests - {"test_every_step_names_files_functions_keys_and_tests_that_exist", OF_THE_TABLE}


OF_THE_TABLE = "test_every_change_of_the_table_begins_in_one_or_two_files_that_have_what_it_names"
CHANGES = """status of a request, column of the usage page, outbox type, key in Redis, job, setting,
command of `agent-telemetry`, page, permission, audit kind, price of a call, sentence on a page"""


def test_every_change_of_the_table_begins_in_one_or_two_files_that_have_what_it_names():
    text = (ROOT / "docs/tour.md").read_text().split("| change | open | beside | test |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    assert [row[0] for row in rows] == [
        f"a new {word.strip()}" for word in CHANGES.replace("\n", " ").split(",")
    ]
    for change, *places in rows:
        for place in [part for cell in places for part in cell.split(", ") if part.startswith("`")]:
            path, *names = re.findall(r"`([^`]+)`", place)
            assert (ROOT / path).is_file(), f"{change}: {path}"
            missing = set(names) - (defined_names(ROOT / path) if path.endswith(".py") else set())
            assert not missing, f"{change}: {path} has no {missing}"
        assert "`" in places[0], change
        assert places[-1].strip("`").startswith("tests/"), change
