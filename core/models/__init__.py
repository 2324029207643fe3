"""What SQL remembers. Only `core.history` writes here."""

from core.models.agents import AgentRun
from core.models.approvals import ApprovalRecord, DecisionIntent
from core.models.audit import AppendOnlyError, AppendOnlyQuerySet, AuditCheck, AuditEntry, AuditHead
from core.models.automation import (
    AgentAssignment,
    CoverageRecord,
    FileTestRecord,
    TaskRouting,
    TestExecution,
    TestFailure,
)
from core.models.exports import Export
from core.models.people import SignInMinute, WebSession
from core.models.recorder import Cursor, SetAsideEntry
from core.models.usage import AgentHour, LLMCall, UsageHour

__all__ = [
    "AgentAssignment",
    "AgentHour",
    "AgentRun",
    "AppendOnlyError",
    "AppendOnlyQuerySet",
    "ApprovalRecord",
    "AuditCheck",
    "AuditEntry",
    "AuditHead",
    "CoverageRecord",
    "Cursor",
    "DecisionIntent",
    "Export",
    "FileTestRecord",
    "LLMCall",
    "SetAsideEntry",
    "SignInMinute",
    "TaskRouting",
    "TestExecution",
    "TestFailure",
    "UsageHour",
    "WebSession",
]
