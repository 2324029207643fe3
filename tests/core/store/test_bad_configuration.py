"""A setting that cannot be used is named, and harms nobody more than a Redis that is away; in any Django project."""

import logging
import os
import subprocess
import sys
import textwrap

import pytest

from core import (
    ApprovalGate,
    AutomationRecorder,
    CoordinationSignals,
    EventStreamer,
    FeatureStatus,
    FeedbackLoop,
    HeartbeatCoordinator,
    StoreMisconfigured,
    StoreUnavailable,
    TelemetryFeatures,
)
from core.store.client import open_store
from core.store.queue import read_queue

BAD = [
    ("REDIS_URL", "http://bad", "redis://, rediss:// or unix:// URL"),
    ("REDIS_URL", "redis://:s3cret/word@host:notaport", "percent-quoted"),
    ("TELEMETRY_NAMESPACE", "Bad Ns", "1 to 40 of a-z"),
]
BAD_URLS = [
    *(
        "",
        " ",
        "localhost:6379",
        "http://localhost",
        "unix://",
        "redis://h:99999",
        "redis://h:port",
        "redis://[::1",
    ),
    *("redis://h?db=x", "redis://h?unknown=1", "unix:///a?unknown=1", "redis://a..b", "redis://\udcff"),
]
each_bad_setting = pytest.mark.parametrize(
    ("name", "value", "words"), BAD, ids=["scheme", "port", "namespace"]
)


@pytest.fixture
def wrong(url, monkeypatch):
    """Sets one variable wrong beside a Redis that would answer."""

    def set_wrong(name: str, value: str) -> None:
        monkeypatch.setitem(sys.modules, "django.conf", None)  # as where no Django is
        monkeypatch.setenv("REDIS_URL", url)
        monkeypatch.setenv(name, value)

    return set_wrong


def wrongly_said(caplog, name: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if name in record.getMessage()]


@each_bad_setting
def test_a_bad_setting_is_named_with_what_it_may_be_and_never_repeated(wrong, name, value, words):
    wrong(name, value)
    with pytest.raises(StoreMisconfigured, match=name) as caught:
        open_store()
    assert words in str(caught.value)
    assert "memory" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__


@each_bad_setting
def test_heartbeats_go_on_and_say_once_which_setting_is_wrong(wrong, caplog, name, value, words):
    wrong(name, value)
    agents = HeartbeatCoordinator()
    with caplog.at_level(logging.WARNING):
        agents.start_heartbeat("worker")
        for status in ("running", "completed"):
            agents.beat(status)
        agents.stop_heartbeat()
    assert len(wrongly_said(caplog, name)) == 1
    with pytest.raises(StoreUnavailable, match=name):
        agents.get_active_agents()


@each_bad_setting
def test_events_and_automated_work_are_dropped_and_said_once(wrong, caplog, name, value, words):
    wrong(name, value)
    events, work = EventStreamer(), AutomationRecorder()
    with caplog.at_level(logging.WARNING):
        assert [events.publish_event("x", {}) for _ in range(2)] == ["", ""]
        assert [work.record_coverage(suite="s", lines_covered=1, lines_total=1) for _ in range(2)] == ["", ""]
        assert not work.complete_task_routing(routing_id="r", success=True)
    assert len(wrongly_said(caplog, name)) == 2


@each_bad_setting
def test_an_approval_fails_closed_with_the_setting_as_the_reason(wrong, name, value, words):
    wrong(name, value)
    response = ApprovalGate(agent_id="worker").request_approval("deploy", timeout=5)
    assert (response.approved, response.responder) == (False, "system")
    assert response.reason.startswith("unavailable")
    assert name in response.reason


@each_bad_setting
def test_what_must_answer_raises_that_redis_is_unavailable(wrong, name, value, words):
    wrong(name, value)
    calls = [
        lambda: ApprovalGate(agent_id="a").open_request("deploy"),
        lambda: FeedbackLoop().record_feedback("w", "s", "cheap", 0.5),
        lambda: CoordinationSignals(agent_id="a").signal("x"),
        lambda: CoordinationSignals(agent_id="a").wait_for_signal("x", timeout=5),
        lambda: EventStreamer().consume_events(),
    ]
    for call in calls:
        with pytest.raises(StoreUnavailable, match=name):
            call()


