"""Who may decide what: the one answer that every door asks for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, NamedTuple, Protocol

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import (
    BooleanField,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Value,
)

from core.history.people import rights
from core.history.people.lookalikes import begins_alike, skeleton
from core.models import (
    AgentOwner,
    AgentToken,
    ApprovalType,
    DecisionGrant,
    PolicyState,
    ProtocolInstance,
)
from core.models.policy import ANY
from core.values.text import visible

# Why not, as a sentence for the person who is refused.
INACTIVE = "This account is not active."
NO_RIGHT = "You may look, but not approve or deny. Ask an administrator for the group “approver”."
NOT_THIS = "You may not answer this kind of request of this agent. Who may is set by an administrator."
ASKED = "You asked for this yourself, so somebody else must answer."
LOOKS_ALIKE = "Your name looks like that of the agent that asked for this, so somebody else must answer."
OWNED = "This agent is yours, so somebody else must answer."
# Why, where that is not the usual.
ALONE = "Your own agent asked. Nobody else here may approve, so you may, and the record says so."
GLASS = "You asked for this, or the agent is yours. You may answer with a reason, and the record says so."

# What is missing, as a sentence too.
LACKING = {
    "override": "Nothing was decided: to answer this yourself, tick that you mean to, and give a reason.",
    "reason": "Nothing was decided: this demands a reason, in words that can be read.",
    "digest": "Nothing was decided: to approve this, type the first six characters of its digest.",
    "sign_in": "Nothing was decided: to approve this, give your password again. It counts for five minutes.",
}

# What an answer must bring beside the button.
OVERRIDE = "override"
REASON = "reason"
TYPED = "digest"
FRESH = "sign_in"
STRICTNESS = ("strict", "reason_required", "no_bulk", "fresh_sign_in", "digest_typed", "edits")
TYPED_LENGTH = 6
_SOMEBODY = -2_063_548_190  # no key of a row, in the range of one; stands for it in a query


class AnswerEvidence(NamedTuple):
    """What came with an answer. `typed`: of the digest. `fresh`: they showed within five minutes who they are."""

    override: bool = False
    reason: str = ""
    typed: str = ""
    fresh: bool = False

    def lacks(self, verdict: "Verdict", digest: str, *, approved: bool) -> str:
        """The first thing that an answer needs and does not bring; '' for none. A denial needs no proof of care."""
        have = self.brings(digest)
        needs = verdict.needs if approved else [need for need in verdict.needs if need in (OVERRIDE, REASON)]
        return next((need for need in needs if need not in have), "")

    def brings(self, digest: str) -> tuple[str, ...]:
        """Every need that it meets, asked for or not."""
        have = {
            OVERRIDE: self.override,
            REASON: bool(visible(self.reason)),
            TYPED: self.typed.strip().lower() == digest[:TYPED_LENGTH],
            FRESH: self.fresh,
        }
        return tuple(need for need, is_met in have.items() if is_met)


class PolicySubject(Protocol):
    """What policy looks at of a request."""

    @property
    def approval_type(self) -> str:
        """Its kind."""

    @property
    def agent_id(self) -> str:
        """Who asked."""


class Verdict(NamedTuple):
    """Whether somebody may decide a request. `why`: a sentence, '' for the usual yes.

    `needs`: what the answer must bring. `approvers`: how many people must approve. `bulk`: whether it may be
    answered together with others. `edits`: whether values may be changed by who approves.
    """

    allowed: bool
    why: str = ""
    needs: tuple[str, ...] = ()
    approvers: int = 1
    bulk: bool = True
    edits: bool = False


class Demands(NamedTuple):
    """What a type demands of its answers."""

    needs: tuple[str, ...] = ()
    approvers: int = 1
    bulk: bool = True
    edits: bool = False

    @classmethod
    def of(
        cls, people: int, strict: bool, reason: bool, single: bool, fresh: bool, typed: bool, edits: bool
    ) -> "Demands":
        """From a row. `strict`: of high risk, or not to be undone; that demands all but a reason."""
        wanted = ((REASON, reason), (TYPED, typed or strict), (FRESH, fresh or strict))
        needs = tuple(need for need, is_wanted in wanted if is_wanted)
        # Several people approve what they all read, so none of them changes it.
        return cls(needs, max(1, people), not (single or strict), edits and people <= 1)

    def stricter(self, other: "Demands") -> "Demands":
        """What either of them demands."""
        needs = tuple(need for need in (REASON, TYPED, FRESH) if need in self.needs + other.needs)
        both = (self.bulk and other.bulk, self.edits and other.edits)
        return Demands(needs, max(self.approvers, other.approvers), *both)


@dataclass(frozen=True)
class Powers:
    """What one person may decide: read in one query, asked for any number of requests."""

    active: bool = True
    decides: bool = False
    breaks_glass: bool = False
    alone: bool = False  # nobody else who is active holds the right to decide
    name: str = ""
    grants: frozenset[tuple[str, str]] = frozenset()
    owned: frozenset[tuple[str, bool]] = frozenset()  # names of agents, and whether all that begin so
    types: tuple[tuple[str, Demands], ...] = ()  # by the skeleton of their name
    version: int = field(default=0, compare=False)

    def verdict(self, request: PolicySubject) -> Verdict:
        """Whether this person may approve or deny it."""
        why = self._refusal(request)
        demands = self.demands(request.approval_type)
        if why:
            return Verdict(False, why, approvers=demands.approvers)
        conflict = self._conflict(request.agent_id)
        if not conflict:
            return Verdict(True, "", *demands)
        if conflict == OWNED and self.alone:
            return Verdict(True, ALONE, *demands)
        if self.breaks_glass and demands.approvers == 1:  # of several people each must be another one
            needs = (OVERRIDE, REASON, *(need for need in demands.needs if need != REASON))
            return Verdict(True, GLASS, needs, demands.approvers, bulk=False, edits=demands.edits)
        return Verdict(False, conflict, approvers=demands.approvers)

    def demands(self, approval_type: str) -> Demands:
        """What the type demands. A name that looks like that of a stricter type is no way around it."""
        return self._types.get(skeleton(approval_type)) or self._types.get(ANY) or Demands()

    @cached_property
    def _types(self) -> dict[str, Demands]:
        return dict(self.types)

    def _refusal(self, request: PolicySubject) -> str:
        if not self.active:
            return INACTIVE
        if not self.decides:
            return NO_RIGHT
        of_kind, of_agent = (request.approval_type, ANY), (request.agent_id, ANY)
        granted = any((kind, agent) in self.grants for kind in of_kind for agent in of_agent)
        return "" if granted else NOT_THIS

    def _conflict(self, agent_id: str) -> str:
        """Why an answer would be one to oneself; '' where it is none."""
        if agent_id == self.name:
            return ASKED
        seen = skeleton(agent_id)
        if seen == skeleton(self.name):
            return LOOKS_ALIKE
        mine = seen in self._own_agents or any(begins_alike(agent_id, name) for name in self._own_beginnings)
        return OWNED if mine else ""

    @cached_property
    def _own_agents(self) -> frozenset[str]:
        return frozenset(skeleton(name) for name, begins in self.owned if not begins)

    @cached_property
    def _own_beginnings(self) -> tuple[str, ...]:
        return tuple(name for name, begins in self.owned if begins)


def powers_of(user: Any) -> Powers:
    """What this person may decide, in one query; `has_perm` of the same object needs no further one."""
    held, grants, owned = set(), set(), set()
    types: dict[str, Demands] = {}
    version, alone = 0, False
    for kind, one, two, number, *flags in read_about(user, _facts):
        if kind == "right":
            held.add(f"{one}.{two}")
        elif kind == "grant":
            grants.add((one, two))
        elif kind == "owned":
            owned.add((one, bool(flags[0])))
        elif kind == "type":
            name = one if one == ANY else skeleton(one)
            found = Demands.of(number, *map(bool, flags))
            types[name] = found.stricter(types.get(name, found))
        elif kind == "policy":
            version, alone = number, bool(flags[0])
    rights.remember(user, held)
    decides = {rights.VIEW, rights.DECIDE} <= held
    return Powers(
        active=user.is_active,
        decides=decides,
        breaks_glass=rights.BREAK_GLASS in held,
        alone=alone and decides,  # or the first approver would have the pages of every viewer read anew
        name=user.get_username(),
        grants=frozenset(grants),
        owned=frozenset(owned),
        types=tuple(sorted(types.items())),
        version=version,
    )


def read_about(user: Any, rows: Callable[[Any], Any]) -> list[tuple[Any, ...]]:
    """The rows of a query about one person, which is put together once for this database.

    Django takes 5 ms for that, longer than the database, and whoever writes has others wait.
    """
    sql, parameters = _sql(rows, connection.vendor)
    with connection.cursor() as cursor:
        cursor.execute(sql, [user.pk if value == _SOMEBODY else value for value in parameters])
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


@cache
def _sql(rows: Callable[[Any], Any], _vendor: str) -> tuple[str, tuple[Any, ...]]:
    sql, parameters = rows(get_user_model()(pk=_SOMEBODY)).query.sql_with_params()
    return sql, tuple(parameters)


def _facts(user: Any) -> Any:
    """Everything about one person that policy looks at, as rows of one shape."""
    mine = Q(team__people=user)
    types = ApprovalType.objects.annotate(strict=_is(Q(high_risk=True) | Q(irreversible=True)))
    others = rights.deciders(get_user_model()).exclude(pk=user.pk)
    states = PolicyState.objects.annotate(alone=~Exists(others))
    rows = [
        _row(rights.granted_permissions(user), "right", "content_type__app_label", "codename"),
        _row(DecisionGrant.objects.filter(Q(team=None) | mine), "grant", "approval_type", "agent"),
        _row(AgentOwner.objects.filter(Q(person=user) | mine), "owned", "agent", flags=("is_prefix",)),
        _row(speaking().filter(owner=user), "owned", "agent", flags=("is_prefix",)),
        _row(types, "type", "name", number="approvers", flags=STRICTNESS),
        _row(states, "policy", number="version", flags=("alone",)),
    ]
    return rows[0].union(*rows[1:])


def speaking() -> "QuerySet[AgentToken]":
    """Tokens whose owners may ask by them, also of an agent that is not theirs any more: those that nobody revoked.

    Without those of instances, whose names begin as the token says that made them.
    """
    made = ProtocolInstance.objects.filter(token=OuterRef("pk"), provisioner__revoked_at=None)
    return AgentToken.objects.filter(~Exists(made), revoked_at=None)


def _is(condition: Q) -> "ExpressionWrapper[Any]":
    return ExpressionWrapper(condition, output_field=BooleanField())


def _row(
    found: Any,
    kind: str,
    one: str = "",
    two: str = "",
    number: str = "",
    flags: tuple[str, ...] = (),
) -> Any:
    """Rows of one table as kind, two texts, a number and flags; what a table does not have is empty."""
    columns: dict[str, Any] = {"fact": Value(kind, CharField())}
    columns["one"] = F(one) if one else Value("", CharField())
    columns["two"] = F(two) if two else Value("", CharField())
    columns["number"] = F(number) if number else Value(0, IntegerField())
    for place in range(len(STRICTNESS)):
        columns[f"flag_{place}"] = F(flags[place]) if place < len(flags) else Value(False, BooleanField())
    return found.order_by().annotate(**columns).values_list(*columns)
