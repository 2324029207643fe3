"""Ends of requests on their way to whoever asked to be told by a POST."""

from django.db import models

from core.models.protocol import ProtocolInstance
from core.values.names import NAME_LENGTH


class Callback(models.Model):
    """One end that one receiver is told of: the same id and the same body at each try, until it is taken.

    With an `instance` the receiver is that one's of the moment, else what stands here, sealed.
    """

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting", "its request waits"
        DUE = "due", "to be sent"
        SENT = "sent", "taken by its receiver"
        OVER = "over", "given up"

    id = models.UUIDField(primary_key=True)
    request_id = models.UUIDField(unique=True)
    instance = models.ForeignKey(ProtocolInstance, on_delete=models.PROTECT, null=True, related_name="+")
    sealed_url = models.TextField(blank=True, default="")
    sealed_secret = models.TextField(blank=True, default="")
    host = models.CharField(max_length=NAME_LENGTH, blank=True, default="")  # what may be shown
    body = models.TextField(blank=True, default="")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    decided_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["state", "next_at"], name="callbacks_to_do")]

    def __str__(self) -> str:
        return f"end of {self.request_id} to {self.host}: {self.state}"
