"""An approval of other arguments: who may give it, to whom, what stands of it everywhere, and what the agent gets."""

import json
import time
import uuid

import pytest

from core import ApprovalGate
from core.approvals import deciding
from core.approvals.question import checked_proof
from core.approvals.waiting import Hearing, wait_until
from core.errors import AlreadyCollected
from core.history.approvals import decisions, signing
from core.history.approvals.answers import edits, release
from core.history.approvals.answers.edits import differences, unmasked
from core.history.proof.requests import wrong_of
from core.models import ApprovalRecord, ApprovalType, AuditEntry, DecisionIntent
from core.store.approvals import Answer
from core.values.digests import edited_digest
from core.values.signature import public_key_text
from tests.history.audit.chain import assert_chain_is_whole
from tests.live_record import live_record

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {"to": "ACME", "amount": 2070.32, "urgent": True, "lines": [1, 2], "memo": None}
WANTED = {**ASKED, "amount": 2000, "lines": [1, 3]}
BYTES = json.dumps(WANTED, separators=(",", ":")).encode()


@pytest.fixture(autouse=True)
def editable(transactional_db):
    ApprovalType.objects.create(name="pay", edits=True)


@pytest.fixture
def asked(gate):
    def ask(**more):
        return gate.open_request("pay", ASKED, **{"understands": ("edited",), **more})

    return ask


@pytest.fixture
def edit(gate):
    def as_the_site(user, request, wanted=WANTED):
        digest, text = live_record(gate, request.request_id).digest, json.dumps(wanted)
        about = {"approved": True, "reason": "less", "digest": digest, "edited": text}
        return decisions.decide(gate._store, user, request.request_id, **about)

    return as_the_site


@pytest.fixture
def with_key(settings):
    """Agents hold the site's public key."""
    settings.TELEMETRY_DECISION_KEY = public_key_text(signing.keyring().public)


def test_the_edited_arguments_are_signed_recorded_and_returned(with_key, maria, gate, asked, edit, record):
    request = asked()
    assert edit(maria, request).accepted
    record()
    heard = gate.wait_for_decision(request.request_id, digest=request.digest, understands=("edited",))
    assert (heard.approved, heard.status, heard.verified) == (True, "approved", True)
    assert heard.edited == WANTED
    row, intent = ApprovalRecord.objects.get(), DecisionIntent.objects.get()
    assert (row.answer, row.edited_to.encode(), row.channel) == ("edited", BYTES, "site")
    assert intent.edited_to == row.edited_to
    [end] = AuditEntry.objects.filter(kind="approval.approved")
    assert json.loads(end.details)["edited_digest"] == edited_digest(BYTES)
    assert wrong_of(row.pk) == []
    assert_chain_is_whole()


@pytest.mark.parametrize("how", ["before the end", "at the deadline"])
def test_whoever_does_not_say_that_it_understands_never_hears_yes(maria, gate, asked, edit, how, clean_redis):
    request = asked()
    edit(maria, request)
    if how == "at the deadline":  # the hash is read, as by `expire`
        gate._store.write("DEL", gate._store.keys.approval_ended(request.request_id))
        gate._store.write("HSET", gate._store.keys.approval_request(request.request_id), "deadline_ms", 1)
        other = ApprovalGate(clean_redis, "deployer")
        heard = other.wait_for_decision(request.request_id, 0)
        heard = heard or other.wait_for_decision(request.request_id)
    else:
        heard = gate.wait_for_decision(request.request_id, 0)
    assert (heard.approved, heard.status, heard.edited) == (False, "unavailable", {})
    assert "understands" in heard.reason
    assert live_record(gate, request.request_id).collected_at is None
    assert gate.wait_for_decision(request.request_id, 5, understands=("edited",)).approved


def test_an_agent_of_before_reads_no_yes_anywhere(maria, raw, gate, asked, edit):
    request = asked()
    edit(maria, request)
    keys = gate._store.keys
    hash_ = raw.hgetall(keys.approval_request(request.request_id))
    [(_id, ended)] = raw.xrange(keys.approval_ended(request.request_id))
    # Its meanings are (status, 1 or 0): anything else is malformed to it, and so a refusal.
    assert {(one["status"], one["approved"]) for one in (hash_, ended)} == {("approved", "edited")}


@pytest.mark.parametrize("why", ["the agent", "the kind", "several"])
def test_it_is_refused_where_it_may_not_be_given(maria, gate, asked, edit, why):
    request = asked(understands=()) if why == "the agent" else asked()
    if why != "the agent":
        ApprovalType.objects.update(**({"edits": False} if why == "the kind" else {"approvers": 2}))
    with pytest.raises(ValueError, match="understands" if why == "the agent" else "may not be edited"):
        edit(maria, request)
    assert live_record(gate, request.request_id).status == "pending"
    assert not DecisionIntent.objects.exists()


