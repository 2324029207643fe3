"""Telemetry primitives over Redis: what agents import. Works without Django settings."""

from core.agent_coordination import CoordinationSignal, CoordinationSignals
from core.agent_tracking import AgentHeartbeat, HeartbeatCoordinator
from core.approval_gates import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from core.credentials import AccessTier, AgentCredentials
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreRefused, StoreUnavailable, TelemetryError

__all__ = [
    "AccessTier",
    "AgentCredentials",
    "AgentHeartbeat",
    "ApprovalGate",
    "ApprovalRequest",
    "ApprovalResponse",
    "CoordinationSignal",
    "CoordinationSignals",
    "Decision",
    "DecisionUnconfirmed",
    "HeartbeatCoordinator",
    "MalformedRecord",
    "StoreRefused",
    "StoreUnavailable",
    "TelemetryError",
]
