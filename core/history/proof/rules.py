"""Whether the rows of rules say what the record says of them since they were made."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from core.history.audit.kinds import details_of
from core.models import AuditEntry, Rule
from core.models.sealed import missing_key
from core.values.digests import text_digest

MADE = "rule.made"
AS_THEY_STAND = ("approved", "approval_type", "agent", "digest", "reason", "most_uses")
_NUMBER = re.compile(r"rule (\d{1,18}) of ")
AT_ONCE = 500


def wrong_rules(unread: Counter[str] | None = None) -> Iterator[tuple[int, str]]:
    """Number and difference, in words, for every rule whose row is not what the record says.

    unread: gets, by id of the key that is missing, how many values could not be compared.
    """
    told = _told()
    for rule in Rule.objects.order_by("pk").iterator(AT_ONCE):
        key = missing_key(rule.terms)
        if key and unread is not None:
            unread[key] += 1
        said = told.get(rule.pk)
        if said is None:
            yield rule.pk, "the record knows nothing of it"
            continue
        pairs = {name: (getattr(rule, name), said[name]) for name in AS_THEY_STAND if name in said}
        if not key and "terms" in said:
            pairs["values"] = (rule.terms, said["terms"])
        elif not key and "terms_digest" in said:
            pairs["values"] = (text_digest(str(rule.terms)), said["terms_digest"])
        for name, (ours, theirs) in pairs.items():
            if ours != theirs:
                yield rule.pk, f"its {name.replace('_', ' ')} is not the one in the record"


def _told() -> dict[int, dict[str, Any]]:
    """What the record says of each rule, by its number; a damaged entry says nothing."""
    found: dict[int, dict[str, Any]] = {}
    for text in AuditEntry.objects.filter(kind=MADE).order_by("sequence").values_list("details", flat=True):
        said = details_of(text) or {}
        number = _NUMBER.match(str(said.get("what")))
        if number is not None:
            found.setdefault(int(number[1]), said)
    return found
