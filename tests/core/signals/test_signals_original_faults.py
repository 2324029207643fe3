"""Each known fault of the original signals, and that ours does the opposite."""

import pytest

from core import CoordinationSignals, StoreUnavailable
from tests.core.signals.test_signals_contract import ids
from tests.waiting import PATIENCE, wait_until

SIGNALS = "{telemetry}:signals:"


@pytest.mark.parametrize(
    "name", ["**", "b*", "[bc]ob", "bo?", "bob:", ":bob", "b:ob", "bob\U0001f600", "%62ob"]
)
def test_a_name_with_a_star_or_bracket_reads_and_deletes_nobody_elses_mail(mailbox_of, raw, name):
    for target in ("bob", "b:ob", "*b"):
        if target != name:
            mailbox_of("ann").signal("done", target_agent=target)
    others = {key: raw.dump(key) for key in raw.scan_iter()}
    odd = mailbox_of(name)
    assert odd.check_signal("done") is None
    assert odd.check_signal("*") is None
    assert odd.wait_for_signal("*", source_agent="*", timeout=0) is None
    assert odd.get_pending_signals() == []
    assert odd.clear_signals() == 0
    assert {key: raw.dump(key) for key in raw.scan_iter()} == others
    sent = mailbox_of("ann").signal(name, target_agent=name)
    assert odd.check_signal(name, source_agent="ann").signal_id == sent
    assert mailbox_of("bob").get_pending_signals(name) == []


def test_one_signal_is_listed_once(mailbox_of):
    ann = mailbox_of("ann")
    sent = [ann.signal("done", target_agent="ann"), ann.broadcast("done")]
    assert ids(ann.get_pending_signals()) == sent
    assert ids(ann.get_pending_signals("done")) == sent


def test_n_readers_do_not_get_one_signal_n_times(mailbox_of, background):
    sent = mailbox_of("ann").signal("done", target_agent="bob")
    readers = [background(mailbox_of("bob").check_signal, "done") for _ in range(32)]
    got = [reader.result(PATIENCE) for reader in readers]
    assert ids(signal for signal in got if signal) == [sent]


def test_no_poll_scans_the_keyspace_and_its_cost_does_not_grow_with_it(mailbox_of, raw):
    bob = mailbox_of("bob")

    def commands():
        raw.config_resetstat()
        assert bob.check_signal("done") is None
        assert bob.wait_for_signal("done", timeout=0.3) is None
        assert bob.get_pending_signals() == []
        stats = raw.info("commandstats")
        return {name: stat["calls"] for name, stat in stats.items() if name != "cmdstat_config|resetstat"}

    commands()  # the scripts are loaded now
    empty = commands()
    raw.mset({f"other:{number}": "x" for number in range(50_000)})
    for number in range(200):
        mailbox_of("ann").signal("done", target_agent=f"agent-{number}")
    assert commands() == empty
    assert not [name for name in empty if "scan" in name or name == "cmdstat_keys"]


def test_no_id_is_returned_when_nothing_was_stored(server):
    signals = CoordinationSignals(server.url, "ann")
    server.stop()
    with pytest.raises(StoreUnavailable):
        signals.signal("done", target_agent="bob")
    with pytest.raises(StoreUnavailable):
        signals.broadcast("done")


def test_waiting_for_done_does_not_eat_done_extra(mailbox_of, raw, background):
    ann, bob = mailbox_of("ann"), mailbox_of("bob")
    waiter = background(bob.wait_for_signal, "done", None, 20)
    wait_until(lambda: raw.info("clients")["blocked_clients"] == 1, "it waits")
    extra = ann.signal("done:extra", target_agent="bob")
    sent = ann.signal("done", target_agent="bob")
    assert waiter.result(PATIENCE).signal_id == sent
    assert ids(bob.get_pending_signals()) == [extra]
