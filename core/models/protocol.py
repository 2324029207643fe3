"""What the Agent Approval Protocol needs beside approvals: instances, what was asked under which key, and answers."""

from django.db import models

from core.models.bases import InternalModel
from core.models.tokens import AgentToken
from core.values.names import NAME_LENGTH


class ProtocolInstance(InternalModel):
    """An agent that a provisioner made. `agent`: in whose name it asks, for ever; `name`: what its maker calls it.

    delivery: sealed JSON of where its receiver is, or ''. delivers_since: what ended before is never told there.
    """

    id = models.UUIDField(primary_key=True)
    agent = models.CharField(max_length=NAME_LENGTH, unique=True)
    name = models.CharField(max_length=NAME_LENGTH)
    token = models.OneToOneField(AgentToken, on_delete=models.PROTECT, related_name="+")
    provisioner = models.ForeignKey(AgentToken, on_delete=models.PROTECT, related_name="+")
    sealed_delivery = models.TextField(blank=True, default="")
    delivers_since = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.agent})"


class ProtocolAnswer(models.Model):
    """What a provisioner's operation answered under its key; without `status` it is under way since `began_at`."""

    provisioner = models.ForeignKey(AgentToken, on_delete=models.PROTECT, related_name="+")
    operation = models.CharField(max_length=60)
    key = models.CharField(max_length=NAME_LENGTH)
    digest = models.CharField(max_length=64)  # of what was sent, by its values
    began_at = models.DateTimeField()
    status = models.PositiveSmallIntegerField(null=True)
    sealed_body = models.TextField(blank=True, default="")
    instance = models.ForeignKey(ProtocolInstance, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["provisioner", "operation", "key"], name="one_protocol_answer")
        ]

    def __str__(self) -> str:
        return f"{self.operation} under {self.key}: {self.status}"


class ProtocolRequest(models.Model):
    """One request of an agent under its own key. The approval, with what was asked, is that of `request_id`.

    valid_seconds: for how long an approval of it may be used. told: whether its end has been looked at for receivers.
    """

    agent = models.CharField(max_length=NAME_LENGTH)
    key = models.CharField(max_length=NAME_LENGTH)
    digest = models.CharField(max_length=64)  # of what was sent, by its values
    timeout = models.CharField(max_length=20)  # as it was sent
    valid_seconds = models.PositiveIntegerField()
    request_id = models.UUIDField(null=True, unique=True)
    instance = models.ForeignKey(ProtocolInstance, on_delete=models.PROTECT, null=True, related_name="+")
    began_at = models.DateTimeField()
    told = models.BooleanField(default=False)
    outcome = models.CharField(max_length=9, blank=True, default="")
    note = models.TextField(blank=True, default="")
    consumed_by = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    reported_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["agent", "key"], name="one_protocol_request")]
        indexes = [models.Index(fields=["told", "instance"], name="protocol_to_tell")]

    def __str__(self) -> str:
        return f"{self.request_id} of {self.agent}"
