"""What SQL remembers. Only `core.history` writes here."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.history.automation_tables import AgentAssignment as AgentAssignment
from core.history.automation_tables import CoverageRecord as CoverageRecord
from core.history.automation_tables import FileTestRecord as FileTestRecord
from core.history.automation_tables import TaskRouting as TaskRouting
from core.history.automation_tables import TestExecution as TestExecution
from core.history.automation_tables import TestFailure as TestFailure
from core.history.run_tables import AgentRun as AgentRun

NAME_LENGTH = 200


class AppendOnlyError(Exception):
    """Somebody tried to change or delete an audit entry."""


class AppendOnlyQuerySet(models.QuerySet["AuditEntry"]):
    """Reads and inserts; whole sets of entries are as unchangeable as one."""

    def update(self, **_kwargs: Any) -> int:
        """Never."""
        raise AppendOnlyError("audit entries are never changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Never."""
        raise AppendOnlyError("audit entries are never deleted")


class ApprovalRecord(models.Model):
    """One row per request, kept by the recorder. `context` is exactly the JSON text that was hashed."""

    class Status(models.TextChoices):
        """How a request stands."""

        PENDING = "pending"
        APPROVED = "approved"
        REJECTED = "rejected", "Denied"
        TIMEOUT = "timeout", "Timed out"
        CANCELLED = "cancelled"

    request_id = models.UUIDField(primary_key=True)
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, db_index=True)
    approval_type = models.CharField("kind", max_length=NAME_LENGTH, db_index=True)
    context = models.TextField(blank=True)
    body_pruned_at = models.DateTimeField(null=True, blank=True)  # when retention removed the context
    digest = models.CharField(max_length=64)
    requested_at = models.DateTimeField(db_index=True)
    deadline_at = models.DateTimeField()
    timeout_seconds = models.FloatField()
    status = models.CharField(
        max_length=10,
        choices=Status.choices,
        default=Status.PENDING,
        db_default=Status.PENDING,
        db_index=True,
    )
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    responder = models.CharField(max_length=NAME_LENGTH, blank=True)
    reason = models.TextField(blank=True)
    channel = models.CharField(max_length=10, blank=True)
    decision_id = models.CharField(max_length=NAME_LENGTH, blank=True)
    collected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Names, order, and the right to decide."""

        verbose_name = "approval request"
        ordering = ["-requested_at"]
        permissions = [
            ("decide_approval", "Can approve and deny requests"),
            ("view_health", "Can see how the site itself is doing"),
        ]

    def __str__(self) -> str:
        return f"{self.approval_type} by {self.agent_id}"


class DecisionIntent(models.Model):
    """One row per attempt of a person to decide, committed before it can take effect.

    The site writes the attempt, and `accepted_at` when Redis has taken it, before the person is told. The recorder
    writes `outcome`. So neither waits for the other, and neither undoes what the other wrote.
    """

    class Outcome(models.TextChoices):
        """What came of the attempt; `open` until that is known."""

        OPEN = "open"
        ACCEPTED = "accepted"
        ALREADY_DECIDED = "already_decided"
        EXPIRED = "expired"
        CANCELLED = "cancelled"
        UNKNOWN = "unknown"
        CHANGED = "changed"
        LAPSED = "lapsed"

    decision_id = models.UUIDField(primary_key=True)
    # No foreign key: the recorder may not have written the request yet.
    request_id = models.UUIDField(db_index=True)
    # What the request said: where Redis loses it before it is recorded, nobody else knows.
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, blank=True)
    approval_type = models.CharField("kind", max_length=NAME_LENGTH, blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved = models.BooleanField()
    reason = models.TextField(blank=True)
    digest = models.CharField(max_length=64)
    not_after = models.DateTimeField()
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)  # by Redis's clock
    outcome = models.CharField(
        max_length=16, choices=Outcome.choices, default=Outcome.OPEN, db_default=Outcome.OPEN, db_index=True
    )
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Order, and the rule that at most one attempt per request was accepted."""

        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["request_id"],
                condition=Q(outcome="accepted"),
                name="one_accepted_decision_per_request",
            )
        ]

    def __str__(self) -> str:
        return f"{'approve' if self.approved else 'deny'} by {self.user}: {self.outcome}"


class AuditEntry(models.Model):
    """One line of the record: appended, chained to the one before it, never changed."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    event_id = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=40, db_index=True)
    at = models.DateTimeField(db_index=True)
    actor = models.CharField(max_length=NAME_LENGTH, blank=True, db_index=True)
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, blank=True, db_index=True)
    request_id = models.UUIDField(null=True, blank=True, db_index=True)
    details = models.TextField()
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        """Newest first; nobody gets a permission to change it."""

        verbose_name_plural = "audit entries"
        ordering = ["-sequence"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"#{self.sequence} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Only an insert is possible."""
        if not self._state.adding:
            raise AppendOnlyError("audit entries are never changed")
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Never."""
        raise AppendOnlyError("audit entries are never deleted")


class AuditHead(models.Model):
    """The one row that the chain's next sequence number comes from; locked last in a transaction."""

    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        """Internal: no permissions."""

        default_permissions = ()

    def __str__(self) -> str:
        return f"head at #{self.sequence}"


