"""Telemetry primitives over Redis: what agents import. Works without Django settings."""

from core.agent_tracking import AgentHeartbeat, HeartbeatCoordinator
from core.approval_gates import ApprovalGate, ApprovalRequest, ApprovalResponse, Decision
from core.errors import DecisionUnconfirmed, MalformedRecord, StoreRefused, StoreUnavailable, TelemetryError
from core.event_streaming import EventStreamer, StreamEvent

__all__ = [
    "AgentHeartbeat",
    "ApprovalGate",
    "ApprovalRequest",
    "ApprovalResponse",
    "Decision",
    "DecisionUnconfirmed",
    "EventStreamer",
    "HeartbeatCoordinator",
    "MalformedRecord",
    "StoreRefused",
    "StoreUnavailable",
    "StreamEvent",
    "TelemetryError",
]
