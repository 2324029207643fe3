"""What is recorded of automated work: checked when it is told, one JSON object on its way, checked again in SQL."""

import json
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Self

from ..values.json import loads_strictly
from ..values.names import checked_name, optional_name
from ..values.numbers import checked_count, checked_number
from ..values.records import parse_timestamp

LONG_NAME = 500
MAX_COUNT = 10_000_000
MAX_SECONDS = 10_000_000  # 115 days
FAILING_TESTS_KEPT = 100
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _optional_seconds(value: object, argument: str) -> float | None:
    return None if value is None else checked_number(value, argument, 0, MAX_SECONDS)


def _flag(value: object, argument: str) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{argument} must be True or False, not {type(value).__name__}")
    return value


def _optional_flag(value: object, argument: str) -> bool | None:
    return None if value is None else _flag(value, argument)


def _optional_moment(value: object, argument: str) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, (datetime, str)):
        raise TypeError(f"{argument} must be a datetime with a time zone, not {type(value).__name__}")
    moment = parse_timestamp(value, argument)  # what is no time at all is refused here
    told = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if told.utcoffset() is None:
        raise ValueError(f"{argument} must have a time zone: a naive time means another moment elsewhere")
    if not 1970 <= moment.year < 2200:
        raise ValueError(f"{argument} must be from 1970 to 2199, not in the year {moment.year}")
    return moment


def _test_names(value: object, argument: str) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{argument} must be a list of names, not {type(value).__name__}")
    kept = value[:FAILING_TESTS_KEPT]
    names = [checked_name(name, f"{argument}[{place}]", LONG_NAME) for place, name in enumerate(kept)]
    return list(dict.fromkeys(names))


# Each type of field with its check, which returns what is kept.
Name = Annotated[str, checked_name]
OptionalName = Annotated[str, optional_name]
LongName = Annotated[str, partial(checked_name, longest=LONG_NAME)]
TestNames = Annotated[list[str], _test_names]
Count = Annotated[int, partial(checked_count, most=MAX_COUNT)]
CountFromOne = Annotated[int, partial(checked_count, least=1, most=MAX_COUNT)]
Confidence = Annotated[float, partial(checked_number, least=0, most=1)]
Seconds = Annotated[float, partial(checked_number, least=0, most=MAX_SECONDS)]
OptionalSeconds = Annotated[float | None, _optional_seconds]
Flag = Annotated[bool, _flag]
OptionalFlag = Annotated[bool | None, _optional_flag]
OptionalMoment = Annotated[datetime | None, _optional_moment]


@dataclass(frozen=True, kw_only=True)
class AutomationRecord:
    """Base: TypeError or ValueError that names the field, for anything that cannot be recorded."""

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        for name, check in _checks(type(self)):  # type: ignore[arg-type]  # mypy finds no hash in a type
            object.__setattr__(self, name, check(getattr(self, name), name))

    def to_json(self) -> bytes:
        """The record as it travels."""
        return _ENCODE({name: _plain(value) for name, value in vars(self).items()}).encode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The inverse of `to_json`. Unknown keys are ignored; ValueError or TypeError for what is no record."""
        try:
            told = loads_strictly(text)
        except RecursionError as error:
            raise ValueError("record nests too deep") from error
        if not isinstance(told, dict):
            raise ValueError("record is no JSON object")
        for item in fields(cls):
            if item.name not in told and item.default is MISSING and item.default_factory is MISSING:
                raise ValueError(f"{item.name} is missing")
        return cls(**{item.name: told[item.name] for item in fields(cls) if item.name in told})


@cache
def _checks(kind: type[AutomationRecord]) -> list[tuple[str, Callable[[object, str], Any]]]:
    return [(item.name, item.type.__metadata__[0]) for item in fields(kind)]  # type: ignore[union-attr]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


@dataclass(frozen=True, kw_only=True)
class TaskRouting(AutomationRecord):
    """A task was given to somebody. `success` is None until it is known whether that was right."""

    kind = "task_routing"
    routing_id: Name
    task_type: Name
    strategy: Name
    assigned_to: Name
    tier: OptionalName = ""
    confidence: Confidence
    success: OptionalFlag = None
    duration_seconds: OptionalSeconds = None


@dataclass(frozen=True, kw_only=True)
class TaskRoutingOutcome(AutomationRecord):
    """How a routing turned out."""

    kind = "task_routing_outcome"
    routing_id: Name
    success: Flag
    duration_seconds: OptionalSeconds = None


@dataclass(frozen=True, kw_only=True)
class TestExecution(AutomationRecord):
    """One run of a test suite."""

    kind = "test_execution"
    execution_id: Name
    suite: Name
    passed: Count
    failed: Count = 0
    errors: Count = 0
    skipped: Count = 0
    duration_seconds: Seconds
    triggered_by: OptionalName = ""
    failing_tests: TestNames = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.failing_tests and not self.failed + self.errors:
            raise ValueError("failing_tests names tests, but failed and errors are both 0")

    @property
    def succeeded(self) -> bool:
        """Nothing failed, and something ran."""
        return self.passed > 0 and not self.failed + self.errors


@dataclass(frozen=True, kw_only=True)
class Coverage(AutomationRecord):
    """How many lines the tests of a suite reach."""

    kind = "coverage"
    coverage_id: Name
    suite: Name
    lines_covered: Count
    lines_total: CountFromOne
    execution_id: OptionalName = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.lines_covered > self.lines_total:
            raise ValueError(
                f"lines_covered is {self.lines_covered:,}, more than lines_total ({self.lines_total:,})"
            )


@dataclass(frozen=True, kw_only=True)
class FileTest(AutomationRecord):
    """The tests of one file. All counts 0: no test ran, and only the file's own change is told."""

    kind = "file_test"
    file_test_id: Name
    file_path: LongName
    passed: Count = 0
    failed: Count = 0
    errors: Count = 0
    skipped: Count = 0
    duration_seconds: OptionalSeconds = None
    source_modified_at: OptionalMoment = None
    execution_id: OptionalName = ""

    @property
    def outcome(self) -> str:
        """failed, passed, skipped or not_run."""
        if self.failed + self.errors:
            return "failed"
        if self.passed:
            return "passed"
        return "skipped" if self.skipped else "not_run"


@dataclass(frozen=True, kw_only=True)
class AgentAssignment(AutomationRecord):
    """An agent took on a task."""

    kind = "agent_assignment"
    assignment_id: Name
    agent_id: Name
    task_type: Name
    routing_id: OptionalName = ""


@dataclass(frozen=True, kw_only=True)
class AgentAssignmentOutcome(AutomationRecord):
    """How an assignment ended, and what people had to do with it."""

    kind = "agent_assignment_outcome"
    assignment_id: Name
    success: Flag
    automated: Flag
    human_review: Flag
    duration_seconds: OptionalSeconds = None


KINDS: dict[str, type[AutomationRecord]] = {
    record.kind: record
    for record in (
        TaskRouting,
        TaskRoutingOutcome,
        TestExecution,
        Coverage,
        FileTest,
        AgentAssignment,
        AgentAssignmentOutcome,
    )
}
