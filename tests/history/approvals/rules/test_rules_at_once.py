"""Rules under threads and kills: caps are never exceeded, and every request has one outcome."""

import random
import signal
import threading
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import OperationalError

from core.errors import DecisionUnconfirmed
from core.history.approvals import decisions, rules
from core.history.approvals.rules import RuleDraft, Rules
from core.history.approvals.terms import Scope, ValueTerm
from core.models import ApprovalRecord, AuditEntry, DecisionIntent, Rule
from core.store.approvals import RequestRecord
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]

CAP = 20


def made(gate, user, uses: int) -> Rule:
    first = gate.open_request("shell", {"command": "the first"})
    scope = Scope(True, "shell", "deployer", (ValueTerm(("command",), "begins", "git "),))
    return rules.make(gate._store, user, RuleDraft(scope, "why", timedelta(hours=1), uses, first.request_id))


def assert_uses_and_outcomes_agree(rule: Rule) -> None:
    rule.refresh_from_db()
    tried = DecisionIntent.objects.filter(rule=rule)
    assert tried.count() == rule.uses <= rule.most_uses
    assert max(Counter(tried.values_list("request_id", flat=True)).values(), default=1) == 1
    ends = AuditEntry.objects.filter(kind__in=["approval.approved", "approval.rejected"])
    assert max(Counter(ends.values_list("request_id", flat=True)).values(), default=1) == 1
    by_it = ApprovalRecord.objects.filter(channel="rule")
    assert set(by_it.values_list("responder", flat=True)) <= {f"rule {rule.pk} of ann"}
    assert by_it.count() == tried.filter(outcome="accepted").count()
    assert_chain_is_whole()


def test_64_threads_of_recorders_and_people_have_one_outcome_each_and_keep_the_cap(
    gate, make_user, background, record, clean_redis, settings
):
    ann, bob = make_user("ann", "approver"), make_user("bob", "approver")
    rule = made(gate, ann, CAP)
    asked = [gate.open_request("shell", {"command": f"git {number}"}) for number in range(32)]
    settings.TELEMETRY_RULES = False
    record()  # all of it stands in SQL, and no rule was asked yet
    settings.TELEMETRY_RULES = True
    records, start = [live_record(gate, request.request_id) for request in asked], threading.Barrier(64)

    def recorder(number: int) -> None:
        start.wait()
        Rules(gate._store).answer(random.Random(number).sample(records, len(records)))

    def answered(one: RequestRecord) -> bool:
        with suppress(OperationalError):
            with suppress(decisions.NotNoted, DecisionUnconfirmed):
                decisions.decide(
                    gate._store, bob, one.request_id, approved=False, reason="no", digest=one.digest
                )
            return True
        return False

    def person(number: int) -> None:
        start.wait()
        one = records[number % len(records)]
        wait_until(lambda: answered(one), "SQLite has one writer: bob's turn comes")

    work = [background(recorder if number % 8 else person, number) for number in range(64)]
    for future in work:
        future.result()
    record()
    Rules(gate._store).answer([live_record(gate, one.request_id) for one in records])
    record()
    assert_uses_and_outcomes_agree(rule)
    rule.refresh_from_db()
    assert rule.uses == CAP
    assert DecisionIntent.objects.filter(outcome="accepted", user=bob).exists()


POINTS = (
    "recorder.before_commit:2",
    "recorder.after_commit:2",
    "site.after_intent",
    "site.after_intent:2",
    "site.after_script",
    "site.after_script:2",
    "site.after_note",
)


def test_killed_anywhere_a_recorder_answers_no_request_twice_and_keeps_the_cap(
    gate, make_user, recorder_process
):
    rule, asked = made(gate, make_user("ann", "approver"), CAP), []

    def ask(count: int) -> None:
        for _ in range(count):
            asked.append(
                gate.open_request("shell", {"command": f"git {len(asked)}"}, timeout=3600).request_id
            )

    for point in POINTS:
        ask(2)
        process = recorder_process(TELEMETRY_FAILPOINT=point, TELEMETRY_TESTING="1")
        assert process.wait(PATIENCE) == -signal.SIGKILL
    pair = [recorder_process(), recorder_process()]
    ask(10)
    wait_until(lambda: len(left(gate, asked[-10:])) < 10, "one of them answers")
    pair[0].kill()
    ask(10)
    wait_until(lambda: Rule.objects.get().uses == CAP, "the cap is used up")
    wait_until(lambda: not DecisionIntent.objects.filter(outcome="open").exists(), "all is settled", 120)
    wait_until(lambda: ApprovalRecord.objects.count() == len(asked) + 1, "all is recorded")
    assert_uses_and_outcomes_agree(rule)
    accepted = DecisionIntent.objects.filter(outcome="accepted").count()
    assert len(left(gate, asked)) == len(asked) - accepted


def left(gate, asked: list[str]) -> list[str]:
    """Those of these requests that still wait."""
    return [one for one in asked if live_record(gate, one).status == "pending"]
