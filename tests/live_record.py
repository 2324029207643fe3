"""What Redis holds of a request, read as the pages read it."""

from core.approval_gates import ApprovalGate
from core.store.approvals import RequestRecord, read_record


def live_record(gate: ApprovalGate, request_id: str) -> RequestRecord | None:
    """The request where this gate asks and decides; None where nothing is there."""
    return read_record(gate._store, request_id)
