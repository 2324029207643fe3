"""What agents that are no Python process with our Redis show at the door."""

from django.conf import settings
from django.db import models

from core.values.names import NAME_LENGTH


class AgentToken(models.Model):
    """A secret that may ask in the name of an agent, or of all agents whose names begin so, and never decides.

    The secret itself is nowhere: `digest` is its SHA-256, which suffices for 256 random bits.
    """

    label = models.CharField(max_length=NAME_LENGTH)
    digest = models.CharField(max_length=64, unique=True)
    agent = models.CharField(max_length=NAME_LENGTH)
    is_prefix = models.BooleanField("all that begin so", default=False)
    scopes = models.CharField(max_length=100)  # words with spaces between them
    asks = models.CharField(
        max_length=1000, default="*"
    )  # of a coding agent: * or `prompted`, or names of tools
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first."""

        verbose_name = "agent's token"
        verbose_name_plural = "agents' tokens"
        ordering = ["-pk"]
        default_permissions = ("view", "add")

    def __str__(self) -> str:
        return f"token {self.pk} of {self.agent}{'...' if self.is_prefix else ''}"