class Cursor(models.Model):
    """How far something came, committed together with what it did: the recorder, and the pruning of calls."""

    OUTBOX = "outbox"
    PRUNED = "usage pruned until"

    name = models.CharField(max_length=40, primary_key=True)
    installation = models.CharField(max_length=40, blank=True)
    position = models.CharField(max_length=40, default="0")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        """Internal: no permissions."""

        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class SetAsideEntry(models.Model):
    """An outbox entry that the recorder could not read: kept whole, so that nothing is lost."""

    installation = models.CharField(max_length=40)
    position = models.CharField(max_length=40)
    fields = models.TextField()
    error = models.TextField()
    at = models.DateTimeField(auto_now_add=True)
    repaired_at = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        """Newest first; only to be seen, and to be tried again by those who may."""

        verbose_name_plural = "set aside entries"
        ordering = ["-at"]
        default_permissions = ("view",)
        permissions = [("retry_setasideentry", "Can record a set aside entry again")]
        constraints = [
            models.UniqueConstraint(fields=["installation", "position"], name="set_aside_once_per_entry")
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.error}"


class LLMCall(models.Model):
    """One call of a language model, kept by the recorder. Money is in nano-dollars; None is what nobody knows.

    `input_tokens` were neither read from a prompt cache nor written to one. `user` is an HMAC, never a name.
    """

    call_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    at = models.DateTimeField(db_index=True)
    # By Redis's clock: a reset forgets what was shipped before it, also when it is recorded again.
    shipped_at = models.DateTimeField()
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, blank=True)
    workflow = models.CharField(max_length=NAME_LENGTH)
    stage = models.CharField(max_length=NAME_LENGTH, blank=True)
    tier = models.CharField(max_length=NAME_LENGTH)
    model = models.CharField(max_length=NAME_LENGTH)
    provider = models.CharField(max_length=NAME_LENGTH)
    user = models.CharField(max_length=64, blank=True)
    cost_nano = models.BigIntegerField()
    book_nano = models.BigIntegerField(null=True, blank=True)
    uncached_nano = models.BigIntegerField(null=True, blank=True)
    baseline_nano = models.BigIntegerField(null=True, blank=True)
    input_tokens = models.PositiveIntegerField()
    output_tokens = models.PositiveIntegerField()
    cache_read_tokens = models.PositiveIntegerField()
    cache_write_tokens = models.PositiveIntegerField()
    cache_hit = models.BooleanField()
    cache_type = models.CharField(max_length=NAME_LENGTH, blank=True)
    prompt_cache_hit = models.BooleanField()
    duration_ms = models.FloatField()

    class Meta:
        """Newest first; kept by the recorder alone."""

        verbose_name = "model call"
        ordering = ["-at", "-pk"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["agent_id", "-at"], name="calls_of_an_agent")]

    def __str__(self) -> str:
        return f"{self.model} for {self.workflow}"


class UsageHour(models.Model):
    """Sums of the calls of one UTC hour, for each workflow, tier, provider and model. Money in nano-dollars.

    baseline - routing - caching + difference = cost, in each row and so in every sum of rows.
    """

    hour = models.DateTimeField()
    workflow = models.CharField(max_length=NAME_LENGTH)
    tier = models.CharField(max_length=NAME_LENGTH)
    provider = models.CharField(max_length=NAME_LENGTH)
    model = models.CharField(max_length=NAME_LENGTH)
    calls = models.PositiveBigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    cache_hits = models.PositiveBigIntegerField(default=0)
    prompt_cache_hits = models.PositiveBigIntegerField(default=0)
    prompt_cache_net_nano = models.BigIntegerField(default=0)
    baseline_nano = models.BigIntegerField(default=0)
    routing_nano = models.BigIntegerField(default=0)
    caching_nano = models.BigIntegerField(default=0)
    difference_nano = models.BigIntegerField(default=0)
    unpriced_calls = models.PositiveBigIntegerField(default=0)
    unpriced_cost_nano = models.BigIntegerField(default=0)
    no_baseline_calls = models.PositiveBigIntegerField(default=0)
    no_baseline_cost_nano = models.BigIntegerField(default=0)

    class Meta:
        """One row for each combination."""

        verbose_name = "hour of usage"
        verbose_name_plural = "hours of usage"
        ordering = ["-hour"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "workflow", "tier", "provider", "model"], name="one_row_per_hour_and_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow} in the hour of {self.hour:%Y-%m-%d %H:00}"


class Export(models.Model):
    """A file of the record that somebody asked for. Its id is that of the job that writes it."""

    class Kind(models.TextChoices):
        """What the file holds."""

        AUDIT = "audit", "Audit entries"
        APPROVALS = "approvals", "Approval requests"

    export_id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    requested_at = models.DateTimeField(db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    rows = models.PositiveBigIntegerField(default=0)

    class Meta:
        """Newest first; seen by whoever asked, on their own page."""

        ordering = ["-requested_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.user}"


from core.history.record_models import AuditCheck, SignInMinute  # noqa: E402, F401  tables in a file of their own
