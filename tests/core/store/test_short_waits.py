"""Who never has much time keeps a connection all the same, and who takes it over has the usual time."""

import pytest
from redis._parsers import _HiredisParser, _RESP2Parser

from core import ApprovalGate, CoordinationSignals
from core.store.client import open_store
from core.store.connections import COMMAND_TIMEOUT


def test_a_process_of_short_waits_alone_connects_once(raw, url):
    gate, signals = ApprovalGate(url, "deployer"), CoordinationSignals(url, "deployer")
    request_id = gate.open_request("deploy").request_id
    open_store(url)._pool._idle.clear()
    before = raw.info("stats")["total_connections_received"]
    for _ in range(5):
        assert gate.wait_for_decision(request_id, timeout=0) is None
        assert signals.wait_for_signal("go", timeout=0.001) is None
    assert raw.info("stats")["total_connections_received"] == before + 1


@pytest.mark.parametrize("parser", [_HiredisParser, _RESP2Parser])
def test_a_connection_that_was_made_in_a_hurry_has_the_usual_limits_later(url, parser):
    pool = open_store(url)._pool
    connection = pool.make()
    recipe = {**pool._recipe.connection_kwargs, "parser_class": parser}
    pool.make = lambda: type(connection)(**recipe)
    try:
        made = pool.make_within(0.5)
    finally:
        del pool.make
    made.send_command("PING")
    assert made.read_response(timeout=0.3) == b"PONG"
    limits = {made.socket_connect_timeout, made.socket_timeout, made._sock.gettimeout()}
    assert limits == {1.0, COMMAND_TIMEOUT}
    made.disconnect()
