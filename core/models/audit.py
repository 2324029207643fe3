"""The record: its entries, its head, what verification said of it, and files of it that people asked for."""

from typing import Any

from django.conf import settings
from django.db import models

from core.models.bases import InternalModel
from core.values.names import NAME_LENGTH


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


class AuditHead(InternalModel):
    """The one row that the chain's next sequence number comes from; locked last in a transaction."""

    sequence = models.PositiveBigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    def __str__(self) -> str:
        return f"head at #{self.sequence}"


class AuditCheck(InternalModel):
    """What the last `verify_audit` found: one row, for banners and health."""

    at = models.DateTimeField()
    entries = models.PositiveBigIntegerField()
    problems = models.PositiveIntegerField()
    first_problem = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.entries} entries, {self.problems} problems"


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
        ordering = ["-requested_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} for {self.user}"
