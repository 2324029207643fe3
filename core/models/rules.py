"""Rules that answer requests by themselves, each made by a person who may answer them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.models.sealed import SealedTextField
from core.values.names import NAME_LENGTH


class Rule(models.Model):
    """An answer that a person gives beforehand, within a scope, for a time and so many times.

    `terms` is JSON: of each value in the context, its path and what it must be; sealed where it stands if the site has
    a key for that, so a row has its number before it has them. `digest`: only of requests that say
    the very same, and with `run_id` only in that run of the agent.
    """

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approved = models.BooleanField()
    approval_type = models.CharField("kind", max_length=NAME_LENGTH)
    agent = models.CharField(max_length=NAME_LENGTH)
    terms = SealedTextField(default="[]")
    digest = models.CharField(max_length=64, blank=True)
    run_id = models.UUIDField(null=True, blank=True)
    reason = models.TextField()
    request_id = models.UUIDField()  # from which it was made
    created_at = models.DateTimeField()  # by Redis's clock, as is the next
    expires_at = models.DateTimeField(db_index=True)
    most_uses = models.PositiveIntegerField()
    uses = models.PositiveIntegerField(default=0)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=Q(uses__lte=F("most_uses")), name="no_more_uses_than_allowed")
        ]

    def __str__(self) -> str:
        return rule_name(self.pk, self.owner.get_username())


def rule_name(number: int, owner: str) -> str:
    """How the record names a rule as the one who decided."""
    return f"rule {number} of {owner}"
