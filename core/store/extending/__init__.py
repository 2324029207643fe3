"""A later deadline for a request whose asker hears of it: the command."""

from ..keys import Keys
from ..script import SCRIPTS, Command

EXTEND = SCRIPTS["approvals/extend"]


def extend(
    keys: Keys, request_id: str, *, digest: str, deadline_ms: int, extension_id: str, key: tuple[str, str]
) -> Command[str]:
    """Move the deadline of a request that waits: extended; or why not: unknown, changed or another end.

    key: agent and the name that it gave the request, or ''.
    """
    agent_id, name = key
    script_keys = [
        keys.approval_request(request_id),
        keys.approvals_pending,
        keys.outbox,
        keys.installation,
        keys.approvals_asked(agent_id),
    ]
    if name:
        script_keys.append(keys.approval_key(agent_id, name))
    return Command(EXTEND, script_keys, [request_id, digest, deadline_ms, extension_id], bytes.decode)