@each_bad_setting
def test_features_say_what_is_missing(wrong, name, value, words):
    wrong(name, value)
    assert TelemetryFeatures.is_redis_available() is False
    found = TelemetryFeatures.list_all_features()
    assert found["cli"].status is FeatureStatus.AVAILABLE
    assert {info.status for name, info in found.items() if name != "cli"} == {
        FeatureStatus.MISSING_DEPENDENCY
    }
    assert name in found["event_streaming"].message
    assert name in TelemetryFeatures.get_feature_status("approval_gates").message
    with pytest.raises(ImportError, match=name):
        TelemetryFeatures.require_redis("Feedback")


@pytest.mark.usefixtures("any_namespace")
def test_a_bad_namespace_beside_a_good_memory_is_said_at_each_use_not_where_the_agent_is_built(
    wrong, url, caplog
):
    wrong("TELEMETRY_NAMESPACE", "Bad Ns")
    agents = HeartbeatCoordinator(url)
    agents.start_heartbeat("worker")
    assert len(wrongly_said(caplog, "TELEMETRY_NAMESPACE")) == 1
    wrong("TELEMETRY_NAMESPACE", "good")
    agents.start_heartbeat("worker")
    assert agents.is_agent_alive("worker")


def test_the_redis_of_the_queue_is_named_by_its_own_setting(wrong):
    wrong("TELEMETRY_SITE_REDIS_URL", "http://bad")
    with pytest.raises(StoreMisconfigured, match="TELEMETRY_SITE_REDIS_URL must be"):
        read_queue("jobs")


@pytest.mark.parametrize("memory", BAD_URLS)
def test_a_bad_memory_argument_stays_a_value_error_naming_memory(memory):
    with pytest.raises(ValueError, match=r"^memory must be a redis://, rediss:// or unix:// URL, such as"):
        HeartbeatCoordinator(memory)
    with pytest.raises(ValueError, match=r"^memory must be"):
        TelemetryFeatures.is_redis_available(memory)


def test_options_in_a_url_do_not_take_the_place_of_ours(url):
    store = open_store(f"{url}?decode_responses=1&protocol=3&socket_timeout=0.000001&retry=1")
    assert store.read("HGETALL", "{telemetry}:x") == []
    assert store.read("PING") == b"PONG"


FOREIGN = """
    from django.conf import settings
    settings.configure(SECRET_KEY="x", {settings})
    from core import HeartbeatCoordinator, UsageTracker
    from core.store.client import open_store
    from core.store.configuration import setting
    print(open_store().keys.namespace, setting("TELEMETRY_PREMIUM_MODELS"))
    HeartbeatCoordinator().start_heartbeat("worker")
"""


def in_a_foreign_project(url: str, settings: str = "") -> str:
    environment = {"PATH": os.environ["PATH"], "REDIS_URL": url, "TELEMETRY_NAMESPACE": "from-environment"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FOREIGN).replace("{settings}", settings)],
        env={**environment, "TELEMETRY_PREMIUM_MODELS": "anthropic=claude-opus-4-1"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.usefixtures("any_namespace")
def test_in_a_django_project_that_knows_none_of_our_settings_the_environment_speaks(url, raw):
    assert in_a_foreign_project(url) == "from-environment anthropic=claude-opus-4-1"
    assert raw.exists("{from-environment}:agents:beat:worker")


@pytest.mark.usefixtures("any_namespace")
def test_what_a_projects_settings_say_comes_before_the_environment(url, raw):
    said = in_a_foreign_project(url, 'TELEMETRY_NAMESPACE="of-the-project", TELEMETRY_PREMIUM_MODELS=""')
    assert said == "of-the-project"
    assert raw.exists("{of-the-project}:agents:beat:worker")
