"""Telemetry primitives over Redis: what agents import. Works without Django settings."""

from core.agent_tracking import AgentHeartbeat, HeartbeatCoordinator
from core.approval_gates import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreRefused, StoreUnavailable, TelemetryError

__all__ = [
    "AgentHeartbeat",
    "ApprovalGate",
    "ApprovalRequest",
    "ApprovalResponse",
    "Decision",
    "DecisionUnconfirmed",
    "HeartbeatCoordinator",
    "MalformedRecord",
    "StoreRefused",
    "StoreUnavailable",
    "TelemetryError",
]
