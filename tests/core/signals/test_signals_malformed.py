"""What others may leave in a mailbox, and that a mailbox neither breaks nor grows."""

import logging

import pytest

from core import MalformedRecord, StoreRefused, TelemetryError
from core.signals.signal import parsed
from tests.waiting import wait_until

SIGNALS = "{telemetry}:signals:"
INBOX, EXPIRY = SIGNALS + "inbox:bob", SIGNALS + "expiry:bob"
BROADCAST = SIGNALS + "broadcast"
FAR = b"999999999999999"
GOOD = {
    b"signal_id": b"x", b"type": b"done", b"source": b"ann", b"sent_ms": b"1795331355624",
    b"expires_ms": FAR, b"ttl_seconds": b"60", b"payload": b"{}",
}  # fmt: skip
DAMAGES = {
    "no field of ours": {b"hello": b"world"},
    "a field is missing": {name: value for name, value in GOOD.items() if name != b"payload"},
    "a field too many": {**GOOD, b"more": b"1"},
    "another order": dict(reversed(GOOD.items())),
    "expiry is text": {**GOOD, b"expires_ms": b"never"},
    "expiry is nan": {**GOOD, b"expires_ms": b"nan"},
    "expiry is too large": {**GOOD, b"expires_ms": b"9" * 40},
    "payload is not JSON": {**GOOD, b"payload": b"{'a': 1}"},
    "payload is a list": {**GOOD, b"payload": b"[]"},
    "payload is nan": {**GOOD, b"payload": b'{"a": NaN}'},
    "payload is bytes": {**GOOD, b"payload": b"\xff\xfe"},
    "payload nests deep": {**GOOD, b"payload": b'{"a":' * 100_000},
    "ttl is text": {**GOOD, b"ttl_seconds": b"long"},
    "ttl is nan": {**GOOD, b"ttl_seconds": b"nan"},
    "time is text": {**GOOD, b"sent_ms": b"yesterday"},
    "time is too large": {**GOOD, b"sent_ms": b"9" * 40},
    "id is empty": {**GOOD, b"signal_id": b""},
    "source is no UTF-8": {**GOOD, b"source": b"\xff"},
}


def test_the_undamaged_entry_is_read(bob, raw):
    raw.xadd(INBOX, GOOD)
    assert bob.check_signal("done", "ann").signal_id == "x"


@pytest.mark.parametrize("key", [INBOX, BROADCAST])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_malformed_entry_is_set_aside_alone(ann, bob, raw, caplog, damage, key):
    sent = [ann.signal("done", target_agent="bob")]
    raw.xadd(key, DAMAGES[damage])
    sent += [ann.signal("done", target_agent="bob"), ann.broadcast("done")]
    with caplog.at_level(logging.WARNING, "core.agent_coordination"):
        assert [signal.signal_id for signal in bob.get_pending_signals()] == sent
    assert "set aside" in caplog.text
    assert bob.check_signal("done", consume=False).signal_id == sent[0]
    assert [bob.check_signal("done").signal_id for _ in sent] == sent
    assert bob.check_signal("done") is None
    assert bob.wait_for_signal("done", timeout=0) is None
    caplog.clear()
    assert bob.get_pending_signals() == []
    assert caplog.text == ""  # what was passed while consuming is gone
    assert not raw.exists(INBOX)


def test_a_mailbox_of_malformed_entries_alone_is_empty(bob, raw):
    for damage in DAMAGES.values():
        raw.xadd(INBOX, damage)
    assert bob.check_signal("done", consume=False) is None
    assert bob.get_pending_signals() == []
    assert bob.wait_for_signal("done", timeout=0.05) is None
    assert not raw.exists(INBOX)


def test_clearing_removes_malformed_entries_too(ann, bob, raw):
    raw.xadd(INBOX, {b"hello": b"world"})
    ann.signal("done", target_agent="bob")
    assert bob.clear_signals() == 1
    assert not raw.exists(INBOX)


@pytest.mark.parametrize("part", range(1, 7))
def test_what_cannot_be_read_is_named(part):
    parts = [b"inbox", b"x", b"done", b"ann", b"1795331355624", b"60", b"{}"]
    assert parsed("bob", list(parts)).signal_id == "x"
    parts[part] = b"\xff"
    with pytest.raises(MalformedRecord, match="bob"):
        parsed("bob", parts)


def error_of(call) -> TelemetryError | None:
    try:
        call()
    except TelemetryError as error:
        return error
    return None


