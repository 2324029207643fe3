"""Files of the record that people asked for."""

from django.conf import settings
from django.db import models


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
