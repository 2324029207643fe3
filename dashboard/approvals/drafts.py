"""A rule that is being written: what the form offers of a request, and what it said."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from core.approvals.deciding import MAX_REASON_LENGTH
from core.history.approvals import terms
from core.history.approvals.rules import MOST_USES, NAMED_ANY, RuleDraft
from core.history.approvals.terms import Scope, ValueTerm
from core.models.policy import ANY
from core.values.json import loads_strictly
from core.values.malformed import ODD
from core.values.secrets import masked_json
from dashboard import words
from dashboard.access import Approval

SHOWN = 200
LONGEST_NAME = 1_000  # characters of the names that lead to a value, which stand in a rule for each of them


@dataclass(frozen=True)
class ValueChoice:
    """One value of the request, and what the form says of it."""

    number: int
    term: ValueTerm
    shown: str  # one of several lines as JSON: a hundred short lines are no page of their own
    cut: bool
    how: list[tuple[str, str, bool]]  # value, word, whether it is chosen
    value: str
    most: str


@dataclass(frozen=True)
class RuleForm:
    """The form of a rule made from one request."""

    request_id: str
    kind: str
    agent_id: str
    choices: list[ValueChoice]
    said: Mapping[str, str]
    barred: str = ""  # why no rule can be made from it

    @classmethod
    def of(cls, approval: Approval, said: Mapping[str, str]) -> "RuleForm":
        """For a request, with what was said so far."""
        known = approval.known
        about = (str(known.request_id), known.approval_type, known.agent_id)
        if known.agent_id == ANY:
            return cls(*about, [], said, NAMED_ANY)
        found, shown = _values(known.context)
        if found is None or len(found) > terms.MOST_VALUES:
            why = words.TOO_MANY_VALUES.format(most=terms.MOST_VALUES) if found else words.NO_TEXT
            return cls(*about, [], said, why)
        if any(len(terms.name_of(path)) > LONGEST_NAME for path, _value in found):
            return cls(*about, [], said, words.LONG_NAMES)
        chosen = [_choice(number, path, value, shown, said) for number, (path, value) in enumerate(found)]
        return cls(*about, chosen, said)

    @property
    def lasting(self) -> list[tuple[int, str, bool]]:
        """How long it may last: hours, in words, whether it is chosen."""
        chosen = self.said.get("hours", "4")
        return [(hours, word, str(hours) == chosen) for hours, word in words.LASTING.items()]

    @property
    def limits(self) -> dict[str, int]:
        """What the fields take at most."""
        return {"uses": MOST_USES, "reason": MAX_REASON_LENGTH}

    def draft(self) -> RuleDraft:
        """The rule that was written; ValueError, as a sentence, for what makes none."""
        said = self.said
        if said.get("answer") not in ("approve", "deny"):
            raise ValueError(words.CHOOSE)
        agent = ANY if said.get("agent") == "every" else self.agent_id
        chosen = tuple(_term(choice, said) for choice in self.choices)
        scope = Scope(said["answer"] == "approve", self.kind, agent, chosen)
        reason = said.get("reason", "").replace("\r\n", "\n").strip()
        lasts = timedelta(hours=_whole(said.get("hours", "")))
        return RuleDraft(scope, reason, lasts, _whole(said.get("uses", "")), self.request_id).checked()


def draft_digest(draft: RuleDraft) -> str:
    """What tells whether the rule that is saved is the one that was shown."""
    return hashlib.sha256(repr(draft).encode(errors="backslashreplace")).hexdigest()


def _values(context: bytes | str) -> tuple[list[tuple[terms.Path, Any]] | None, Any]:
    """The first values of a context, one more than a rule can name, and the context without secrets; None for none."""
    try:
        text = context.decode() if isinstance(context, bytes) else context
        found = list(islice(terms.values(loads_strictly(text)), terms.MOST_VALUES + 1)) if text else None
        return found, loads_strictly(masked_json(text).text) if text else None
    except ODD:
        return None, None


def _offered(value: Any, *, hidden: bool) -> list[str]:
    """What a value of this kind can be asked to be. A secret stands in no rule: it may only be anything."""
    if hidden:
        return [terms.FREE]
    more = terms.PREFIX if isinstance(value, str) and value else terms.RANGE if terms.is_number(value) else ""
    return [terms.EXACT, *([more] if more else []), terms.FREE]


def _choice(number: int, path: terms.Path, value: Any, masked: Any, said: Mapping[str, str]) -> ValueChoice:
    shown = terms.value_at(masked, path)
    hidden = not terms.same(shown, value)
    offered = _offered(value, hidden=hidden)
    chosen = said.get(f"how-{number}", offered[0])
    value = words.HIDDEN if hidden and not isinstance(shown, str) else shown
    text = value if isinstance(value, str) else json.dumps(value)
    flat = json.dumps(text, ensure_ascii=False) if len(text.splitlines()) > 1 else text
    return ValueChoice(
        number,
        ValueTerm(path, offered[0], value),
        flat[:SHOWN],
        len(flat) > SHOWN,
        [(how, words.HOW[how], how == chosen) for how in offered],
        said.get(f"value-{number}", text[:SHOWN].partition("\n")[0]),
        said.get(f"most-{number}", text[:SHOWN]),
    )


def _term(choice: ValueChoice, said: Mapping[str, str]) -> ValueTerm:
    """What the form says of a value; it holds for the request at hand, or somebody erred."""
    number, asked = choice.number, choice.term
    how = said.get(f"how-{number}", "")
    if how not in [value for value, _word, _chosen in choice.how]:
        raise ValueError(words.NOT_OFFERED.format(name=asked.name))
    value, most = said.get(f"value-{number}", ""), said.get(f"most-{number}", "")
    if how == terms.PREFIX:
        term = asked._replace(how=how, value=value)
    elif how == terms.RANGE:
        term = asked._replace(how=how, value=_number(asked.name, value), most=_number(asked.name, most))
    else:
        term = asked._replace(how=how, value=None) if how == terms.FREE else asked._replace(how=how)
    if not term.checked().holds(asked.value):
        raise ValueError(words.NOT_SO.format(name=asked.name))
    return term


def _number(name: str, text: str) -> int | float:
    for kind in (int, float):
        try:
            found = kind(text)
        except ValueError:
            continue
        if terms.is_number(found):
            return found
    raise ValueError(words.NO_NUMBER.format(name=name, text=text or words.NOTHING))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 7):
        raise ValueError(words.NO_WHOLE_NUMBER.format(text=text or words.NOTHING))
    return int(text)