def test_one_that_is_held_is_not_released_once_its_kind_takes_none(held, maria, gate, asked, edit):
    request = asked()
    told = edit(maria, request)
    ApprovalType.objects.update(edits=False)
    assert release.release(gate._store, told.decision_id) is None
    assert live_record(gate, request.request_id).status == "pending"


def test_redis_itself_gives_no_edit_to_an_agent_that_did_not_ask_for_it(maria, gate, asked):
    request = asked(understands=("changes",))
    answer = Answer(
        request.request_id, True, "maria", "", "site", str(uuid.uuid4()), answer="edited", edited=BYTES
    )
    assert deciding.decide(gate._store, answer).outcome == "changed"
    assert live_record(gate, request.request_id).status == "pending"


@pytest.mark.parametrize(
    "wanted",
    [
        {**ASKED, "more": 1},
        {key: value for key, value in ASKED.items() if key != "to"},
        {**ASKED, "amount": "2000"},
        {**ASKED, "urgent": 1},
        {**ASKED, "memo": "x"},
        {**ASKED, "lines": [1]},
        {**ASKED, "lines": {"0": 1}},
        ASKED,
    ],
)
def test_types_and_structure_survive(maria, gate, asked, edit, wanted):
    request = asked()
    with pytest.raises(ValueError, match=r"must stay|nothing was changed"):
        edit(maria, request, wanted)
    assert live_record(gate, request.request_id).status == "pending"


def test_what_is_no_object_is_refused_in_a_sentence():
    for text in ("[1]", "{", "3", '{"a": NaN}'):
        with pytest.raises(ValueError, match="no JSON object"):
            edits.parsed(text)


def test_the_differences_are_named_in_order_and_what_was_hidden_stays():
    found = differences(ASKED, WANTED)
    assert [(one.name, one.before, one.after) for one in found] == [
        ("amount", 2070.32, 2000),
        ("lines 2", 2, 3),
    ]
    asked, masked = {"key": "s3cr3t", "n": [1, {"p": "x"}]}, {"key": "hidden", "n": [1, {"p": "hidden"}]}
    wanted = {"key": "hidden", "n": [2, {"p": "mine"}]}
    assert unmasked(asked, masked, wanted) == {"key": "s3cr3t", "n": [2, {"p": "mine"}]}


@pytest.mark.parametrize("damage", ["swapped", "taken away", "made up"])
def test_a_swapped_edit_is_refused_by_an_agent_with_the_key(
    with_key, maria, gate, raw, asked, edit, decide, record, damage
):
    request, keys = asked(), gate._store.keys
    decide(maria, request.request_id) if damage == "made up" else edit(maria, request)
    ended = keys.approval_ended(request.request_id)
    [(_id, fields)] = raw.xrange(ended)
    if damage == "taken away":
        fields = {**fields, "approved": "1"}
        del fields["answer"], fields["arguments"]
    else:
        forged = {
            "approved": "edited",
            "answer": "edited",
            "arguments": json.dumps({**WANTED, "amount": 9_999}),
        }
        fields = {**fields, **forged}
    raw.delete(ended)
    raw.xadd(ended, fields)
    heard = gate.wait_for_decision(request.request_id, 5, digest=request.digest, understands=("edited",))
    assert (heard.approved, heard.verified) == (False, False)
    assert "signature" in heard.reason
    record()
    alarms = {"approval.doubted", "approval.told_otherwise"}
    assert alarms <= set(AuditEntry.objects.values_list("kind", flat=True))


def test_an_end_that_tells_of_another_edit_is_not_taken_for_the_sites(maria, gate, raw, asked, edit, record):
    request = asked()
    edit(maria, request)
    [(position, fields), *_] = [one for one in raw.xrange("{telemetry}:outbox") if one[1]["type"] == "ended"]
    raw.xdel("{telemetry}:outbox", position)
    raw.xadd("{telemetry}:outbox", {**fields, "edited_digest": edited_digest(b"{}")})
    record()
    assert ApprovalRecord.objects.get().channel == "direct"


def test_a_redis_from_an_older_file_gets_the_edit_again(
    with_key, maria, gate, raw, asked, edit, record, repair
):
    request = asked()
    key, ended = (
        gate._store.keys.approval_request(request.request_id),
        gate._store.keys.approval_ended(request.request_id),
    )
    before = raw.hgetall(key)
    edit(maria, request)
    record()
    raw.delete(key, ended)
    raw.hset(key, mapping=before)
    raw.pexpire(key, 60_000)
    raw.zadd("{telemetry}:approvals:pending", {request.request_id: before["deadline_ms"]})
    repair()
    heard = gate.wait_for_decision(request.request_id, 5, digest=request.digest, understands=("edited",))
    assert (heard.approved, heard.edited, heard.verified) == (True, WANTED, True)


