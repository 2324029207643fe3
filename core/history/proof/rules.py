"""Whether the rows of rules say what the record says of them since they were made."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from core.history.audit.kinds import details_of
from core.models import AuditEntry, Rule
from core.models.sealed import missing_key
from core.values.digests import text_digest

MADE, REVOKED = "rule.made", "rule.revoked"
AS_THEY_STAND = ("approved", "approval_type", "agent", "digest", "reason", "most_uses")
_NUMBER = re.compile(r"rule (\d{1,18}) of ")
AT_ONCE = 500


def wrong_rules(unread: Counter[str]) -> list[tuple[int, str]]:
    """Number and difference, in words, for every rule whose row is not what the record says.

    unread: gets, by id of the key that is missing, how many values could not be compared.
    """
    found = list(_differences(unread))
    # Both may have been written between the two questions: what is wrong is so a second time.
    again = set(_differences(Counter())) if found else set()
    return [one for one in found if one in again]


def _differences(unread: Counter[str]) -> Iterator[tuple[int, str]]:
    told, revoked = _told(MADE), _told(REVOKED)
    for rule in Rule.objects.order_by("pk").iterator(AT_ONCE):
        key = missing_key(rule.terms)
        if key:
            unread[key] += 1
        said = told.pop(rule.pk, None)
        if said is None:
            yield rule.pk, "the record knows nothing of it"
            continue
        if rule.revoked_at is None and rule.pk in revoked:
            yield rule.pk, "it stands there, and was revoked by the record"
        ours = {name: getattr(rule, name) for name in AS_THEY_STAND}
        ours |= {"expires_at": _iso(rule.expires_at), "run": str(rule.run_id or "")}
        pairs = {name: (value, said[name]) for name, value in ours.items() if name in said}
        if not key and "terms" in said:
            pairs["values"] = (rule.terms, said["terms"])
        elif not key and "terms_digest" in said:
            pairs["values"] = (text_digest(str(rule.terms)), said["terms_digest"])
        for name, (value, theirs) in pairs.items():
            if value != theirs:
                yield rule.pk, f"its {name.replace('_', ' ')} is not the one in the record"
    yield from ((number, "the record tells of it, and its row is gone") for number in told)


def _iso(moment: Any) -> str:
    """As the record has it; a damaged one is no moment."""
    return moment.isoformat() if isinstance(moment, datetime) else str(moment)


def _told(kind: str) -> dict[int, dict[str, Any]]:
    """What the record says of each rule, by its number; a damaged entry says nothing."""
    found: dict[int, dict[str, Any]] = {}
    for text in AuditEntry.objects.filter(kind=kind).order_by("sequence").values_list("details", flat=True):
        said = details_of(text) or {}
        number = _NUMBER.match(str(said.get("what")))
        if number is not None:
            found.setdefault(int(number[1]), said)
    return found
