"""Names that a request may pose as: agents, people, and what was approved before, as SQL knew them a minute ago."""

import time
from collections.abc import Iterable
from itertools import islice

from django.contrib.auth import get_user_model
from django.db.models.functions import Length

from core.history.search.words import values_in
from core.models import AgentRun, ApprovalRecord
from core.models.sealed import is_sealed
from core.values.approvals import APPROVED
from core.values.secrets import masked_json
from core.values.skeleton import skeletons
from dashboard import words
from dashboard.approvals.waiting import QueuedRequest

SECONDS = 60.0
MOST = 2_000
APPROVED_BEFORE = 100
VALUES = 500  # of one text that are compared
SHORTEST, LONGEST = 5, 100  # characters of a value that is compared
BODY = 4_000  # characters of a context whose values count

Known = dict[str, set[tuple[str, str]]]  # by skeleton: what it is, and its name
_known: Known = {}
_posing: dict[str, bool] = {}  # by digest, as these names say
_read_at = -SECONDS


def refresh() -> None:
    """Read the names again where they are old: three queries, and none most of the time."""
    global _known, _posing, _read_at
    if time.monotonic() - _read_at < SECONDS:
        return
    known: Known = {}
    runs = AgentRun.objects.order_by("-started_at").values_list("agent_id", flat=True)[:MOST]
    _add(known, "agent", runs)
    people = get_user_model().objects.order_by("-pk").values_list("username", flat=True)
    _add(known, "person", people[:MOST])
    approved = ApprovalRecord.objects.filter(status=APPROVED).annotate(size=Length("context"))
    # A sealed text is half as long again.
    texts = approved.filter(size__lte=2 * BODY).order_by("-ended_at").values_list("pk", "context")
    for pk, text in texts[:APPROVED_BEFORE]:
        said = ApprovalRecord.opened(text, pk)
        _add(known, "value", _values(masked_json(said).text if len(said) <= BODY else ""))
    _known, _posing, _read_at = known, {}, time.monotonic()


def lookalikes(agent_id: str, kind: str, context: str) -> list[str]:
    """Sentences about names and values that look like known ones and are others; from memory alone.

    context: without its secrets, as it is shown.
    """
    told = [words.lookalike(agent_id, what, like) for what, like in _alike(agent_id, ("agent", "person"))]
    told += [words.lookalike(kind, what, like) for what, like in _alike(kind, ("agent", "person"))]
    for value in dict.fromkeys(_values(context)):
        # As a value, another case alone is no disguise.
        found = [
            (what, like) for what, like in _alike(value, ("value",)) if like.casefold() != value.casefold()
        ]
        told += [words.lookalike(value, what, like) for what, like in found[:1]]
    return told[: words.MIXED_SHOWN]


def is_posing(account: QueuedRequest) -> bool:
    """Whether a request that can be compared only looks like one of a known name or value; from memory alone."""
    if account.digest not in _posing:
        about = (account.agent_id, account.approval_type, account.context)
        _posing[account.digest] = bool(lookalikes(*about))
    return _posing[account.digest]


def _alike(name: str, kinds: tuple[str, ...]) -> list[tuple[str, str]]:
    found = set().union(*(_known.get(shape, ()) for shape in skeletons(name)))
    return sorted((what, like) for what, like in found if what in kinds and like != name)


def _add(known: Known, what: str, names: Iterable[str]) -> None:
    for name in set(names):
        for shape in skeletons(name):
            known.setdefault(shape, set()).add((what, name))


def _values(context: str) -> Iterable[str]:
    texts = values_in(context) if context and not is_sealed(context) else ()
    return islice((text for text in texts if SHORTEST <= len(text) <= LONGEST), VALUES)