def test_an_edit_that_redis_lost_before_it_was_recorded_is_brought_back(
    maria, gate, raw, asked, edit, repair
):
    request = asked()
    edit(maria, request)
    raw.flushall()
    repair()
    repair()
    hearing = Hearing(understands="edited")
    heard = wait_until(
        gate._store, request.request_id, time.monotonic() + 5, hearing
    )  # one that waits all along
    row = ApprovalRecord.objects.get()
    assert (row.status, row.answer, row.edited_to.encode()) == ("approved", "edited", BYTES)
    assert (heard.approved, heard.edited) == (True, WANTED)


def test_an_outbox_that_lost_its_entry_is_told_again_with_the_edit(
    maria, gate, raw, asked, edit, record, repair
):
    request = asked()
    record()
    edit(maria, request)
    raw.xtrim("{telemetry}:outbox", maxlen=0)
    repair()
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.answer, row.edited_to.encode(), row.channel) == ("edited", BYTES, "site")


@pytest.mark.parametrize("lost", [False, True], ids=["recorded late", "lost by Redis"])
def test_who_is_renamed_meanwhile_has_answered_by_the_name_of_that_time(
    with_key, maria, gate, raw, asked, edit, record, repair, lost
):
    request = asked()
    record()
    assert edit(maria, request).accepted
    for name in ("somebody", "somebody else"):
        maria.username = name
        maria.save()
    if lost:
        raw.flushall()
    repair()
    row = ApprovalRecord.objects.get(pk=request.request_id)
    assert (row.status, row.responder, row.channel) == ("approved", "maria", "site")
    assert row.edited_to.encode() == BYTES
    assert AuditEntry.objects.get(kind="approval.approved").actor == "maria"
    assert wrong_of(row.pk) == []
    hearing = Hearing(understands="edited", proof=checked_proof(row.digest))
    heard = wait_until(gate._store, request.request_id, time.monotonic() + 5, hearing)
    assert (heard.approved, heard.verified, heard.edited) == (True, True, WANTED)
    assert_chain_is_whole()


def test_a_claimed_edit_is_for_one(maria, gate, asked, edit):
    request = asked()
    edit(maria, request)
    assert gate.wait_for_decision(request.request_id, 5, claim="a", understands=("edited",)).edited == WANTED
    with pytest.raises(AlreadyCollected):
        gate.wait_for_decision(request.request_id, 5, claim="b", understands=("edited",))


def test_asking_back_ends_it_with_a_question_and_the_next_is_linked(maria, gate, record):
    first = gate.open_request("pay", ASKED, understands=("changes",))
    about = {"approved": False, "reason": "Which account?", "digest": first.digest, "asks_back": True}
    assert decisions.decide(gate._store, maria, first.request_id, **about).accepted
    heard = gate.wait_for_decision(first.request_id, 5, understands=("changes",))
    assert (heard.approved, heard.status, heard.reason) == (False, "changes", "Which account?")
    assert gate.wait_for_decision(first.request_id, 5).status == "denied"
    second = gate.open_request("pay", WANTED, revises=first.request_id)
    record()
    assert str(ApprovalRecord.objects.get(pk=second.request_id).revises) == first.request_id
    row = ApprovalRecord.objects.get(pk=first.request_id)
    assert (row.status, row.answer) == ("rejected", "changes")
    assert_chain_is_whole()


@pytest.mark.parametrize(
    ("understands", "reason"), [((), "Which?"), (("changes",), ""), (("changes",), "\u200b")]
)
def test_asking_back_needs_a_question_and_an_agent_that_understands_it(maria, gate, understands, reason):
    request = gate.open_request("pay", ASKED, understands=understands)
    about = {"approved": False, "reason": reason, "digest": request.digest, "asks_back": True}
    with pytest.raises(ValueError, match=r"understands|question"):
        decisions.decide(gate._store, maria, request.request_id, **about)
    assert live_record(gate, request.request_id).status == "pending"


@pytest.mark.parametrize("words", ["edited", ("more",), 3])
def test_words_that_nobody_knows_store_nothing(gate, words):
    with pytest.raises((ValueError, TypeError), match="understands must"):
        gate.open_request("pay", ASKED, understands=words)
    with pytest.raises(ValueError, match="revises must"):
        gate.open_request("pay", ASKED, revises="that one")
    assert gate.get_pending_approvals() == []
