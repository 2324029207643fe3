"""Who may approve what: teams, grants, the owners of agents, what a type demands, and the votes of a quorum."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from core.models.bases import InternalModel
from core.values.names import NAME_LENGTH

ANY = "*"
PRESET_LENGTH = 120


class Team(models.Model):
    """People who answer for the same things. Being in one is no right to decide: the group approver gives that."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="teams")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DecisionGrant(models.Model):
    """Approvers of a team, or all of them, may answer requests of a type and an agent; `*` is every one."""

    approval_type = models.CharField("kind", max_length=NAME_LENGTH, default=ANY, help_text="* is every kind")
    agent = models.CharField(max_length=NAME_LENGTH, default=ANY, help_text="* is every agent")
    team = models.ForeignKey(
        Team, on_delete=models.PROTECT, null=True, blank=True, help_text="Without one: every approver"
    )

    class Meta:
        verbose_name = "grant"
        ordering = ["approval_type", "agent", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["approval_type", "agent", "team"], name="one_grant"),
            models.UniqueConstraint(
                fields=["approval_type", "agent"], condition=Q(team=None), name="one_grant_for_all"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.approval_type} of {self.agent}: {self.team or 'every approver'}"


class AgentOwner(models.Model):
    """Whose agents these are: a name, or all names that begin like it. Names that look alike count as the same."""

    agent = models.CharField(max_length=NAME_LENGTH)
    is_prefix = models.BooleanField("all that begin so", default=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        verbose_name = "owner of agents"
        verbose_name_plural = "owners of agents"
        ordering = ["agent", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(person__isnull=False, team__isnull=True)
                | Q(person__isnull=True, team__isnull=False),
                name="a_person_or_a_team",
                violation_error_message="Choose a person or a team, not both.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.agent}{'...' if self.is_prefix else ''}: {self.person or self.team}"


class ApprovalType(models.Model):
    """What requests of a type demand of who answers them; `*` is every type that has no row of its own."""

    name = models.CharField("kind", max_length=NAME_LENGTH, unique=True, help_text="* is every other kind")
    high_risk = models.BooleanField(default=False)
    irreversible = models.BooleanField(default=False)
    reason_required = models.BooleanField(default=False)
    approvers = models.PositiveSmallIntegerField(
        "people who must approve",
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="So many different people. The first who denies ends it.",
    )
    no_bulk = models.BooleanField("one at a time", default=False)
    fresh_sign_in = models.BooleanField("password again", default=False, help_text="Within five minutes")
    edits = models.BooleanField(
        "may be edited",
        default=False,
        db_default=False,
        help_text="Approvers may change values. Only for agents that say that they understand it",
    )
    digest_typed = models.BooleanField("digest typed", default=False, help_text="The first six characters")

    class Meta:
        verbose_name = "kind of requests"
        verbose_name_plural = "kinds of requests"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class DenyPreset(models.Model):
    """A reason that pages offer for a denial of a kind; `*` is every kind. What is sent is what the page showed."""

    approval_type = models.CharField("kind", max_length=NAME_LENGTH, default=ANY, help_text="* is every kind")
    text = models.CharField(
        "reason", max_length=PRESET_LENGTH, help_text="The agent reads it, as it would read one that is typed"
    )
    place = models.PositiveSmallIntegerField(
        default=10, help_text="The lowest stand first. Nine are offered at most"
    )

    class Meta:
        verbose_name = "reason to deny"
        verbose_name_plural = "reasons to deny"
        ordering = ["place", "pk"]
        constraints = [models.UniqueConstraint(fields=["approval_type", "text"], name="one_deny_preset")]

    def __str__(self) -> str:
        return f"{self.approval_type}: {self.text}"


class PolicyState(InternalModel):
    """The version of all of the above: one row, one more with each change."""

    version = models.PositiveIntegerField(default=1)

    def __str__(self) -> str:
        return f"policy {self.version}"


class Ballot(InternalModel):
    """A request that several must approve; whoever votes holds this row."""

    request_id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.request_id)


class Vote(models.Model):
    """One person's approval of a request that needs several. It decides nothing by itself."""

    ballot = models.ForeignKey(Ballot, on_delete=models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    digest = models.CharField(max_length=64)
    reason = models.TextField(blank=True)
    policy = models.PositiveIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        ordering = ["created_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["ballot", "user"], name="one_vote_a_person")]

    def __str__(self) -> str:
        return f"{self.user} for {self.ballot_id}"
