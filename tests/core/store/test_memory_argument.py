"""What `memory` may be, in both constructors; none of it needs Django."""

import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from core import ApprovalGate, FeedbackLoop, HeartbeatCoordinator, StoreUnavailable
from core.store import embedded
from tests.servers import client_of


def uses(memory):
    """Ask, decide and beat through `memory`."""
    gate = ApprovalGate(memory, "agent")
    request = gate.open_request("deploy", {"é": "☃"})
    assert gate.respond_to_approval(request.request_id, True, "ann", "größer")
    response = gate.wait_for_decision(request.request_id)
    assert (response.approved, response.responder, response.reason) == (True, "ann", "größer")
    beats = HeartbeatCoordinator(memory)
    beats.start_heartbeat("ägent", {"k": "ü"}, "Näme")
    assert [beat.display_name for beat in beats.get_active_agents()] == ["Näme"]
    loop = FeedbackLoop(memory)
    loop.record_feedback("cödé", "größer", "cheap", 0.5)
    assert loop.get_feedback_history("cödé", "größer")[0].quality_score == 0.5


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"decode_responses": True},
        {"protocol": 3},
        {"encoding": "latin-1"},
        {"retry": Retry(ExponentialBackoff(), 5), "retry_on_error": [redis.TimeoutError]},
        {"health_check_interval": 1, "socket_timeout": 0.001},
        {"client_name": "agent", "single_connection_client": True},
    ],
)
def test_a_client_is_used_whatever_its_options(url, options):
    uses(redis.Redis(unix_socket_path=url.removeprefix("unix://"), **options))


def test_a_client_over_tcp_with_the_library_defaults_is_used(proxy):
    port = int(proxy.url.rsplit(":", 1)[1])
    uses(redis.Redis(port=port))


def test_a_url_is_used(url):
    uses(url)


def test_a_redis_url_is_used(proxy):
    uses(proxy.url)


@pytest.mark.parametrize("decode", [False, True])
def test_an_object_with_a_client_is_used(url, decode):
    uses(SimpleNamespace(_client=redis.Redis.from_url(url, decode_responses=decode)))


@pytest.mark.parametrize("make", [ApprovalGate, FeedbackLoop, HeartbeatCoordinator])
@pytest.mark.parametrize(
    "memory", [5, b"redis://x", {}, object(), SimpleNamespace(_client=None), redis.Redis]
)
def test_anything_else_is_a_type_error_at_once(make, memory):
    with pytest.raises(TypeError, match="memory"):
        make(memory)


@pytest.mark.parametrize("make", [ApprovalGate, FeedbackLoop, HeartbeatCoordinator])
@pytest.mark.parametrize("memory", ["", "localhost:6379", "http://localhost"])
def test_a_string_that_is_no_redis_url_is_a_value_error(make, memory):
    with pytest.raises(ValueError, match="memory"):
        make(memory)


def test_a_callers_client_keeps_its_own_options(url):
    client = redis.Redis.from_url(url, decode_responses=True)
    uses(client)
    assert client.ping() is True
    assert client.echo("text") == "text"


def in_a_fresh_process(program: str, **environment: str) -> str:
    kept = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=kept,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_none_is_the_server_of_redis_url_and_django_is_never_imported(url):
    program = """
        import sys
        from core import ApprovalGate, HeartbeatCoordinator
        HeartbeatCoordinator().start_heartbeat("worker")
        print(ApprovalGate(agent_id="worker").open_request("deploy").request_id)
        assert "django" not in sys.modules
    """
    request_id = in_a_fresh_process(program, REDIS_URL=url)
    assert ApprovalGate(url).get_request(request_id).agent_id == "worker"
    assert HeartbeatCoordinator(url).is_agent_alive("worker")


def test_none_is_the_embedded_server_of_the_data_directory(server):
    program = """
        from core import HeartbeatCoordinator
        HeartbeatCoordinator().start_heartbeat("worker")
    """
    in_a_fresh_process(program, TELEMETRY_DATA_DIR=str(server.data_dir))
    assert HeartbeatCoordinator(server.url).is_agent_alive("worker")


@pytest.mark.parametrize("name", ["c#d", "e%41f", "g?h", 'i"j', "k\\l", "m n", "ö"])
def test_the_private_server_runs_in_a_folder_of_any_name(name):
    with tempfile.TemporaryDirectory() as folder:
        server = embedded.start(Path(folder) / name, durable=False)
        try:
            assert (Path(folder) / name / "redis.sock").exists()
            assert ApprovalGate(server.url).get_pending_approvals() == []
            assert ApprovalGate(embedded.running_url(Path(folder) / name)).get_pending_approvals() == []
        finally:
            server.stop()


@pytest.mark.usefixtures("any_namespace")
def test_another_namespace_shares_no_key(url):
    program = """
        from core import HeartbeatCoordinator
        HeartbeatCoordinator().start_heartbeat("worker")
    """
    in_a_fresh_process(program, REDIS_URL=url, TELEMETRY_NAMESPACE="other")
    assert not HeartbeatCoordinator(url).is_agent_alive("worker")
    keys = list(client_of(url).scan_iter())
    assert keys
    assert all(key.startswith(b"{other}:") for key in keys)


def test_with_no_server_configured_a_reader_is_told_what_to_set_and_an_agent_goes_on(tmp_path):
    program = """
        from core import ApprovalGate, HeartbeatCoordinator, StoreUnavailable
        agents = HeartbeatCoordinator()
        agents.start_heartbeat("worker"); agents.beat(); agents.stop_heartbeat()
        response = ApprovalGate(agent_id="worker").request_approval("deploy", timeout=1)
        assert not response.approved
        assert response.reason.startswith("unavailable"), response.reason
        try:
            agents.get_active_agents()
        except StoreUnavailable as error:
            print(error)
    """
    assert "REDIS_URL" in in_a_fresh_process(program, TELEMETRY_DATA_DIR=str(tmp_path))


def test_a_gate_is_built_while_its_server_is_down(tmp_path):
    gate = ApprovalGate(f"unix://{tmp_path}/absent.sock", "agent")
    with pytest.raises(StoreUnavailable):
        gate.open_request("deploy", timeout=1)


def test_short_waits_use_up_no_place_in_the_pool(url):
    gate = ApprovalGate(url, "agent")
    gate._store._pool.max_connections = 5  # the limit of a pool, brought near
    request = gate.open_request("deploy")
    for _ in range(15):
        assert gate.wait_for_decision(request.request_id, timeout=0.001) is None
