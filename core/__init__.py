"""Telemetry primitives over Redis: what agents import. Works without Django settings."""

from core.agent_tracking import AgentHeartbeat, HeartbeatCoordinator
from core.approval_gates import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from core.errors import (
    DecisionUnconfirmed,
    HistoryUnavailable,
    MalformedRecord,
    StoreRefused,
    StoreUnavailable,
    TelemetryError,
)
from core.usage_tracker import UsageTracker

__all__ = [
    "AgentHeartbeat",
    "ApprovalGate",
    "ApprovalRequest",
    "ApprovalResponse",
    "Decision",
    "DecisionUnconfirmed",
    "HeartbeatCoordinator",
    "HistoryUnavailable",
    "MalformedRecord",
    "StoreRefused",
    "StoreUnavailable",
    "TelemetryError",
    "UsageTracker",
]
