"""How far the recorder is, and what it set aside."""

from django.db import models

from core.models.bases import InternalModel


class Cursor(InternalModel):
    """How far something came, committed together with what it did: the recorder, and the pruning of calls.

    A day whose calls in SQL changed otherwise than Redis counted has one too, until its total is made anew.
    """

    OUTBOX = "outbox"
    PRUNED = "usage pruned until"
    TOUCHED = "usage touched "  # and the day

    name = models.CharField(max_length=40, primary_key=True)
    installation = models.CharField(max_length=40, blank=True)
    position = models.CharField(max_length=40, default="0")
    updated_at = models.DateTimeField(auto_now=True)

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
    put_away_at = models.DateTimeField(null=True, blank=True)  # when somebody said that they had seen it

    class Meta:
        verbose_name = "change set aside"
        verbose_name_plural = "changes set aside"
        ordering = ["-at"]
        default_permissions = ("view",)
        permissions = [("retry_setasideentry", "Can record a set aside entry again")]
        constraints = [
            models.UniqueConstraint(fields=["installation", "position"], name="set_aside_once_per_entry")
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.error}"

    @classmethod
    def worrying(cls) -> "models.QuerySet[SetAsideEntry]":
        """Those of which a banner tells: not in the record, and nobody said that they had seen them."""
        return cls.objects.filter(repaired_at=None, put_away_at=None)
