"""What agents import: ask people, say that you live, tell what you do. Works without Django settings.

Gate, AsyncGate: ask people, over HTTP or Redis. ApprovalGate: over Redis alone, also to answer.
HeartbeatCoordinator: signs of life. CoordinationSignals: to each other. EventStreamer: to whoever listens.
UsageTracker: what calls of models cost. FeedbackLoop: ratings, and which model tier to use.
AutomationRecorder and the functions named like its methods: routings, test runs, coverage, assignments.
TelemetryFeatures: what works here. HelpTracker: lookups in help. Errors: TelemetryError and those below it.
"""

from .agent_coordination import CoordinationSignal, CoordinationSignals
from .agent_tracking import AgentHeartbeat, HeartbeatCoordinator
from .approval_gates import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from .automation import (
    AutomationRecorder,
    complete_agent_assignment,
    complete_task_routing,
    record_agent_assignment,
    record_coverage,
    record_file_test,
    record_task_routing,
    record_test_execution,
)
from .credentials import AccessTier, AgentCredentials
from .errors import (
    AlreadyCollected,
    DecisionUnconfirmed,
    HistoryUnavailable,
    MalformedRecord,
    StoreMisconfigured,
    StoreRefused,
    StoreUnavailable,
    TelemetryError,
    TooLarge,
)
from .event_streaming import EventStreamer, StreamEvent
from .features import FeatureInfo, FeatureStatus, TelemetryFeatures
from .feedback_loop import FeedbackEntry, FeedbackLoop, ModelTier, QualityStats, TierRecommendation
from .gate import AsyncGate, Gate
from .help_tracker import HelpTracker, get_tracker
from .usage_tracker import UsageTracker

__version__ = "0.1.0"

__all__ = [
    "AccessTier",
    "AgentCredentials",
    "AgentHeartbeat",
    "AlreadyCollected",
    "ApprovalGate",
    "ApprovalRequest",
    "ApprovalResponse",
    "AsyncGate",
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
    "Gate",
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
    "TooLarge",
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
