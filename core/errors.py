"""The exceptions that callers of this package may catch. Bad arguments raise ValueError or TypeError."""

from datetime import datetime


class TelemetryError(Exception):
    """Base of everything that this package raises on its own account."""


class StoreUnavailable(TelemetryError):
    """Redis could not be reached, did not answer in time, or refused the command.

    A write that ends so may or may not have taken effect; a read has no result.
    """


class StoreMisconfigured(StoreUnavailable):
    """A setting that says where Redis is, or under which names, cannot be used; the message names the setting.

    What goes on without Redis goes on with this too. A bad `memory` argument is a ValueError or TypeError instead.
    """


class StoreRefused(StoreUnavailable):
    """Redis answered with an error, for example that it is full or read-only: nothing was changed."""


class TooLarge(StoreRefused):
    """More than the site takes in one piece: nothing was stored, and asking for the same again changes nothing."""


class DecisionUnconfirmed(StoreUnavailable):
    """Redis gave no answer to a decision, so nobody knows yet whether it took effect.

    Repeat `decide` with the same `decision_id`: it answers the same as the lost reply did.
    """


class AlreadyCollected(TelemetryError):
    """An approval that is claimed was collected before, under another name or none: it is not to be used again.

    `collected_by` is that claim or '', `collected_at` when it was, by Redis's clock.
    """

    def __init__(self, request_id: str, collected_by: str, collected_at: datetime) -> None:
        by = repr(collected_by) if collected_by else "an asker that made no claim"
        super().__init__(f"approval {request_id} was collected by {by} at {collected_at.isoformat()}")
        self.request_id = request_id
        self.collected_by = collected_by
        self.collected_at = collected_at

    def __reduce__(self) -> tuple[type["AlreadyCollected"], tuple[str, str, datetime]]:
        return type(self), (self.request_id, self.collected_by, self.collected_at)


class MalformedRecord(TelemetryError):
    """A record in Redis that this version cannot read; the message names the record and the field."""


class HistoryUnavailable(TelemetryError):
    """The whole history is in the site's database, and this process does not have it; the message says who does."""
