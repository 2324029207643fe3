"""Who an agent is and how far it may go: four tiers, each of which includes those below it."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from .values.names import checked_name
from .values.numbers import shown
from .values.records import PlainDict


class AccessTier(IntEnum):
    """How far an agent may go. Higher tiers include lower ones."""

    OBSERVER = 1
    CONTRIBUTOR = 2
    VALIDATOR = 3
    STEWARD = 4

    def can_read(self) -> bool:
        """Every tier may read."""
        return self >= AccessTier.OBSERVER

    def can_stage(self) -> bool:
        """From CONTRIBUTOR up: may send signals and put work forward."""
        return self >= AccessTier.CONTRIBUTOR

    def can_validate(self) -> bool:
        """From VALIDATOR up: may confirm the work of others."""
        return self >= AccessTier.VALIDATOR

    def can_administer(self) -> bool:
        """STEWARD alone: may change how others work."""
        return self >= AccessTier.STEWARD


@dataclass
class AgentCredentials(PlainDict):
    """An agent's name and tier. They are a caller's own word: nobody signs them.

    Raises TypeError or ValueError for a bad name or tier.
    """

    agent_id: str
    tier: AccessTier
    roles: list[str] = field(default_factory=list)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        super().__post_init__()
        checked_name(self.agent_id, "agent_id")
        if isinstance(self.tier, bool) or not isinstance(self.tier, int):
            raise TypeError(f"tier must be an AccessTier, not {shown(self.tier)}")
        if self.tier not in list(AccessTier):
            raise ValueError(f"tier must be 1 to 4, not {shown(self.tier)}")
        self.tier = AccessTier(self.tier)

    def can_read(self) -> bool:
        """Whether the tier may read."""
        return self.tier.can_read()

    def can_stage(self) -> bool:
        """Whether the tier may send signals and put work forward."""
        return self.tier.can_stage()

    def can_validate(self) -> bool:
        """Whether the tier may confirm the work of others."""
        return self.tier.can_validate()

    def can_administer(self) -> bool:
        """Whether the tier may change how others work."""
        return self.tier.can_administer()
