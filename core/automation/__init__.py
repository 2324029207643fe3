"""What automation does, told for the record: routings, test runs, coverage, tests of files, assignments.

A record is one message to Redis; the recorder writes it into SQL, where the reports read it
(docs/agents/automation.md). Nobody waits for more than that message, and nothing here breaks an agent.
"""

import logging
import time
import uuid
from collections.abc import Sequence
from datetime import datetime

from ..errors import StoreUnavailable
from ..store import automation
from ..store.client import UsesStore
from ..store.keys import OUTBOX_LENGTH_WITHOUT_RECORDER
from ..values.trouble import Trouble
from . import records

logger = logging.getLogger(__name__)

SLOW_SECONDS = 0.5
QUIET_SECONDS = 1.0


class AutomationRecorder(UsesStore):
    """Tells what happened. The functions of this module are those of one recorder on the configured Redis.

    memory: None for the configured Redis, a `redis://` URL, a client of redis-py, or an object whose `_client` is one.

    Each `record_` method returns the record's id: the caller's own, or a fresh UUID. An id that was told
    before is not counted again. When nobody knows whether Redis stored the record, the answer is '' (False
    from a `complete_` method): trouble is logged once and never raised. After a call that Redis left
    unanswered, the next second's records are dropped unsent, so that a hung server does not hold the agent.

    A bad argument is a ValueError or TypeError that names it, and nothing is stored. Names have 1 to 255
    characters without control characters, counts are 0 to 10,000,000, durations are seconds, at most
    10,000,000. Times are Redis's, of the moment of the call.
    """

    def __init__(self, memory: object = None) -> None:
        super().__init__(memory)
        self._trouble = Trouble(logger)
        self._unread = False
        self._quiet_until = 0.0

    def record_task_routing(
        self,
        *,
        task_type: str,
        strategy: str,
        assigned_to: str,
        confidence: float,
        tier: str = "",
        success: bool | None = None,
        duration_seconds: float | None = None,
        routing_id: str | None = None,
    ) -> str:
        """A task of this type was given to `assigned_to`, chosen by `strategy` with `confidence` (0..1).

        tier: the model tier, where one was chosen. success: whether the choice proved right; None while
        nobody knows, then tell it with `complete_task_routing`. The task's own text is not recorded.
        """
        record = records.TaskRouting(
            routing_id=_own(routing_id),
            task_type=task_type,
            strategy=strategy,
            assigned_to=assigned_to,
            tier=tier,
            confidence=confidence,
            success=success,
            duration_seconds=duration_seconds,
        )
        return record.routing_id if self._tell(record) else ""

    def complete_task_routing(
        self, *, routing_id: str, success: bool, duration_seconds: float | None = None
    ) -> bool:
        """Whether a routing proved right; the first answer stands. False when it was not told.

        duration_seconds: without it the time between the two calls counts. An empty id, which is what a
        record that was not stored returned, is no error: there is nothing to complete.
        """
        record = records.TaskRoutingOutcome(
            routing_id=_told_before(routing_id), success=success, duration_seconds=duration_seconds
        )
        return routing_id != "" and self._tell(record)

    def record_test_execution(
        self,
        *,
        suite: str,
        passed: int,
        duration_seconds: float,
        failed: int = 0,
        errors: int = 0,
        skipped: int = 0,
        triggered_by: str = "",
        failing_tests: Sequence[str] = (),
        execution_id: str | None = None,
    ) -> str:
        """A suite ran. It succeeded if at least one test passed and none failed or ended in an error.

        triggered_by: an agent, a person or an event such as 'commit'. failing_tests: their names, 1 to 500
        characters each; the first 100 are kept, the counts say how many there were.
        """
        record = records.TestExecution(
            execution_id=_own(execution_id),
            suite=suite,
            passed=passed,
            failed=failed,
            errors=errors,
            skipped=skipped,
            duration_seconds=duration_seconds,
            triggered_by=triggered_by,
            failing_tests=failing_tests,  # type: ignore[arg-type]  # checked there, and a list from then on
        )
        return record.execution_id if self._tell(record) else ""

    def record_coverage(
        self,
        *,
        suite: str,
        lines_covered: int,
        lines_total: int,
        execution_id: str = "",
        coverage_id: str | None = None,
    ) -> str:
        """The tests of a suite reach `lines_covered` of `lines_total` lines; execution_id: the run that found it."""
        record = records.Coverage(
            coverage_id=_own(coverage_id),
            suite=suite,
            lines_covered=lines_covered,
            lines_total=lines_total,
            execution_id=execution_id,
        )
        return record.coverage_id if self._tell(record) else ""

    def record_file_test(
        self,
        *,
        file_path: str,
        passed: int = 0,
        failed: int = 0,
        errors: int = 0,
        skipped: int = 0,
        duration_seconds: float | None = None,
        source_modified_at: datetime | None = None,
        execution_id: str = "",
        file_test_id: str | None = None,
    ) -> str:
        """The tests of one file ran; with all counts 0 none did, and only its change is told.

        file_path: 1 to 500 characters, kept as it is; tell it relative to the project. source_modified_at:
        when the file was last changed, with a time zone. A file is stale when a change is known that its
        latest run did not test.
        """
        record = records.FileTest(
            file_test_id=_own(file_test_id),
            file_path=file_path,
            passed=passed,
            failed=failed,
            errors=errors,
            skipped=skipped,
            duration_seconds=duration_seconds,
            source_modified_at=source_modified_at,
            execution_id=execution_id,
        )
        return record.file_test_id if self._tell(record) else ""

    def record_agent_assignment(
        self, *, agent_id: str, task_type: str, routing_id: str = "", assignment_id: str | None = None
    ) -> str:
        """An agent took on a task; routing_id: the routing that gave it. End it with `complete_agent_assignment`."""
        record = records.AgentAssignment(
            assignment_id=_own(assignment_id), agent_id=agent_id, task_type=task_type, routing_id=routing_id
        )
        return record.assignment_id if self._tell(record) else ""

    def complete_agent_assignment(
        self,
        *,
        assignment_id: str,
        success: bool,
        automated: bool,
        human_review: bool,
        duration_seconds: float | None = None,
    ) -> bool:
        """An assignment ended; the first end stands. False when it was not told.

        automated: no person did a part of the work. human_review: a person had to look before it counted.
        duration_seconds and an empty id: as in `complete_task_routing`.
        """
        record = records.AgentAssignmentOutcome(
            assignment_id=_told_before(assignment_id),
            success=success,
            automated=automated,
            human_review=human_review,
            duration_seconds=duration_seconds,
        )
        return assignment_id != "" and self._tell(record)

    def _tell(self, record: records.AutomationRecord) -> bool:
        began = time.monotonic()
        if began < self._quiet_until:
            return False
        try:
            store = self._store
            waiting = store.run(automation.record(store.keys, kind=record.kind, text=record.to_json()))
        except StoreUnavailable as error:
            self._trouble.begins("automated work is not recorded: %s", error)
            if time.monotonic() - began > SLOW_SECONDS:
                self._quiet_until = time.monotonic() + QUIET_SECONDS
            return False
        self._trouble.ends("automated work is recorded again")
        self._note_waiting(waiting)
        return True

    def _note_waiting(self, waiting: int) -> None:
        unread = waiting >= OUTBOX_LENGTH_WITHOUT_RECORDER
        if unread and not self._unread:
            logger.warning("%s records wait for a recorder; the oldest are dropped", waiting)
        self._unread = unread


def _own(record_id: str | None) -> str:
    return str(uuid.uuid4()) if record_id is None else record_id


def _told_before(record_id: str) -> str:
    """The id, or a stand-in for the empty one, so that the other arguments are checked in an outage too."""
    return "-" if record_id == "" else record_id


_recorder = AutomationRecorder()
record_task_routing = _recorder.record_task_routing
complete_task_routing = _recorder.complete_task_routing
record_test_execution = _recorder.record_test_execution
record_coverage = _recorder.record_coverage
record_file_test = _recorder.record_file_test
record_agent_assignment = _recorder.record_agent_assignment
complete_agent_assignment = _recorder.complete_agent_assignment