@pytest.mark.parametrize(
    "key", [INBOX, EXPIRY, BROADCAST, SIGNALS + "broadcast_expiry", SIGNALS + "consumed:bob"]
)
def test_a_key_of_a_wrong_type_is_an_error_for_those_who_use_it_alone(mailbox_of, ann, bob, raw, key):
    carl = mailbox_of("carl")
    ann.signal("done", target_agent="carl")
    raw.set(key, "damage")
    calls = (
        lambda: ann.signal("done", target_agent="bob"),
        lambda: ann.broadcast("done"),
        lambda: bob.check_signal("done"),
        lambda: bob.wait_for_signal("done", timeout=0.01),
        bob.get_pending_signals,
        bob.clear_signals,
    )
    errors = [error for error in map(error_of, calls) if error is not None]
    assert errors
    assert all(isinstance(error, StoreRefused) and "wrong kind" in str(error) for error in errors)
    if "broadcast" not in key:
        assert carl.check_signal("done").target_agent == "carl"
    assert raw.get(key) == b"damage"


def test_an_order_of_a_wrong_type_or_in_the_future_harms_nobody(ann, bob, raw):
    order = SIGNALS + "order"
    raw.hset(order, "a", "b")
    sent = [ann.signal("done", target_agent="bob")]
    for strange in ("", "nan", "-1", "1e300", "9" * 16, "9" * 30, "12 34"):
        raw.set(order, strange)
        sent.append(ann.signal("done", target_agent="bob"))
    assert [signal.signal_id for signal in bob.get_pending_signals()] == sent


def test_an_entry_with_an_id_in_the_future_does_not_stop_the_mailbox(ann, bob, raw):
    raw.xadd(INBOX, GOOD, id="99999999999999-5")
    sent = [ann.signal("done", target_agent="bob") for _ in range(3)]
    assert [signal.signal_id for signal in bob.get_pending_signals()] == ["x", *sent]
    assert [bob.check_signal("done").signal_id for _ in range(4)] == ["x", *sent]


# Growth


def test_every_key_of_a_mailbox_lives_as_long_as_its_last_signal(ann, bob, raw):
    for ttl in (50, 500, 30):
        ann.signal("done", target_agent="bob", ttl_seconds=ttl)
        ann.broadcast("done", ttl_seconds=ttl)
    for name in ("inbox:bob", "expiry:bob", "broadcast", "broadcast_expiry"):
        assert 490 < raw.ttl(SIGNALS + name) <= 500, name
    while bob.check_signal("done"):
        pass
    assert 490 < raw.ttl(SIGNALS + "consumed:bob") <= 500
    assert not raw.exists(INBOX, EXPIRY)
    assert 0 < raw.ttl(SIGNALS + "order") <= 24 * 3600
    claims = list(raw.scan_iter(SIGNALS + "claimed:*"))
    assert len(claims) == 6
    assert all(0 < raw.pttl(claim) <= 10_000 for claim in claims)


def test_a_mailbox_that_nobody_reads_keeps_no_expired_signals(ann, raw):
    ann.signal("old", target_agent="bob", ttl_seconds=3600)
    ann.broadcast("old", ttl_seconds=3600)
    for _ in range(300):
        ann.signal("brief", target_agent="bob", ttl_seconds=0.02)
        ann.broadcast("brief", ttl_seconds=0.02)

    def one_left() -> bool:
        ann.signal("brief", target_agent="bob", ttl_seconds=0.001)
        ann.broadcast("brief", ttl_seconds=0.001)
        return max(raw.xlen(INBOX), raw.zcard(EXPIRY), raw.xlen(BROADCAST)) < 10

    wait_until(one_left, "the expired ones are gone")
    assert raw.xrange(INBOX)[0][1][b"type"] == b"old"


def test_reading_removes_what_has_expired_and_an_empty_mailbox_whole(ann, bob, raw):
    for _ in range(20):
        ann.signal("brief", target_agent="bob", ttl_seconds=0.02)
        ann.broadcast("brief", ttl_seconds=0.02)
    ann.signal("long", target_agent="bob", ttl_seconds=100)
    ann.broadcast("long", ttl_seconds=100)
    wait_until(lambda: len(bob.get_pending_signals()) == 2, "the others have expired")
    assert bob.check_signal("none") is None
    assert (raw.xlen(INBOX), raw.zcard(EXPIRY), raw.xlen(BROADCAST)) == (1, 1, 1)
    assert bob.clear_signals() == 2
    assert not raw.exists(INBOX, EXPIRY)


def test_the_consumed_broadcasts_are_forgotten_with_their_expiry(ann, bob, raw):
    for _ in range(20):
        ann.broadcast("brief", ttl_seconds=1.5)
    assert bob.clear_signals() == 20

    def forgotten() -> bool:
        ann.broadcast("long", ttl_seconds=100)
        bob.clear_signals()
        return raw.zscore(SIGNALS + "consumed:bob", consumed) is None

    consumed = raw.zrange(SIGNALS + "consumed:bob", 0, 0)[0]
    wait_until(forgotten, "the consumed broadcasts have expired")
