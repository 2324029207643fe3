"""Requests that several people must approve: their votes, counted under the request's lock."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.dispatch import Signal
from django.utils import timezone

from core import failpoints
from core.approvals.request import Decision
from core.history.approvals.policy import Powers, powers_of
from core.history.audit.entries import Fact, about
from core.history.people import rights
from core.history.people.lookalikes import skeleton
from core.models import Ballot, Vote
from core.store.approvals import RequestRecord

voted = Signal()  # after the commit of a vote that completes nothing: pages show it


@dataclass(frozen=True)
class CountedVote(Decision):
    """A vote was counted, and more are needed: nothing is decided yet. `votes`: who approved, first to last."""

    votes: tuple[str, ...] = ()
    approvers: int = 1


class VoteCount(NamedTuple):
    """The votes of a request that stand now, of how many, and what the record says of the newest."""

    votes: tuple[str, ...]
    approvers: int
    facts: list[Fact]

    @property
    def complete(self) -> bool:
        """Whether enough different people approved."""
        return len(self.votes) >= self.approvers


def cast(user: Any, powers: Powers, record: RequestRecord, reason: str) -> VoteCount:
    """Count one person's approval with those that stand. In a transaction: it holds the request until that ends.

    Each vote is asked about again: it counts while its person is active, may decide this by the policy of now, and
    saw these bytes. People whose names look alike count as one.
    """
    Ballot.objects.get_or_create(pk=record.request_id)
    ballot = Ballot.objects.select_for_update().get(pk=record.request_id)
    said: dict[str, Any] = {"digest": record.digest, "reason": reason}
    mine = Vote.objects.filter(ballot=ballot, user=user, **said).first()
    if mine is None:  # else it is the same once more, which leaves nothing in the record
        said |= {"policy": powers.version, "created_at": timezone.now()}
        mine, _made = Vote.objects.update_or_create(ballot=ballot, user=user, defaults=said)
    failpoints.reach("site.in_vote")
    votes = standing(record)
    approvers = powers.demands(record.approval_type).approvers
    return VoteCount(votes, approvers, [_fact(mine, record, votes, approvers)])


def standing(record: RequestRecord) -> tuple[str, ...]:
    """Who approved these bytes and may still: by the policy of now, people whose names look alike as one."""
    votes = Vote.objects.filter(ballot_id=record.request_id, digest=record.digest).select_related("user")
    names = [vote.user.get_username() for vote in votes if powers_of(vote.user).verdict(record).allowed]
    return tuple({skeleton(name): name for name in names}.values())


def _fact(vote: Vote, record: RequestRecord, votes: tuple[str, ...], approvers: int) -> Fact:
    said = {"votes": list(votes), "approvers": approvers}
    said |= {name: getattr(vote, name) for name in ("reason", "digest", "policy")}
    event_id, person = f"vote:{vote.pk}:{vote.created_at.isoformat()}", vote.user.get_username()
    return about(record, event_id, "decision.voted", person, vote.created_at, **said)


def votes_of(request_ids: list[str]) -> dict[str, tuple[str, ...]]:
    """Who approved each of these requests so far, first to last; in one query. Those without a vote are left out.

    So is who lost the right to decide since. Whether a vote counts for its request, `standing` says alone.
    """
    found: dict[str, tuple[str, ...]] = {}
    still = rights.deciders(get_user_model())
    votes = Vote.objects.filter(ballot_id__in=request_ids, user__in=still).order_by("created_at", "pk")
    for request_id, name in votes.values_list("ballot_id", "user__username"):
        found[str(request_id)] = (*found.get(str(request_id), ()), name)
    return found
