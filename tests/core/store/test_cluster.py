"""A Redis Cluster as `memory`: the primitives work on the node that holds their keys, and follow them."""

import socket
import subprocess
from contextlib import ExitStack, contextmanager

import pytest
import redis
from redis.cluster import RedisCluster

from core import ApprovalGate, HeartbeatCoordinator, StoreUnavailable, UsageTracker
from core.store import embedded
from core.store.client import namespace_and_address
from tests.accounts import limit
from tests.core.store.test_memory_argument import uses
from tests.core.usage.usage_help import book, track
from tests.servers import client_of
from tests.waiting import wait_until

SLOTS = 16384


@contextmanager
def node(folder):
    """One server in cluster mode, with no slots yet."""
    folder.mkdir()
    while True:
        port = free_port()
        options = {"port": port, "bind": "127.0.0.1", "dir": folder, "cluster-enabled": "yes", "save": ""}
        command = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        process = subprocess.Popen([embedded.server_binary(), *command], stdout=subprocess.DEVNULL)
        client = client_of(f"redis://127.0.0.1:{port}", decode_responses=True)
        wait_until(lambda: answers(client) or process.poll() is not None, "the node answers")  # noqa: B023
        if process.poll() is None:
            break
        client.close()  # somebody else was faster at one of its two ports
    try:
        limit(f"redis://127.0.0.1:{port}", "telemetry-agent")
        yield client
    finally:
        client.close()
        process.kill()
        process.wait()


def free_port():
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        if port + 10_000 < 65_536:  # the bus listens there
            return port


def answers(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


@pytest.fixture
def nodes(tmp_path):
    """Two nodes that know each other; the first holds every slot."""
    with ExitStack() as stack:
        pair = [stack.enter_context(node(tmp_path / name)) for name in ("first", "second")]
        pair[0].execute_command("CLUSTER", "ADDSLOTSRANGE", 0, SLOTS - 1)
        pair[1].execute_command("CLUSTER", "SET-CONFIG-EPOCH", 9)
        port = pair[0].connection_pool.connection_kwargs["port"]
        pair[1].execute_command("CLUSTER", "MEET", "127.0.0.1", port)
        wait_until(lambda: all(info(one)["cluster_state"] == "ok" for one in pair), "the cluster is whole")
        wait_until(lambda: know_each_other(pair), "they met")
        yield pair


def know_each_other(pair):
    """By their names: one that is still being met has none of its own."""
    names = [one.execute_command("CLUSTER", "MYID") for one in pair]
    return all(name in one.execute_command("CLUSTER", "NODES") for one in pair for name in names)


def info(client):
    return client.execute_command("CLUSTER INFO")


def cluster_of(first):
    return RedisCluster(host="127.0.0.1", port=first.connection_pool.connection_kwargs["port"])


def give_slots_to(owner, nodes):
    """All keys of the default installation move to `owner`; what was in them is gone."""
    slot = nodes[0].execute_command("CLUSTER", "KEYSLOT", "{telemetry}:outbox")
    for one in nodes:
        one.flushall()
        owner_id = owner.execute_command("CLUSTER", "MYID")
        one.execute_command("CLUSTER", "SETSLOT", slot, "NODE", owner_id)


def test_a_cluster_client_is_used_by_every_primitive(nodes):
    uses(cluster_of(nodes[0]))


def test_keys_that_moved_to_another_node_are_followed(nodes):
    cluster = cluster_of(nodes[0])
    gate, beats = ApprovalGate(cluster, "agent"), HeartbeatCoordinator(cluster)
    beats.start_heartbeat("agent")
    gate.open_request("deploy")
    give_slots_to(nodes[1], nodes)
    request = gate.open_request("deploy", {"after": "the move"})
    assert gate.respond_to_approval(request.request_id, True, "ann")
    beats.beat("running")
    assert [beat.status for beat in beats.get_active_agents()] == ["running"]
    assert nodes[1].exists("{telemetry}:outbox")


def test_a_cluster_that_is_away_is_unavailable_and_breaks_no_heartbeat(nodes):
    cluster = cluster_of(nodes[0])
    gate, beats = ApprovalGate(cluster, "agent"), HeartbeatCoordinator(cluster)
    beats.start_heartbeat("agent")
    for one in nodes:
        one.shutdown(nosave=True)
    beats.beat("running")
    with pytest.raises(StoreUnavailable):
        gate.get_pending_approvals()
    assert gate.request_approval("deploy", timeout=0.2).responder == "system"


def test_calls_are_counted_and_whichever_node_is_asked_first_it_is_one_installation(nodes, tmp_path):
    ports = [one.connection_pool.connection_kwargs["port"] for one in nodes]
    first, second = (RedisCluster(host="127.0.0.1", port=port) for port in ports)
    assert namespace_and_address(first) == namespace_and_address(second)
    tracker = UsageTracker(tmp_path / "usage", memory=second, price_book=book())
    track(tracker, 3)
    assert tracker.get_stats(days=2)["total_calls"] == 3
    tracker.close()
    first.close()
    second.close()
