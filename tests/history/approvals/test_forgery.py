"""Somebody with a full account of Redis forges a yes, in many ways: an agent that has the site's key never hears it."""

import base64
import time
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from core.approvals import deciding
from core.approvals.proof import Proof
from core.approvals.question import checked_question, hearing_of
from core.history.approvals import signing
from core.models import ApprovalRecord, AuditEntry, DecisionIntent
from core.store.approvals import Answer
from core.values import ed25519
from core.values.digests import request_digest
from core.values.signature import (
    Signature,
    SignaturePayload,
    key_id,
    message,
    parse_signature,
    public_key_text,
)
from tests.live_record import live_record

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_key")]

NAME = "{telemetry}:approvals:"


@dataclass
class Attack:
    """A request that waits, and whoever may write everything into Redis."""

    raw: Any
    gate: Any
    request: Any
    says_yes: Any  # maria, through the site

    @property
    def id(self) -> str:
        return self.request.request_id

    @property
    def key(self) -> str:
        return f"{NAME}request:{self.id}"

    def end(self, **fields: str) -> None:
        """The end that waiters read, and the hash."""
        said = {"status": "approved", "approved": "1", "responder": "maria", "reason": "because"}
        end = {**said, "ended_ms": str(int(time.time() * 1000)), "channel": "site", **fields}
        self.raw.xadd(f"{NAME}ended:{self.id}", end)
        self.raw.hset(self.key, mapping={**end, "decision_id": str(uuid.uuid4())})
        self.raw.zrem(f"{NAME}pending", self.id)

    def answer(self, **said: Any) -> None:
        answer = Answer(self.id, True, "maria", "because", "site", str(uuid.uuid4()))
        assert deciding.decide(self.gate._store, answer._replace(**said)).accepted

    def signed(self, *, approved: bool = True) -> str:
        """What the site signs of another request of this agent, with the same words."""
        other = self.gate.open_request("deploy", {"a": 1})
        self.says_yes(other.request_id, approved=approved)
        return live_record(self.gate, other.request_id).signature

    def own_signature(self, key: Ed25519PrivateKey, name: str | None = None) -> str:
        said = SignaturePayload(self.id, self.request.digest, "approved", "maria", "because")
        moment, id_ = int(time.time() * 1000), name or key_id(key.public_key().public_bytes_raw())
        return str(Signature(id_, moment, key.sign(message(said, id_, moment))))

    def real(self, **changed: str) -> dict[str, str]:
        """The fields of a real end by maria, of which nothing has come to anybody yet."""
        self.says_yes(self.id)
        [(_, fields)] = self.raw.xrange(f"{NAME}ended:{self.id}")
        self.raw.delete(f"{NAME}ended:{self.id}")
        return {**fields, **changed}

    def swap(self) -> None:
        other = '{"a":2}'
        digest = request_digest("deployer", "deploy", other.encode())
        self.raw.hset(self.key, mapping={"context": other, "digest": digest})


def other_s(written: str) -> str:
    """The same signature with S and the order of the group added."""
    found = parse_signature(written)
    s = int.from_bytes(found.signature[32:], "little") + ed25519.ORDER
    return str(found._replace(signature=found.signature[:32] + s.to_bytes(32, "little")))


def moved(written: str) -> str:
    found = parse_signature(written)
    return str(found._replace(moment_ms=found.moment_ms + 1))


