"""What a rule looks at of a request: kind, agent, and the values in the context. Data, never code."""

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from core.history.people.lookalikes import skeleton
from core.models import Rule
from core.models.policy import ANY

Path = tuple[str | int, ...]

FREE = "any"
EXACT = "is"
PREFIX = "begins"
RANGE = "between"
HOW = (EXACT, PREFIX, RANGE, FREE)
MOST_VALUES = 50
_MISSING = object()


class ValueTerm(NamedTuple):
    """What one value must be: any, exactly `value`, a text that begins with it, or a number from it to `most`."""

    path: Path
    how: str
    value: Any = None
    most: Any = None

    def holds(self, found: Any) -> bool:
        """Whether this value is as it must be."""
        if self.how == FREE:
            return True
        if self.how == EXACT:
            return same(found, self.value)
        if self.how == PREFIX:
            return isinstance(found, str) and found.startswith(self.value)
        return is_number(found) and self.value <= found <= self.most

    def checked(self) -> "ValueTerm":
        """This; ValueError, as a sentence, for one that makes no sense."""
        if self.how not in HOW:
            raise ValueError(f"{self.name} must be one of {', '.join(HOW)}")
        if self.how == PREFIX and not (isinstance(self.value, str) and self.value):
            raise ValueError(f"{self.name} needs a beginning of at least one character")
        if self.how == RANGE and not (is_number(self.value) and is_number(self.most)):
            raise ValueError(f"{self.name} needs two numbers")
        return self

    @property
    def name(self) -> str:
        """The path for a reader."""
        return name_of(self.path)


class Scope(NamedTuple):
    """Which requests a rule answers. A rule that approves knows every value; a new one is for a person."""

    approved: bool
    approval_type: str
    agent: str
    terms: tuple[ValueTerm, ...] = ()
    digest: str = ""

    @classmethod
    def of(cls, rule: Rule) -> "Scope":
        """That of a rule."""
        return cls(rule.approved, rule.approval_type, rule.agent, read_terms(rule.terms), rule.digest)

    def names(self, approval_type: str, agent_id: str) -> bool:
        """Whether it is about this kind and agent. To refuse, names that look alike are the same."""
        look = str if self.approved else skeleton
        return look(approval_type) == look(self.approval_type) and (
            self.agent == ANY or look(agent_id) == look(self.agent)
        )

    def covers(self, approval_type: str, agent_id: str, context: Any, digest: str) -> bool:
        """Whether it answers this request."""
        if not self.names(approval_type, agent_id):
            return False
        if self.digest:
            return digest == self.digest
        if not all(term.how == FREE or term.holds(value_at(context, term.path)) for term in self.terms):
            return False
        known = {term.path for term in self.terms}
        return not self.approved or all(path in known for path, _value in values(context))


def read_terms(text: str) -> tuple[ValueTerm, ...]:
    """From a rule's row."""
    return tuple(ValueTerm(tuple(path), how, value, most) for path, how, value, most in json.loads(text))


def written(terms: tuple[ValueTerm, ...]) -> str:
    """For a rule's row."""
    return json.dumps([list(term) for term in terms], ensure_ascii=False)


def values(context: Any) -> Iterator[tuple[Path, Any]]:
    """Every value in a context with its path; an empty list or object is one too."""
    waiting: list[tuple[Path, Any]] = [((), context)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict) and value:
            waiting += [((*path, key), part) for key, part in reversed(value.items())]
        elif isinstance(value, list) and value:
            waiting += [((*path, place), part) for place, part in reversed(list(enumerate(value)))]
        elif path:
            yield path, value


def value_at(context: Any, path: Path) -> Any:
    """The value at a path; something equal to nothing where there is none."""
    for part in path:
        if isinstance(context, dict):
            context = context.get(part, _MISSING)
        elif isinstance(context, list) and isinstance(part, int) and part < len(context):
            context = context[part]
        else:
            return _MISSING
    return context


def name_of(path: Path) -> str:
    """A path for a reader: args 1, counted from one as pages do; the whole has a name too."""
    return " ".join(str(part + 1 if isinstance(part, int) else part) for part in path) or "it"


def is_number(value: Any) -> bool:
    """Whether a range can hold it."""
    return type(value) is int or (type(value) is float and math.isfinite(value))


def same(one: Any, two: Any) -> bool:
    """Whether JSON would call them the same: true is not 1."""
    return isinstance(one, bool) == isinstance(two, bool) and bool(one == two)
