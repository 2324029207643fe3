"""The account of one agent: what it needs works, and what is another's or everybody's does not."""

import io
import json
import re
import uuid

import pytest
import redis
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from core import (
    ApprovalGate,
    CoordinationSignals,
    EventStreamer,
    HeartbeatCoordinator,
    MalformedRecord,
    StoreUnavailable,
)
from core.management.agent_account import agent_rule
from core.management.commands.agent_acl import _older_requests
from core.models import AuditEntry
from core.store import outbox
from core.store.approvals import Question, request
from core.store.client import open_store
from tests.accounts import client_of, documented_accounts
from tests.history.audit.chain import assert_chain_is_whole

AGENT = "deploy bot/1"


@pytest.fixture
def account(clean_redis):
    """A client of the agent's account. Whoever makes accounts needs more rights than the site has."""
    printed = io.StringIO()
    call_command("agent_acl", AGENT, stdout=printed)
    words = re.findall(r'"[^"]*"|\S+', printed.getvalue())
    outbox.load_scripts(open_store(clean_redis))
    with client_of(clean_redis) as client:
        user = words[2]
        client.execute_command(*[word.strip('"') for word in words])
        yield redis.Redis.from_url(clean_redis, username=user, password="password")
        client.execute_command("ACL", "DELUSER", user)


def test_it_asks_waits_and_collects(account, clean_redis):
    gate, person = ApprovalGate(account, AGENT), ApprovalGate(clean_redis)
    request = gate.open_request("deploy", {"a": 1}, key="release 1")
    person.respond_to_approval(request.request_id, True, "ann")
    assert gate.wait_for_decision(request.request_id, claim="me").approved
    assert gate.find_requests(key="release 1")[0].status == "approved"
    assert gate.cancel_request(gate.open_request("deploy").request_id)
    assert gate.request_approval("deploy", timeout=0.05).status == "timeout"


def test_it_beats_signals_publishes_and_rates(account, clean_redis):
    heart = HeartbeatCoordinator(account, enable_streaming=True)
    heart.start_heartbeat(AGENT)
    heart.beat("running", 0.5, "at work")
    heart.stop_heartbeat("completed")
    signals, other = CoordinationSignals(account, AGENT), CoordinationSignals(clean_redis, "other")
    signals.signal("go", target_agent="other", payload={"a": 1})
    other.signal("come", target_agent=AGENT, payload={"b": 2})
    assert signals.check_signal("come").payload == {"b": 2}
    assert other.check_signal("go").payload == {"a": 1}
    assert EventStreamer(account).publish_event("thing", {"a": 1}, "me")