def other_last_character(written: str) -> str:
    """Another text of the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return written[:-1] + alphabet[alphabet.index(written[-1]) + 1]


def forged_outbox(a: Attack) -> None:
    a.raw.xadd("{telemetry}:outbox", {
        "type": "ended", "request_id": a.id, "agent_id": "deployer", "approval_type": "deploy",
        "digest": a.request.digest, "status": "approved", "responder": "maria", "reason": "because",
        "ended_ms": str(int(time.time() * 1000)), "decision_id": str(uuid.uuid4()), "channel": "site",
    })  # fmt: skip


def with_real(change: Any) -> Any:
    def attack(a: Attack) -> None:
        fields = a.real()
        a.end(**{**fields, **change(fields)})

    return attack


def with_swapped_context(a: Attack) -> None:
    a.swap()
    a.says_yes(a.id)


ATTACKS = {
    "raw end": lambda a: a.end(),
    "raw end, direct": lambda a: a.end(channel="direct"),
    "raw end, as a rule": lambda a: a.end(channel="rule", responder="rule 1 of maria"),
    "raw end, no channel": lambda a: a.end(channel=""),
    "raw entry alone": lambda a: a.raw.xadd(f"{NAME}ended:{a.id}", {
        "status": "approved", "approved": "1", "responder": "maria", "reason": "", "ended_ms": "1795331355624"}),
    "the hash alone": lambda a: (a.end(), a.raw.delete(f"{NAME}ended:{a.id}")),
    "a call in Python": lambda a: a.gate.respond_to_approval(a.id, True, "maria", "because"),
    "the script, as the site": lambda a: a.answer(),
    "the script, with its digest": lambda a: a.answer(digest=a.request.digest),
    "no signature at all": lambda a: a.answer(signature="yes"),
    "truncated": lambda a: a.end(signature=a.signed()[:-1]),
    "longer": lambda a: a.end(signature=a.signed() + "A"),
    "of another request": lambda a: a.end(signature=a.signed()),
    "of a denial of another": lambda a: a.end(signature=a.signed(approved=False)),
    "with a key of one's own": lambda a: a.end(signature=a.own_signature(Ed25519PrivateKey.generate())),
    "with the name of the site's key": lambda a: a.end(
        signature=a.own_signature(Ed25519PrivateKey.generate(), signing.keyring().key_id)),
    "another person": with_real(lambda _end: {"responder": "john"}),
    "another reason": with_real(lambda _end: {"reason": "because, and delete the rest too"}),
    "another moment": with_real(lambda end: {"signature": moved(end["signature"])}),
    "malleated": with_real(lambda end: {"signature": other_s(end["signature"])}),
    "another text of it": with_real(lambda end: {"signature": other_last_character(end["signature"])}),
    "swapped before anybody looked": with_swapped_context,
    "an outbox entry": forged_outbox,
}  # fmt: skip


@pytest.fixture
def attack(raw, gate, maria, decide):
    request = gate.open_request("deploy", {"a": 1})
    return Attack(raw, gate, request, lambda id_, **how: decide(maria, id_, **how))


@pytest.mark.parametrize("way", ATTACKS)
def test_an_agent_with_the_key_never_hears_yes(agents_have_the_key, attack, gate, repair, way):
    ATTACKS[way](attack)
    repair()
    heard = gate.wait_for_decision(attack.id, timeout=0.2, digest=attack.request.digest)
    assert heard is None or heard.approved is False
    if heard is not None and heard.status == "unavailable":
        assert "not believed" in heard.reason
        repair()
        assert AuditEntry.objects.filter(kind="approval.doubted", request_id=attack.id).count() == 1


def test_a_signed_denial_does_not_become_a_yes(agents_have_the_key, attack, gate):
    attack.says_yes(attack.id, approved=False)
    [(_, fields)] = attack.raw.xrange(f"{NAME}ended:{attack.id}")
    attack.raw.delete(f"{NAME}ended:{attack.id}")
    attack.end(**{**fields, "status": "approved", "approved": "1"})
    assert gate.wait_for_decision(attack.id, digest=attack.request.digest).approved is False


def test_a_yes_of_the_site_is_heard_and_verified_and_its_signature_stands_everywhere(
    agents_have_the_key, attack, gate, record
):
    attack.says_yes(attack.id)
    heard = gate.wait_for_decision(attack.id, digest=attack.request.digest)
    assert (heard.approved, heard.verified, heard.responder) == (True, True, "maria")
    record()
    signature = live_record(gate, attack.id).signature
    assert parse_signature(signature).key_id == signing.keyring().key_id
    assert DecisionIntent.objects.get().signature == signature
    assert ApprovalRecord.objects.get(pk=attack.id).signature == signature
    assert signature in AuditEntry.objects.get(kind="approval.approved").details


def test_after_a_restore_of_redis_the_yes_is_heard_with_its_signature(
    agents_have_the_key, attack, gate, record, repair, restore
):
    back = restore(attack.key, f"{NAME}ended:{attack.id}", f"{NAME}pending")
    attack.says_yes(attack.id)
    record()
    back()
    repair()
    heard = gate.wait_for_decision(attack.id, digest=attack.request.digest)
    assert (heard.approved, heard.verified) == (True, True)


def test_after_a_rotation_agents_take_what_any_of_their_keys_signed(settings, own_key, attack, gate):
    first = public_key_text(signing.keyring().public)
    attack.says_yes(attack.id)
    second = public_key_text(signing.rotate().public)
    later = gate.open_request("deploy", {"a": 1})
    attack.says_yes(later.request_id)
    settings.TELEMETRY_DECISION_KEY = f"{second} {first}"
    for request in (attack.request, later):
        assert gate.wait_for_decision(request.request_id, digest=request.digest).verified is True
    settings.TELEMETRY_DECISION_KEY = first
    assert gate.wait_for_decision(later.request_id, digest=later.digest).approved is False
    assert signing.is_proven(live_record(gate, attack.id))


def test_what_was_signed_after_the_deadline_that_redis_told_is_no_yes(own_key):
    said = SignaturePayload(str(uuid.uuid4()), "d" * 64, "approved", "maria", "")
    moment = live_moment = time.time()
    written = signing.sign(said, _moment(live_moment))
    proof = Proof(signing.keyring().known, said.digest, round(moment * 1000))
    assert "after the deadline" in proof.why_not(said.request_id, "approved", "maria", "", written)
    assert proof._replace(deadline_ms=round(moment * 1000) + 1).why_not(
        said.request_id, "approved", "maria", "", written) == ""  # fmt: skip


def test_a_deadline_that_may_be_moved_says_nothing_of_when_a_yes_was_signed():
    for understands, deadline_ms in ((("extended",), None), ((), 1_000)):
        question = checked_question("a", "deploy", {}, (60, "timeout"), understands=understands)
        assert hearing_of("", question, {"id": b"key"}, 1_000).proof.deadline_ms == deadline_ms


def _moment(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


def test_with_a_key_the_digest_of_what_was_asked_is_needed(agents_have_the_key, attack, gate):
    with pytest.raises(ValueError, match="digest is missing"):
        gate.wait_for_decision(attack.id, timeout=0.1)


def test_a_key_that_cannot_be_read_is_a_refusal_and_no_silence(settings, gate):
    settings.TELEMETRY_DECISION_KEY = "ed25519:short"
    heard = gate.request_approval("deploy", timeout=1)
    assert (heard.approved, heard.status) == (False, "unavailable")
    assert "TELEMETRY_DECISION_KEY" in heard.reason
    assert gate.get_pending_approvals() == []


def test_without_a_key_all_is_as_before_and_nobody_says_verified(attack, gate):
    gate.respond_to_approval(attack.id, True, "ann")
    for digest in (None, attack.request.digest):
        heard = gate.wait_for_decision(attack.id, digest=digest)
        assert (heard.approved, heard.verified, heard.channel) == (True, None, "direct")


def test_a_signature_has_one_form(own_key):
    written = signing.sign(
        SignaturePayload("r", "d", "approved", "maria", "two\nlines"), _moment(1_800_000_000)
    )
    assert str(parse_signature(written)) == written
    assert parse_signature(other_last_character(written)) is None
    for changed in ("2" + written[1:], written + "=", written[:-1], base64.b64encode(b"x").decode(), ""):
        assert parse_signature(changed) is None


def test_the_key_is_its_owners_alone_and_made_once(settings, own_key):
    public = signing.keyring().public
    assert settings.TELEMETRY_DECISION_KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert signing.keyring().public == public
    rotated = signing.rotate()
    assert (rotated.public != public, public in rotated.known.values()) == (True, True)
    assert settings.TELEMETRY_DECISION_KEY_FILE.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in settings.TELEMETRY_DECISION_KEY_FILE.parent.iterdir()] == [
        settings.TELEMETRY_DECISION_KEY_FILE.name
    ]


def test_where_nothing_can_be_signed_nothing_is_decided(settings, tmp_path, attack, gate):
    settings.TELEMETRY_DECISION_KEY_FILE = tmp_path / "broken.pem"
    settings.TELEMETRY_DECISION_KEY_FILE.write_text("no key")
    with pytest.raises(signing.CannotSign, match=r"broken\.pem"):
        attack.says_yes(attack.id)
    assert live_record(gate, attack.id).status == "pending"
    assert not DecisionIntent.objects.exists()


def test_a_page_believes_a_decision_in_redis_only_where_the_site_signed_it(attack, gate):
    attack.says_yes(attack.id)
    record = live_record(gate, attack.id)
    assert signing.is_proven(record)
    assert not signing.is_proven(record._replace(responder="john"))
    assert not signing.is_proven(record._replace(context=b'{"a":2}'))
    assert not signing.is_proven(record._replace(signature=""))
