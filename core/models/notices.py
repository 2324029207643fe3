"""Notices outside of the browser: where they go, who wants which, who is told next, and what became of each."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from core.models.bases import InternalModel
from core.models.policy import ANY, Team
from core.values.names import NAME_LENGTH

DAY = 86_400
LONGEST_KEY = 140


class NoticeChannel(models.Model):
    """A way by which notices leave. What it is called with is sealed: SQL alone sends nothing, and no page shows it."""

    class Kind(models.TextChoices):
        """How it is spoken to."""

        MAIL = "mail", "Mail, to each person's address"
        SLACK = "slack", "Slack, an incoming webhook"
        TEAMS = "teams", "Teams, a workflow's webhook"
        NTFY = "ntfy", "ntfy, a topic"
        WEBHOOK = "webhook", "Signed webhook"
        APPRISE = "apprise", "Others, by apprise"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    sealed_address = models.TextField(blank=True, default="", editable=False)
    sealed_secret = models.TextField(blank=True, default="", editable=False)
    # What may be shown.
    host = models.CharField(max_length=NAME_LENGTH, blank=True, default="", editable=False)
    is_enabled = models.BooleanField("in use", default=True)

    class Meta:
        verbose_name = "channel of notices"
        verbose_name_plural = "channels of notices"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class NoticeWish(InternalModel):
    """What one person wants to be told of. `kinds` and `agents`: one a line; `*` at the end stands for any rest."""

    class Urgent(models.TextChoices):
        """What is done with requests of high risk."""

        LIKE_OTHERS = "like_others", "like all others"
        AT_ONCE = "at_once", "at once, but not in quiet hours"
        ALWAYS = "always", "at once, in quiet hours too"

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="notice_wish"
    )
    kinds = models.TextField(default=ANY)
    agents = models.TextField(default=ANY)
    channels = models.ManyToManyField(NoticeChannel, blank=True, related_name="wishes")
    after_seconds = models.PositiveIntegerField(default=60, validators=[MaxValueValidator(DAY)])
    remind_seconds = models.PositiveIntegerField(default=60, validators=[MaxValueValidator(DAY)])
    digest_seconds = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(DAY)])
    high_risk = models.CharField(max_length=11, choices=Urgent.choices, default=Urgent.AT_ONCE)
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=60, default="UTC")

    def __str__(self) -> str:
        return f"notices of {self.person}"


class Escalation(models.Model):
    """Who is told when nobody has answered for so long. It gives nobody a right; several rows are several steps."""

    approval_type = models.CharField("kind", max_length=NAME_LENGTH, default=ANY, help_text="* is every kind")
    agent = models.CharField(max_length=NAME_LENGTH, default=ANY, help_text="* is every agent")
    after_seconds = models.PositiveIntegerField(
        "after", help_text="Seconds without an answer", validators=[MinValueValidator(1)]
    )
    team = models.ForeignKey(Team, on_delete=models.PROTECT)
    in_quiet_hours = models.BooleanField("in quiet hours too", default=False)

    class Meta:
        ordering = ["approval_type", "agent", "after_seconds", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["approval_type", "agent", "after_seconds", "team"], name="one_escalation"
            )
        ]

    def __str__(self) -> str:
        return f"{self.approval_type} of {self.agent}: {self.team} after {self.after_seconds} s"


class Notice(models.Model):
    """One request of which one channel, or one person by it, is told for one reason. Its key is there once.

    The row is committed before anything is sent. `message`: the same for all that went out as one, and at each try.
    """

    class State(models.TextChoices):
        """How far it is. What was begun and never came back is unknown: it is not sent again."""

        CLAIMED = "claimed", "being sent"
        SENT = "sent", "sent"
        AGAIN = "again", "failed, to be tried again"
        FAILED = "failed", "failed"
        UNKNOWN = "unknown", "nobody knows whether it was sent"
        NEEDLESS = "needless", "not sent: it was answered before"

    key = models.CharField(max_length=LONGEST_KEY, unique=True)
    request_id = models.UUIDField(null=True, db_index=True)
    agent = models.CharField(max_length=NAME_LENGTH, blank=True)
    approval_type = models.CharField("kind", max_length=NAME_LENGTH, blank=True)
    deadline_at = models.DateTimeField(null=True)
    step = models.CharField(max_length=20)
    channel = models.ForeignKey(NoticeChannel, on_delete=models.CASCADE, related_name="notices")
    # Whose wish it was; on a channel that many share, that of the first.
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    message = models.UUIDField(db_index=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.CLAIMED)
    tries = models.PositiveSmallIntegerField(default=1)
    claimed_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-claimed_at", "-pk"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["state", "next_at"], name="notices_to_do"),
            models.Index(fields=["channel", "person", "-claimed_at"], name="notices_last"),
        ]

    def __str__(self) -> str:
        return f"{self.step} of {self.request_id} by {self.channel}: {self.state}"