def test_anothers_request_is_neither_read_nor_changed_nor_ended(account, clean_redis):
    request = ApprovalGate(clean_redis, "other").open_request("deploy", {"token": "secret"})
    robot, keys = ApprovalGate(account, AGENT), open_store(clean_redis).keys
    for call in (
        lambda: robot.get_request(request.request_id),
        lambda: robot.cancel_request(request.request_id),
        lambda: robot.respond_to_approval(request.request_id, True, "maria"),
        lambda: robot.wait_for_decision(request.request_id, timeout=0.2),
    ):
        with pytest.raises((StoreUnavailable, MalformedRecord), match=r"permission|access"):
            call()
    for command in (
        ("HGETALL", keys.approval_request(request.request_id)),
        ("HSET", keys.approval_request(request.request_id), "status", "approved"),
        ("XADD", keys.approval_ended(request.request_id), "*", "status", "approved", "approved", "1"),
        ("SET", keys.approval_withdrawn(request.request_id), "1"),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            account.execute_command(*command)
    own = robot.open_request("deploy")
    assert [found.request_id for found in robot.get_pending_approvals()] == [own.request_id]
    assert ApprovalGate(clean_redis).get_request(request.request_id).status == "pending"


def test_what_it_asked_before_ids_told_whose_they_are_stays_its_own(clean_redis):
    store, older = open_store(clean_redis), str(uuid.uuid4())
    store.run(request(store.keys, Question(older, AGENT, "deploy", b"{}", 60.0), 60_000))
    ApprovalGate(clean_redis, AGENT).open_request("deploy")
    words = agent_rule(store.keys, AGENT, _older_requests(store, AGENT))
    assert sum(older in word for word in words) == 1
    ApprovalGate(clean_redis).cancel_request(older)
    assert _older_requests(store, AGENT) == []


def test_what_is_anothers_is_refused(account, clean_redis):
    CoordinationSignals(clean_redis, "third").signal("go", target_agent="other", payload={"a": 1})
    HeartbeatCoordinator(account).start_heartbeat("other")  # its failure is logged, as every beat's
    assert not HeartbeatCoordinator(clean_redis).is_agent_alive("other")
    with pytest.raises(StoreUnavailable):
        CoordinationSignals(account, "other").check_signal("go")
    for command in (
        ("XRANGE", "{telemetry}:signals:inbox:other", "-", "+"),
        ("GET", "{telemetry}:agents:record:other"),
        ("DEL", "{telemetry}:outbox"), ("XTRIM", "{telemetry}:outbox", "MAXLEN", "0"),
        ("XRANGE", "{telemetry}:outbox", "-", "+"), ("DEL", "{telemetry}:approvals:pending"),
        ("HSET", "{telemetry}:installation", "id", "x"), ("SCRIPT", "LOAD", "return 1"),
        ("EVAL", "return 1", "0"), ("KEYS", "*"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"),
        ("CLIENT", "PAUSE", "1"), ("CLIENT", "KILL", "TYPE", "pubsub"), ("CLIENT", "LIST"),
        ("CLIENT", "TRACKING", "ON", "BCAST"),
    ):  # fmt: skip
        with pytest.raises(redis.exceptions.NoPermissionError):
            account.execute_command(*command)


def test_where_a_script_is_missing_it_says_who_loads_it(account, clean_redis):
    with client_of(clean_redis) as client:
        client.execute_command("SCRIPT", "FLUSH")
    with pytest.raises(StoreUnavailable, match="recorder does when it starts"):
        ApprovalGate(account, AGENT).open_request("deploy", timeout=0.2)
    refused = ApprovalGate(account, AGENT).request_approval("deploy", timeout=0.2)
    assert (refused.approved, refused.status) == (False, "unavailable")
    outbox.load_scripts(open_store(clean_redis))
    assert ApprovalGate(account, AGENT).request_approval("deploy", timeout=0.05).status == "timeout"


@pytest.fixture
def may_make_accounts(clean_redis, settings):
    """The command's account may make others; it comes with a client that looks at them."""
    settings.REDIS_URL = clean_redis.replace("://", "://tests:any@")
    with client_of(clean_redis) as client:
        yield client
        client.execute_command("ACL", "DELUSER", "agent-robot")


def apply() -> list[str]:
    call_command("agent_acl", "robot", "--apply", stdout=(said := io.StringIO()), stderr=io.StringIO())
    return said.getvalue().split()


@pytest.mark.django_db(transaction=True)
def test_apply_makes_the_account_with_a_password_of_its_own_and_is_recorded(clean_redis, may_make_accounts):
    user, password = apply()
    assert user == "agent-robot"
    assert redis.Redis.from_url(clean_redis, username=user, password=password).ping()
    assert len(password) >= 32
    entry = AuditEntry.objects.get(kind="redis_account.made")
    told = json.loads(entry.details)
    assert (told["name"], told["through"]) == ("agent-robot", "command line")
    assert password not in entry.details
    assert_chain_is_whole()


@pytest.mark.django_db(transaction=True)
def test_an_account_that_cannot_be_recorded_is_not_made(may_make_accounts):
    def refuse(execute, sql, *rest):
        if "core_audit" in sql:
            raise OperationalError("the record is away")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse), pytest.raises(CommandError, match="the record is away"):
        apply()
    assert b"agent-robot" not in may_make_accounts.execute_command("ACL", "USERS")


@pytest.mark.django_db(transaction=True)
def test_where_the_commit_fails_a_new_account_lets_nobody_in_and_a_known_one_keeps_its_password(
    clean_redis, may_make_accounts, monkeypatch
):
    def refuse():
        raise OperationalError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "commit", refuse)
        with pytest.raises(CommandError, match="the disk is full"):
            apply()
    assert b"user agent-robot off" in b" ".join(may_make_accounts.execute_command("ACL", "LIST"))
    user, password = apply()
    with monkeypatch.context() as patched:
        patched.setattr(connection, "commit", refuse)
        with pytest.raises(CommandError, match="the disk is full"):
            apply()
    assert redis.Redis.from_url(clean_redis, username=user, password=password).ping()
    assert AuditEntry.objects.filter(kind="redis_account.made").count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_account_that_redis_does_not_make_is_not_in_the_record(clean_redis, raw, settings):
    with documented_accounts(clean_redis, raw) as account:
        settings.REDIS_URL = account("telemetry-site")
        with pytest.raises(CommandError, match="no permissions to run"):
            apply()
    assert not AuditEntry.objects.filter(kind="redis_account.made").exists()
