"""What SQL remembers. Only `core.history` writes here."""

from core.models.agents import AgentRun
from core.models.approvals import (
    ApprovalComment,
    ApprovalRecord,
    DeadlineExtension,
    DecisionIntent,
    HandOver,
)
from core.models.audit import AppendOnlyError, AppendOnlyQuerySet, AuditCheck, AuditEntry, AuditHead, Export
from core.models.automation import (
    AgentAssignment,
    CoverageRecord,
    FileTestRecord,
    TaskRouting,
    TestExecution,
    TestFailure,
)
from core.models.callbacks import Callback
from core.models.notices import Escalation, Notice, NoticeChannel, NoticeWish
from core.models.people import Preferences, SignInMinute, WebSession
from core.models.policy import (
    AgentOwner,
    ApprovalType,
    Ballot,
    DecisionGrant,
    DenyPreset,
    PolicyState,
    Team,
    Vote,
)
from core.models.protocol import ProtocolAnswer, ProtocolInstance, ProtocolRequest
from core.models.recorder import Cursor, SetAsideEntry
from core.models.rules import Rule
from core.models.tokens import AgentToken, DeviceCode
from core.models.usage import AgentHour, CallName, LLMCall, UsageHour
