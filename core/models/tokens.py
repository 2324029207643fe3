"""What agents that are no Python process with our Redis show at the door."""

from django.conf import settings
from django.db import models

from core.models.bases import InternalModel
from core.values.names import NAME_LENGTH


class AgentToken(models.Model):
    """A secret that may ask in the name of an agent, or of all agents whose names begin so, and never decides.

    The secret itself is nowhere: `digest` is the SHA-256 of its SHA-256 in hex, which suffices for 256 random bits.
    """

    label = models.CharField(max_length=NAME_LENGTH)
    digest = models.CharField(max_length=64, unique=True)
    agent = models.CharField(max_length=NAME_LENGTH)
    is_prefix = models.BooleanField("all that begin so", default=False)
    scopes = models.CharField(max_length=100)  # words with spaces between them
    # Of a coding agent: * or `prompted`, or names of tools.
    asks = models.CharField(max_length=1000, default="*")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    # Renewed: the secret before this one, which is good until then, and whether the new one was never shown here.
    previous_digest = models.CharField(max_length=64, blank=True, default="", db_default="", db_index=True)
    previous_until = models.DateTimeField(null=True, blank=True)
    renewed_at = models.DateTimeField(null=True, blank=True)
    is_fresh = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = "agent's token"
        verbose_name_plural = "agents' tokens"
        ordering = ["-pk"]
        default_permissions = ("view", "add")

    def __str__(self) -> str:
        return f"token {self.pk} of {self.agent}{'...' if self.is_prefix else ''}"


class DeviceCode(InternalModel):
    """A command on some machine that wants a token, and waits for a person who knows its code to give it one.

    `machine`, `agent`, `client` and `scopes` are what it says of itself. `wanted` is the JSON of what the person gave
    instead; the token is made when the command fetches it, so no secret stands here.
    """

    class State(models.TextChoices):
        """Nobody has answered, somebody has, and the token was fetched."""

        WAITING = "waiting"
        GIVEN = "given"
        REFUSED = "refused"
        FETCHED = "fetched"

    code = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    machine = models.CharField(max_length=NAME_LENGTH)
    agent = models.CharField(max_length=NAME_LENGTH)
    client = models.CharField(max_length=NAME_LENGTH)
    scopes = models.CharField(max_length=100)
    address = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    polled_at = models.DateTimeField(null=True, blank=True)
    wanted = models.TextField(blank=True)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return f"{self.client} on {self.machine}"
