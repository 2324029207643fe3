"""What is said to work works: each feature is imported and its server asked, then and there."""

import importlib
import json
import sys
from types import ModuleType

import pytest

from core import FeatureInfo, FeatureStatus, TelemetryFeatures
from core.features import _MODULES

NAMES = [
    "event_streaming", "agent_heartbeats", "agent_coordination", "approval_gates", "usage_tracking",
    "feedback_loop", "cli",
]  # fmt: skip
HERE = ["agent_heartbeats", "approval_gates", "feedback_loop"]


def importable(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def test_every_feature_of_the_contract_is_listed(url):
    found = TelemetryFeatures.list_all_features(url)
    assert list(found) == NAMES
    assert all(isinstance(info, FeatureInfo) and info.name == name for name, info in found.items())


def test_with_a_server_what_can_be_imported_is_available_and_nothing_else(url):
    for name, info in TelemetryFeatures.list_all_features(url).items():
        expected = (
            FeatureStatus.AVAILABLE
            if importable(f"core.{_MODULES[name]}")
            else FeatureStatus.MISSING_DEPENDENCY
        )
        assert info.status is expected, name
        assert info.message
    for name in HERE:
        assert TelemetryFeatures.get_feature_status(name, url).status is FeatureStatus.AVAILABLE


def test_an_importable_package_with_a_dead_server_is_not_available(server):
    assert TelemetryFeatures.is_redis_available(server.url)
    server.stop()
    assert not TelemetryFeatures.is_redis_available(server.url)
    for name, info in TelemetryFeatures.list_all_features(server.url).items():
        assert name == "cli" or info.status is not FeatureStatus.AVAILABLE
    for name in HERE:
        info = TelemetryFeatures.get_feature_status(name, server.url)
        assert info.status is FeatureStatus.MISSING_DEPENDENCY
        assert "Redis" in info.message
    server.start()
    assert TelemetryFeatures.get_feature_status("feedback_loop", server.url).status is FeatureStatus.AVAILABLE


def test_a_hung_server_is_asked_once_for_all_features(server):
    server.hang()
    found = TelemetryFeatures.list_all_features(server.url)
    server.resume()
    assert "does not answer" in found["feedback_loop"].message


@pytest.mark.anywhere
def test_a_module_that_is_not_there_is_said_to_be_missing(url, monkeypatch):
    monkeypatch.setitem(sys.modules, "core.feedback_loop", None)
    info = TelemetryFeatures.get_feature_status("feedback_loop", url)
    assert (info.status, info.install_command) == (FeatureStatus.MISSING_DEPENDENCY, None)
    assert "core.feedback_loop" in info.message


@pytest.mark.anywhere
def test_a_package_that_a_module_needs_is_named_with_the_command_that_brings_it(url, monkeypatch):
    def fail(name):
        raise ModuleNotFoundError("No module named 'rich'", name="rich.table")

    monkeypatch.setattr("core.features.importlib.import_module", fail)
    info = TelemetryFeatures.get_feature_status("cli", url)
    assert (info.status, info.install_command) == (FeatureStatus.MISSING_DEPENDENCY, "pip install rich")
    assert "rich" in info.message


def test_a_missing_redis_package_is_said_with_the_command_that_brings_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "core.store.client", None)
    with pytest.raises(ImportError, match="pip install redis"):
        TelemetryFeatures.require_redis("Feedback")


def test_the_cli_needs_no_server(tmp_path, monkeypatch):
    module = ModuleType("core.cli")
    monkeypatch.setitem(sys.modules, "core.cli", module)
    info = TelemetryFeatures.get_feature_status("cli", f"unix://{tmp_path}/absent.sock")
    assert info.status is FeatureStatus.AVAILABLE


@pytest.mark.anywhere
def test_an_unknown_feature_is_disabled(url):
    info = TelemetryFeatures.get_feature_status("teleport", url)
    assert (info.name, info.status) == ("teleport", FeatureStatus.DISABLED)
    assert "teleport" in info.message


def test_requiring_redis_returns_or_says_the_way_out(url, tmp_path, monkeypatch):
    assert TelemetryFeatures.require_redis("Feedback", url) is None
    monkeypatch.delenv("REDIS_URL", raising=False)
    monkeypatch.setenv("TELEMETRY_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("core.store.client.configured_url", _nothing_configured)
    with pytest.raises(ImportError, match=r"Feedback needs Redis: .*REDIS_URL"):
        TelemetryFeatures.require_redis("Feedback")
    assert not TelemetryFeatures.is_redis_available()


def _nothing_configured() -> str:
    from core import StoreUnavailable

    raise StoreUnavailable("no Redis runs: start `make run`, or set REDIS_URL")


def test_the_answer_is_plain_data():
    info = FeatureInfo("a", FeatureStatus.DISABLED, "no", None)
    assert json.loads(json.dumps(info.to_dict()))["status"] == "disabled"
    assert FeatureInfo.from_dict(info.to_dict()) == info
    for bad in ({**info.to_dict(), "status": "maybe"}, {"name": "a", "message": "x"}):
        with pytest.raises(ValueError, match=r"status|maybe"):
            FeatureInfo.from_dict(bad)
