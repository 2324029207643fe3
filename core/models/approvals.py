"""Requests for approval, and the attempts of people to decide them."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from core.models.policy import Team
from core.models.rules import Rule, rule_name
from core.models.sealed import SealedTextField, sealed_column
from core.values import approvals as words
from core.values.names import NAME_LENGTH
from core.values.signature import SIGNATURE_LENGTH

ANSWER_LENGTH = 10


class ApprovalRecord(models.Model):
    """One row per request, kept by the recorder.

    `context` is exactly the JSON text that was hashed; it and what it was changed to are sealed where they stand if the
    site has a key for that.
    """

    class Status(models.TextChoices):
        """How a request stands."""

        PENDING = words.PENDING
        APPROVED = words.APPROVED
        REJECTED = words.REJECTED, "Denied"
        TIMEOUT = words.TIMEOUT, "Timed out"
        CANCELLED = words.CANCELLED

    request_id = models.UUIDField(primary_key=True)
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, db_index=True)
    approval_type = models.CharField("kind", max_length=NAME_LENGTH, db_index=True)
    context = SealedTextField(blank=True)
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
    signature = models.CharField(max_length=SIGNATURE_LENGTH, blank=True, default="", db_default="")
    # Where it was answered beside yes and no: edited, with exactly the JSON text that was approved, or changes.
    answer = models.CharField(max_length=ANSWER_LENGTH, blank=True, default="", db_default="")
    edited_to = SealedTextField(blank=True, default="", db_default="")
    revises = models.UUIDField(null=True, blank=True)  # the request that was answered by asking back
    collected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "approval request"
        ordering = ["-requested_at"]
        permissions = [
            ("decide_approval", "Can approve and deny requests"),
            ("break_glass", "Can answer what they asked or own, with a reason, on the record"),
            ("view_health", "Can see how the site itself is doing"),
        ]
        indexes = [
            models.Index(fields=["digest", "-ended_at"], name="requests_alike"),
            models.Index(fields=["approval_type", "-ended_at"], name="ends_of_a_kind"),
            models.Index(
                fields=["agent_id", "approval_type", "status", "-ended_at"], name="ends_of_an_agents_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"“{self.approval_type}” by {self.agent_id}"  # a name that its agent chose

    @classmethod
    def opened(cls, context: Any, request_id: Any) -> Any:
        """What the column `context` of a request holds, open: for who reads it otherwise than as an attribute."""
        return sealed_column(cls, "context").opened(context, request_id)


class DecisionIntent(models.Model):
    """One row per attempt of a person, or of a rule that they made, to decide; committed before it can take effect.

    The site writes the attempt, and `accepted_at` when Redis has taken it, before the person is told. The recorder
    writes `outcome`. So neither waits for the other, and neither undoes what the other wrote.
    """

    class Outcome(models.TextChoices):
        """What came of the attempt; `open` until that is known."""

        OPEN = words.OPEN
        ACCEPTED = words.ACCEPTED
        ALREADY_DECIDED = words.ALREADY_DECIDED
        EXPIRED = words.EXPIRED
        CANCELLED = words.CANCELLED
        UNKNOWN = words.UNKNOWN
        CHANGED = words.CHANGED
        LAPSED = words.LAPSED
        HELD = words.HELD
        VOID = words.VOID

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
    signature = models.CharField(max_length=SIGNATURE_LENGTH, blank=True, default="", db_default="")
    answer = models.CharField(max_length=ANSWER_LENGTH, blank=True, default="", db_default="")
    edited_to = SealedTextField(blank=True, default="", db_default="")
    accepted_at = models.DateTimeField(null=True, blank=True)  # by Redis's clock
    outcome = models.CharField(
        max_length=16, choices=Outcome.choices, default=Outcome.OPEN, db_default=Outcome.OPEN, db_index=True
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    policy = models.PositiveIntegerField(default=0, db_default=0)  # the version that let this person decide
    # While it is held: when it goes to Redis, by Redis's clock, and which needs of policy.py it brought.
    release_at = models.DateTimeField(null=True, blank=True)
    brought = models.CharField(max_length=100, blank=True, default="", db_default="")
    # The rule that answered; `user` is then who made it.
    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, null=True, blank=True, related_name="intents")

    class Meta:
        verbose_name = "attempt to answer"
        verbose_name_plural = "attempts to answer"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["request_id"],
                condition=Q(outcome=words.ACCEPTED),
                name="one_accepted_decision_per_request",
            ),
            models.UniqueConstraint(
                fields=["request_id"], condition=Q(rule__isnull=False), name="one_rule_per_request"
            ),
            models.UniqueConstraint(
                fields=["request_id"], condition=Q(outcome=words.HELD), name="one_held_answer_per_request"
            ),
        ]

    def __str__(self) -> str:
        return f"{'approve' if self.approved else 'deny'} by {self.responder}: {self.outcome}"

    @property
    def responder(self) -> str:
        """Who decides by it: the person, or the rule that they made."""
        name: str = self.user.get_username()
        return name if self.rule_id is None else rule_name(self.rule_id, name)

    @property
    def channel(self) -> str:
        """The way by which it decides."""
        return words.SITE if self.rule_id is None else words.RULE


class ApprovalComment(models.Model):
    """What a person wrote to other people beside a request. The agent never hears it; the record tells of each."""

    # No foreign keys: the recorder may not have written the request yet, and an account may go.
    request_id = models.UUIDField(db_index=True)
    author = models.CharField(max_length=NAME_LENGTH)
    text = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        ordering = ["created_at", "pk"]

    def __str__(self) -> str:
        return f"{self.author} on {self.request_id}"


class DeadlineExtension(models.Model):
    """One row per later deadline that a person gave; committed before Redis is asked. Times by Redis's clock."""

    extension_id = models.UUIDField(primary_key=True)
    request_id = models.UUIDField(db_index=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    was_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    created_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True)  # when it was recorded that Redis has it

    class Meta:
        default_permissions = ()
        ordering = ["created_at"]

    def __str__(self) -> str:
        return f"{self.request_id} until {self.deadline_at}"


class HandOver(models.Model):
    """Who is asked to answer a request that waits, by whom. It gives nobody a right and takes none.

    `is_open` is the last one of a request. When a request has ended is not known here: whoever reads asks what waits.
    """

    # No foreign key to the request: the recorder may not have written it yet.
    request_id = models.UUIDField(db_index=True)
    giver = models.CharField(max_length=NAME_LENGTH)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, related_name="+")
    group = models.ForeignKey("auth.Group", on_delete=models.CASCADE, null=True, related_name="+")
    name = models.CharField(max_length=NAME_LENGTH)  # of whom it was handed to, as it was then
    is_open = models.BooleanField(default=True)
    created_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        ordering = ["created_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["request_id"], condition=Q(is_open=True), name="one_open_hand_over"
            ),
            models.CheckConstraint(
                condition=Q(person__isnull=False, team__isnull=True, group__isnull=True)
                | Q(person__isnull=True, team__isnull=False, group__isnull=True)
                | Q(person__isnull=True, team__isnull=True, group__isnull=False),
                name="handed_to_one",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.request_id} to {self.name} by {self.giver}"
