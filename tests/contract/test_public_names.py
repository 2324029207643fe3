"""What `core` offers, and that its documents say the same."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

import core

ROOT = Path(__file__).resolve().parents[2]
MODULES = (
    "agent_coordination",
    "agent_tracking",
    "approval_gates",
    "automation",
    "credentials",
    "errors",
    "event_streaming",
    "features",
    "feedback_loop",
    "help_tracker",
    "feedback_models",
    "usage_tracker",
)
README = ROOT / "README.md"


def test_public_names_are_sorted_exist_and_are_explained():
    assert core.__all__ == sorted(core.__all__)
    for name in core.__all__:
        value = getattr(core, name)
        assert inspect.getdoc(value), f"{name} has no description"


def test_every_public_class_comes_from_core_and_every_error_is_public():
    for name in core.__all__:
        assert getattr(core, name).__module__.split(".")[0] == "core"
    raised = {
        name
        for name, value in vars(core.errors).items()
        if inspect.isclass(value) and issubclass(value, core.TelemetryError)
    }
    assert raised <= set(core.__all__)


def test_every_public_method_is_explained():
    for name in core.__all__:
        for method, value in vars(getattr(core, name)).items():
            if not method.startswith("_") and callable(value):
                assert inspect.getdoc(value), f"{name}.{method} has no description"


METHODS = {
    "ApprovalGate": {
        "request_approval",
        "open_request",
        "wait_for_decision",
        "get_request",
        "find_requests",
        "cancel_request",
        "respond_to_approval",
        "decide",
        "get_pending_approvals",
        "clear_expired_requests",
    },
    "HeartbeatCoordinator": {
        "start_heartbeat",
        "beat",
        "stop_heartbeat",
        "keep_alive",
        "get_active_agents",
        "is_agent_alive",
        "get_agent_status",
        "get_stale_agents",
    },
    "CoordinationSignals": {
        "signal",
        "broadcast",
        "wait_for_signal",
        "check_signal",
        "get_pending_signals",
        "clear_signals",
    },
    "EventStreamer": {
        "publish_event",
        "consume_events",
        "get_recent_events",
        "get_stream_info",
        "delete_stream",
        "trim_stream",
    },
    "FeedbackLoop": {
        "record_feedback",
        "get_feedback_history",
        "get_quality_stats",
        "recommend_tier",
        "get_underperforming_stages",
        "clear_feedback",
        "record_template_feedback",
        "get_template_confidence",
    },
}


@pytest.mark.parametrize("name", METHODS)
def test_what_agents_import_has_the_methods_that_agents_need_and_no_more(name):
    known = inspect.getmembers(getattr(core, name), inspect.isroutine)
    assert {method for method, _ in known if not method.startswith("_")} == METHODS[name]


@pytest.mark.parametrize("module", MODULES)
def test_the_classes_that_a_module_documents_are_there(module):
    assert importlib.import_module(f"core.{module}").__doc__


def test_the_readme_uses_only_public_names():
    if not README.exists():
        pytest.skip("README.md is not written yet")
    imported = re.findall(r"^\s*from core import (.+)$", README.read_text(), re.MULTILINE)
    assert imported, "README.md shows how to import core"
    for line in imported:
        assert {name.strip() for name in line.split(",")} <= set(core.__all__)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("ApprovalGate.__init__", "memory=None, agent_id=None"),
        (
            "ApprovalGate.request_approval",
            "approval_type, context=None, timeout=None, key=None, claim=None, default=None, "
            "understands=(), revises=None",
        ),
        (
            "ApprovalGate.open_request",
            "approval_type, context=None, timeout=None, key=None, default=None, understands=(), revises=None",
        ),
        (
            "ApprovalGate.wait_for_decision",
            "request_id, timeout=None, claim=None, digest=None, understands=()",
        ),
        ("ApprovalGate.find_requests", "key=None, status=None"),
        ("ApprovalGate.respond_to_approval", "request_id, approved, responder, reason=''"),
        (
            "ApprovalGate.decide",
            "request_id, approved, responder, reason='', decision_id=None, not_after=None, digest=None",
        ),
        ("ApprovalGate.get_pending_approvals", "approval_type=None"),
        ("ApprovalGate.clear_expired_requests", ""),
        ("ApprovalGate.get_request", "request_id"),
        ("ApprovalGate.cancel_request", "request_id"),
        ("CoordinationSignals.__init__", "memory=None, agent_id=None, enable_streaming=False"),
        (
            "CoordinationSignals.signal",
            "signal_type, source_agent=None, target_agent=None, payload=None, ttl_seconds=None, credentials=None",
        ),
        (
            "CoordinationSignals.broadcast",
            "signal_type, source_agent=None, payload=None, ttl_seconds=None, credentials=None",
        ),
        (
            "CoordinationSignals.wait_for_signal",
            "signal_type, source_agent=None, timeout=30.0, poll_interval=0.5",
        ),
        ("CoordinationSignals.check_signal", "signal_type, source_agent=None, consume=True"),
        ("CoordinationSignals.get_pending_signals", "signal_type=None"),
        ("CoordinationSignals.clear_signals", "signal_type=None"),
        ("FeedbackLoop.__init__", "memory=None"),
        (
            "FeedbackLoop.record_feedback",
            "workflow_name, stage_name, tier, quality_score, metadata=None",
        ),
        ("FeedbackLoop.get_feedback_history", "workflow_name, stage_name, tier=None, limit=100"),
        ("FeedbackLoop.get_quality_stats", "workflow_name, stage_name, tier=None"),
        ("FeedbackLoop.recommend_tier", "workflow_name, stage_name, current_tier=None"),
        ("FeedbackLoop.get_underperforming_stages", "workflow_name, quality_threshold=0.7"),
        ("FeedbackLoop.clear_feedback", "workflow_name, stage_name=None"),
        ("FeedbackLoop.record_template_feedback", "template_id, rating"),
        ("FeedbackLoop.get_template_confidence", "template_id"),
        (
            "HelpTracker.__init__",
            "log_dir=None, filename='help_queries.jsonl', unmatched_filename='help_unmatched.jsonl'",
        ),
        (
            "HelpTracker.log",
            "source, mode, topic, success, found, duration_ms=None, metadata=None",
        ),
        ("HelpTracker.log_unmatched", "query, mode, source='help_lookup'"),
        ("EventStreamer.__init__", "memory=None"),
        ("EventStreamer.publish_event", "event_type, data, source='attune'"),
        (
            "EventStreamer.consume_events",
            "event_types=None, block_ms=None, count=10, start_id='$', idle_timeout=None",
        ),
        ("EventStreamer.get_recent_events", "event_type, count=100, start_id='-', end_id='+'"),
        ("EventStreamer.get_stream_info", "event_type"),
        ("EventStreamer.delete_stream", "event_type"),
        ("EventStreamer.trim_stream", "event_type, max_length=1000"),
        ("StreamEvent.__init__", "event_id, event_type, timestamp, data, source='attune'"),
        ("HeartbeatCoordinator.__init__", "memory=None, enable_streaming=False"),
        ("HeartbeatCoordinator.start_heartbeat", "agent_id, metadata=None, display_name=None"),
        ("HeartbeatCoordinator.beat", "status='running', progress=0.0, current_task=''"),
        ("HeartbeatCoordinator.stop_heartbeat", "final_status='completed'"),
        ("HeartbeatCoordinator.get_stale_agents", "threshold_seconds=60.0"),
        ("HeartbeatCoordinator.get_active_agents", ""),
        ("UsageTracker.flush", ""),
        ("UsageTracker.get_recent_entries", "limit=20, days=None, exact=False"),
        ("UsageTracker.get_stats", "days=30, exact=False"),
        ("UsageTracker.calculate_savings", "days=30, exact=False"),
        ("UsageTracker.get_cache_stats", "days=7, exact=False"),
        ("UsageTracker.export_to_dict", "days=None, exact=False"),
        ("UsageTracker.reset", ""),
        ("AutomationRecorder.__init__", "memory=None"),
        (
            "AutomationRecorder.record_task_routing",
            "task_type, strategy, assigned_to, confidence, tier='', success=None, duration_seconds=None, "
            "routing_id=None",
        ),
        ("AutomationRecorder.complete_task_routing", "routing_id, success, duration_seconds=None"),
        (
            "AutomationRecorder.record_test_execution",
            "suite, passed, duration_seconds, failed=0, errors=0, skipped=0, triggered_by='', failing_tests=(), "
            "execution_id=None",
        ),
        (
            "AutomationRecorder.record_coverage",
            "suite, lines_covered, lines_total, execution_id='', coverage_id=None",
        ),
        (
            "AutomationRecorder.record_file_test",
            "file_path, passed=0, failed=0, errors=0, skipped=0, duration_seconds=None, "
            "source_modified_at=None, execution_id='', file_test_id=None",
        ),
        (
            "AutomationRecorder.record_agent_assignment",
            "agent_id, task_type, routing_id='', assignment_id=None",
        ),
        (
            "AutomationRecorder.complete_agent_assignment",
            "assignment_id, success, automated, human_review, duration_seconds=None",
        ),
        ("TelemetryFeatures.is_redis_available", "memory=None"),
        ("TelemetryFeatures.get_feature_status", "feature, memory=None"),
        ("TelemetryFeatures.require_redis", "feature_name, memory=None"),
        ("TelemetryFeatures.list_all_features", "memory=None"),
        ("HeartbeatCoordinator.is_agent_alive", "agent_id"),
        ("HeartbeatCoordinator.get_agent_status", "agent_id"),
    ],
)
def test_the_signatures_that_others_port_to_stay_as_they_are(name, signature):
    owner, method = name.split(".")
    known = inspect.signature(getattr(getattr(core, owner), method)).parameters.values()
    parameters = [parameter for parameter in known if parameter.name != "self"]
    said = [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]
    assert ", ".join(said) == signature


def test_the_pages_for_agents_name_all_that_the_package_offers():
    pages = [*(ROOT / "docs/agents").glob("*.md"), ROOT / "docs/porting.md"]
    said = set(re.findall(r"\w+", "".join(page.read_text() for page in pages)))
    assert set(core.__all__) - said == set()
