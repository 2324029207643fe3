"""What the record can tell of: each kind of entry with its words for a reader."""

import json
from typing import Any

from core.values.malformed import ODD

LABELS = {
    "approval.requested": "approval asked",
    "approval.approved": "approved",
    "approval.rejected": "denied",
    "approval.timeout": "timed out",
    "approval.cancelled": "cancelled",
    "approval.collected": "answer collected",
    "decision.refused": "refused attempt to decide",
    "decision.uncertain": "answer that may have taken effect",
    "session.started": "signed in",
    "session.ended": "signed out",
    "session.refused": "sign-in failed",
    "session.refused_more": "more sign-ins failed",
    "account.created": "account created",
    "account.changed": "account changed",
    "account.password": "password changed",
    "account.deleted": "account deleted",
    "group.created": "group created",
    "group.renamed": "group renamed",
    "group.deleted": "group deleted",
    "rights.granted": "rights granted",
    "rights.taken": "rights taken",
    "settings.changed": "settings changed",
    "record.contradicted": "ended in another way in Redis",
    "record.exported": "record exported",
    "record.guarded": "guards put in place",
    "record.pruned": "texts removed by retention",
    "record.repaired": "record repaired",
    "record.restored": "restored from a backup",
    "record.retried": "repair tried in vain",
}


def label(kind: str) -> str:
    """The kind in words; an unknown one as it is."""
    return LABELS.get(kind, kind)


_TOLD = ("approval_type", "why", "outcome", "reason", "status", "name", "account", "group", "what", "process")
_LISTS = ("groups", "permissions", "changed", "guards")
_COUNTS = {"more": "failed", "requests": "requests"}


def read_details(text: str) -> dict[str, Any]:
    """The details of an entry. Where somebody damaged them, `why` says so and holds the text."""
    try:
        said = json.loads(text)
        if isinstance(said, dict):
            return said
    except ODD:
        pass
    return {"why": f"this entry is damaged: {text}"}


def in_short(details: str) -> str:
    """The details of an entry in at most 200 characters."""
    said = read_details(details)
    try:
        words = [str(said[name]) for name in _TOLD if said.get(name)]
        words += [", ".join(said[name]) for name in _LISTS if said.get(name)]
        words += [f"{said[name]} {noun}" for name, noun in _COUNTS.items() if said.get(name)]
    except TypeError:
        return str(details)[:200]
    return "; ".join(words)[:200]
