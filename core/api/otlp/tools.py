"""What tools did that people were asked about: the record of a request hears it once, from the agent's telemetry."""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

from django.db import transaction
from django.utils import timezone

from core.api.otlp.calls import first
from core.api.otlp.records import LOGS, Attributes, Record
from core.errors import StoreUnavailable
from core.history.audit import entries
from core.history.audit.entries import Fact
from core.store.approvals import ID_LENGTH, valid_id
from core.store.client import open_store
from core.values.approvals import DENIED, REJECTED
from core.values.json import storable
from core.values.names import NAME_LENGTH

logger = logging.getLogger(__name__)

RAN, FAILED, NEVER_RAN = "tool.ran", "tool.failed", "tool.never_ran"
NO = {"reject", "abort", "deny", DENIED, REJECTED}
SESSIONS = ("session.id", "conversation.id", "gen_ai.conversation.id")
USES = ("tool_use_id", "call_id", "gen_ai.tool.call.id")
NAMES = ("tool_name", "gen_ai.tool.name")


class ToolUse(NamedTuple):
    """What became of one call of a tool."""

    agent: str
    kind: str
    use: str
    keys: tuple[str, ...]  # under which people may have been asked
    tool: str
    at: int


def use_of(record: Record, agent: str) -> ToolUse | None:
    """What the record says of a call of a tool; None where it says nothing that lasts."""
    said = record.attributes
    kind = _of_log(record.name, said) if record.signal == LOGS else _of_span(record)
    use = first(said, USES)
    if not kind or not isinstance(use, str) or not use or not use.isprintable():
        return None
    session = first(said, SESSIONS)
    keys: tuple[str, ...] = (f"{session}:{use}", f"mcp:{use}", use)
    keys = tuple(key[:NAME_LENGTH] for key in keys if key.isprintable())
    tool = storable(str(first(said, NAMES) or ""))[:NAME_LENGTH]
    return ToolUse(agent, kind, use[:NAME_LENGTH], keys, tool, record.end or record.at)


def _of_log(name: str, said: Attributes) -> str:
    if name.endswith(".tool_result"):
        return RAN if str(said.get("success", True)).lower() == "true" else FAILED
    if name.endswith(".tool_decision"):
        return NEVER_RAN if str(said.get("decision")).lower() in NO else ""
    return ""


def _of_span(record: Record) -> str:
    if record.attributes.get("gen_ai.operation.name") != "execute_tool":
        return ""
    return FAILED if record.failed else RAN


def remember(uses: Iterable[ToolUse]) -> None:
    """Tell the record what became of tools that people were asked about. One round trip, and a transaction if any."""
    told = list(uses)
    try:
        facts = list(_facts(told))
    except StoreUnavailable as error:
        # What the calls cost is worth more than this: the export is taken without it.
        logger.warning("what %d tools did is not told to the record: %s", len(told), error)
        return
    if facts:
        with transaction.atomic():
            entries.append(facts)


def _facts(uses: list[ToolUse]) -> Iterable[Fact]:
    if not uses:
        return
    store = open_store()
    names = [(use, key) for use in uses for key in use.keys]
    found = store.read("MGET", *(store.keys.approval_key(use.agent, key) for use, key in names))
    for (use, _key), named in zip(names, found, strict=True):
        request_id = "" if named is None else named[:ID_LENGTH].decode(errors="replace")
        if valid_id(request_id):
            about = {"name": use.tool, "told_at": _moment(use.at)}
            name = f"{use.kind}:{request_id}:{use.use}"[:NAME_LENGTH]
            yield Fact(name, use.kind, timezone.now(), "", use.agent, request_id, about)


def _moment(nanoseconds: int) -> str:
    try:
        return datetime.fromtimestamp(nanoseconds / 1e9, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""
