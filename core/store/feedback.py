"""Ratings as Redis holds them, and the commands that change them. One that cannot be read is logged and set aside."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, NamedTuple, TypeVar
from urllib.parse import unquote

from ..errors import MalformedRecord, StoreRefused
from ..values.json import loads_strictly
from ..values.malformed import ODD
from ..values.moments import milliseconds_of
from ..values.names import checked_name
from .client import Store
from .keys import FEEDBACK_TTL_MS, Keys, stage_member
from .script import SCRIPTS, Command, nothing, refuse_errors

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


Parsed = TypeVar("Parsed", "Score", "Rating")


class Score(NamedTuple):
    """When, in server microseconds, and how much."""

    at_us: int
    score: float


class Rating(NamedTuple):
    """A whole rating. Sorts by its time."""

    at_us: int
    feedback_id: str
    score: float
    metadata: dict[str, Any]

    @property
    def at(self) -> datetime:
        """When Redis stored it."""
        return _EPOCH + timedelta(microseconds=self.at_us)


def record(
    keys: Keys, *, workflow: str, stage: str, tier: str, score: str, rating: str, event: str
) -> Command[None]:
    """Store a rating as the newest of its tier, let the oldest go, and publish it."""
    script_keys = _keys_of_tier(keys, workflow, stage, tier)
    return Command(
        SCRIPTS["feedback/record"], script_keys, [score, rating, stage_member(stage, tier), event], nothing
    )


@lru_cache(maxsize=1_000)
def _keys_of_tier(keys: Keys, workflow: str, stage: str, tier: str) -> list[str]:
    # Kept: building five keys costs a tenth of what recording a rating does.
    return [
        keys.feedback_ratings(workflow, stage, tier),
        keys.feedback_scores(workflow, stage, tier),
        keys.feedback_stages(workflow),
        keys.event_stream("quality_feedback"),
        keys.event_types,
    ]


def clear(keys: Keys, workflow: str, stages: Sequence[tuple[str, str]]) -> Command[int]:
    """Delete the ratings of these stages and tiers of one workflow: how many there were."""
    script_keys = [keys.feedback_stages(workflow)]
    for stage, tier in stages:
        script_keys += [
            keys.feedback_ratings(workflow, stage, tier),
            keys.feedback_scores(workflow, stage, tier),
        ]
    return Command(
        SCRIPTS["feedback/clear"], script_keys, [stage_member(stage, tier) for stage, tier in stages], int
    )


def rate_template(keys: Keys, template: str, rating: str) -> Command[tuple[int, int]]:
    """Count a rating of a template, `good` or `bad`: how many of each there are."""
    return Command(
        SCRIPTS["feedback/template"], [keys.feedback_template(template)], [rating], partial(_counts, template)
    )


def _counts(template: str, reply: list[bytes | None]) -> tuple[int, int]:
    try:
        good, bad = (int(count or 0) for count in reply)
        if good < 0 or bad < 0:
            raise ValueError("a count below 0")
    except ValueError as error:
        raise MalformedRecord(f"ratings of template {template!r}: {error}") from error
    return good, bad


def read_scores(store: Store, workflow: str, stages: Sequence[tuple[str, str]]) -> list[list[Score]]:
    """For each stage and tier the scores of the last week, newest first: one round trip."""
    names = [store.keys.feedback_scores(workflow, stage, tier) for stage, tier in stages]
    return [_parsed(_score, texts, oldest) for texts, oldest in _read_lists(store, names, -1)]


def read_ratings(
    store: Store, workflow: str, stage: str, tiers: Sequence[str], limit: int
) -> list[list[Rating]]:
    """For each tier at most `limit` ratings of the last week, newest first: one round trip."""
    names = [store.keys.feedback_ratings(workflow, stage, tier) for tier in tiers]
    return [_parsed(_rating, texts, oldest) for texts, oldest in _read_lists(store, names, limit - 1)]


def read_stages(store: Store, workflow: str, tiers: Iterable[str]) -> list[tuple[str, str]]:
    """The stages and tiers of a workflow that were rated, in the order of their newest rating."""
    known, found = set(tiers), []
    for member in store.read("ZRANGE", store.keys.feedback_stages(workflow), 0, -1):
        text = member.decode(errors="replace")
        stage, _, tier = text.rpartition(":")
        try:
            stage = checked_name(unquote(stage, errors="strict"), "stage_name")
            if tier not in known or stage_member(stage, tier) != text:
                raise ValueError("no stage and tier")
        except ValueError as error:
            logger.warning("set aside: a member of the stages of %r: %s", workflow, error)
            continue
        found.append((stage, tier))
    return found


def read_template(store: Store, template: str) -> tuple[int, int]:
    """How often a template was called good and bad."""
    return _counts(template, store.read("HMGET", store.keys.feedback_template(template), "good", "bad"))


def _read_lists(store: Store, names: list[str], last: int) -> list[tuple[list[bytes], int]]:
    """Each list up to an index, with the server microsecond before which a rating is too old."""
    commands: list[list[str | int]] = [["LRANGE", name, 0, last] for name in names]
    time, *replies = store.read_many([["TIME"], *commands])
    refuse_errors("the time", time)
    oldest = (milliseconds_of(time) - FEEDBACK_TTL_MS) * 1000
    return [(_list(name, reply), oldest) for name, reply in zip(names, replies, strict=True)]


def _list(name: str, reply: Any) -> list[bytes]:
    if not isinstance(reply, Exception):
        return list(reply)
    if "WRONGTYPE" not in str(reply):
        raise StoreRefused(f"Redis refused the command: {reply}") from reply
    logger.warning("set aside: %s is no list", name)
    return []


def _parsed(parse: Callable[[bytes], Parsed], texts: list[bytes], oldest: int) -> list[Parsed]:
    found = []
    for text in texts:
        try:
            item = parse(text)
        except ODD as error:
            logger.warning("set aside: a rating: %s: %s", type(error).__name__, error)
            continue
        if item.at_us >= oldest:
            found.append(item)
    return found


def _score(text: bytes) -> Score:
    at_us, _, score = text.partition(b":")
    return Score(int(at_us), _within_0_to_1(float(score)))


def _rating(text: bytes) -> Rating:
    data = loads_strictly(text)
    feedback_id, score, metadata = data["feedback_id"], data["quality_score"], data["metadata"]
    if not isinstance(feedback_id, str) or not isinstance(metadata, dict) or isinstance(score, bool):
        raise ValueError("a field of another type")
    rating = Rating(int(data["at_us"]), feedback_id, _within_0_to_1(float(score)), metadata)
    _ = rating.at  # a time that no datetime holds is refused here
    return rating


def _within_0_to_1(score: float) -> float:
    if not 0.0 <= score <= 1.0:
        raise ValueError(f"the score is {score}")
    return score
