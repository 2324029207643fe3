"""Telemetry primitives over Redis: what agents import. Works without Django settings."""

from core.agent_coordination import CoordinationSignal, CoordinationSignals
from core.agent_tracking import AgentHeartbeat, HeartbeatCoordinator
from core.approval_gates import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from core.automation import (
    AutomationRecorder,
    complete_agent_assignment,
    complete_task_routing,
    record_agent_assignment,
    record_coverage,
    record_file_test,
    record_task_routing,
    record_test_execution,
)
from core.credentials import AccessTier, AgentCredentials
from core.errors import (
    DecisionUnconfirmed,
    HistoryUnavailable,
    MalformedRecord,
    StoreMisconfigured,
    StoreRefused,
    StoreUnavailable,
    TelemetryError,
)
from core.event_streaming import EventStreamer, StreamEvent
from core.features import FeatureInfo, FeatureStatus, TelemetryFeatures
from core.feedback_loop import FeedbackEntry, FeedbackLoop, ModelTier, QualityStats, TierRecommendation
from core.help_tracker import HelpTracker, get_tracker
from core.usage_tracker import UsageTracker

__all__ = [
    "AccessTier",
    "AgentCredentials",
    "AgentHeartbeat",
    "ApprovalGate",
    "ApprovalRequest",
    "ApprovalResponse",
    "AutomationRecorder",
    "CoordinationSignal",
    "CoordinationSignals",
    "Decision",
    "DecisionUnconfirmed",
    "EventStreamer",
    "FeatureInfo",
    "FeatureStatus",
    "FeedbackEntry",
    "FeedbackLoop",
    "HeartbeatCoordinator",
    "HelpTracker",
    "HistoryUnavailable",
    "MalformedRecord",
    "ModelTier",
    "QualityStats",
    "StoreMisconfigured",
    "StoreRefused",
    "StoreUnavailable",
    "StreamEvent",
    "TelemetryError",
    "TelemetryFeatures",
    "TierRecommendation",
    "UsageTracker",
    "complete_agent_assignment",
    "complete_task_routing",
    "get_tracker",
    "record_agent_assignment",
    "record_coverage",
    "record_file_test",
    "record_task_routing",
    "record_test_execution",
]
