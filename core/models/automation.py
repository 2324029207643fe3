"""The tables of automated work. Django finds them through `core.models`; the recorder alone writes them."""

from django.db import models

from core.automation.records import LONG_NAME
from core.models.bases import ReportedModel
from core.values.names import NAME_LENGTH


class TaskRouting(ReportedModel):
    """A task and whom it was given to. `success` is null until somebody tells whether that was right."""

    routing_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    at = models.DateTimeField(db_index=True)
    task_type = models.CharField(max_length=NAME_LENGTH)
    strategy = models.CharField(max_length=NAME_LENGTH)
    assigned_to = models.CharField(max_length=NAME_LENGTH)
    tier = models.CharField(max_length=NAME_LENGTH, blank=True)
    confidence = models.FloatField()
    success = models.BooleanField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.task_type} to {self.assigned_to}"


class TestExecution(ReportedModel):
    """One run of a test suite. It succeeded if at least one test passed and none failed."""

    execution_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    at = models.DateTimeField("ended at", db_index=True)
    suite = models.CharField(max_length=NAME_LENGTH)
    triggered_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    succeeded = models.BooleanField()
    passed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    errors = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    duration_seconds = models.FloatField()

    class Meta(ReportedModel.Meta):
        verbose_name = "run of tests"
        verbose_name_plural = "runs of tests"

    def __str__(self) -> str:
        return f"{self.suite}: {self.passed} passed, {self.failed + self.errors} failed"


class TestFailure(models.Model):
    """A test that failed in a run."""

    execution = models.ForeignKey(TestExecution, on_delete=models.CASCADE, related_name="failures")
    test = models.CharField(max_length=LONG_NAME)

    class Meta:
        ordering = ["pk"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["execution", "test"], name="one_failure_per_run")]

    def __str__(self) -> str:
        return self.test


class CoverageRecord(ReportedModel):
    """How many lines the tests of a suite reached."""

    coverage_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    at = models.DateTimeField(db_index=True)
    suite = models.CharField(max_length=NAME_LENGTH)
    lines_covered = models.PositiveIntegerField()
    lines_total = models.PositiveIntegerField()
    execution_id = models.CharField("test execution", max_length=NAME_LENGTH, blank=True)

    class Meta(ReportedModel.Meta):
        verbose_name = "coverage by tests"
        verbose_name_plural = "coverage by tests"

    def __str__(self) -> str:
        return f"{self.suite}: {self.percent:.1f} %"

    @property
    def percent(self) -> float:
        """Percent of the lines."""
        return 100 * self.lines_covered / self.lines_total


class FileTestRecord(ReportedModel):
    """The tests of one file, or, when none ran, a change of it."""

    class Outcome(models.TextChoices):
        """What came of the run."""

        PASSED = "passed"
        FAILED = "failed"
        SKIPPED = "skipped"
        NOT_RUN = "not_run"

    file_test_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    at = models.DateTimeField(db_index=True)
    file_path = models.CharField(max_length=LONG_NAME)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, db_index=True)
    passed = models.PositiveIntegerField()
    failed = models.PositiveIntegerField()
    errors = models.PositiveIntegerField()
    skipped = models.PositiveIntegerField()
    duration_seconds = models.FloatField(null=True, blank=True)
    source_modified_at = models.DateTimeField(null=True, blank=True)
    execution_id = models.CharField("test execution", max_length=NAME_LENGTH, blank=True)

    class Meta(ReportedModel.Meta):
        verbose_name = "test of a file"
        verbose_name_plural = "tests of files"
        indexes = [models.Index(fields=["file_path", "-id"], name="latest_test_of_a_file")]

    def __str__(self) -> str:
        return f"{self.file_path}: {self.get_outcome_display()}"


class AgentAssignment(ReportedModel):
    """A task that an agent took on; how it ended is null until it has."""

    assignment_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    agent_id = models.CharField("agent", max_length=NAME_LENGTH)
    task_type = models.CharField(max_length=NAME_LENGTH)
    routing_id = models.CharField("routing", max_length=NAME_LENGTH, blank=True)
    at = models.DateTimeField("assigned at", db_index=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    success = models.BooleanField(null=True, blank=True)
    automated = models.BooleanField(null=True, blank=True)
    human_review = models.BooleanField(null=True, blank=True)
    duration_seconds = models.FloatField(null=True, blank=True)

    class Meta(ReportedModel.Meta):
        indexes = [models.Index(fields=["agent_id", "-at"], name="assignments_of_an_agent")]

    def __str__(self) -> str:
        return f"{self.task_type} for {self.agent_id}"
