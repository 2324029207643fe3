"""The table of runs. The recorder alone writes it."""

from django.db import models
from django.db.models import Q

from core.values.names import NAME_LENGTH


class AgentRun(models.Model):
    """One run of an agent: from its start to its end in one process. Kept by the recorder.

    How it stands is `state`; `status` is the agent's own last word on it. While it goes on, Redis alone knows
    the last beat, status, progress and task: they are written when it ends.
    """

    class State(models.TextChoices):
        """Going on, ended by its own word, or silent for longer than its key lives."""

        RUNNING = "running"
        STOPPED = "stopped"
        LOST = "lost"

    run_id = models.UUIDField(primary_key=True)
    agent_id = models.CharField("agent", max_length=NAME_LENGTH)
    instance_id = models.CharField("process", max_length=40)
    display_name = models.CharField(max_length=NAME_LENGTH, blank=True)
    metadata = models.TextField(blank=True)
    started_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True, db_index=True)
    state = models.CharField(
        max_length=10, choices=State.choices, default=State.RUNNING, db_default=State.RUNNING, db_index=True
    )
    status = models.CharField(max_length=NAME_LENGTH, blank=True)
    resumed_at = models.DateTimeField(null=True, blank=True)
    last_beat_at = models.DateTimeField("last beat", null=True, blank=True)
    last_progress = models.FloatField(null=True, blank=True)
    last_task = models.TextField(blank=True)
    # Another run of this agent went on when one of the two began: a rival, or a crash that nobody saw yet.
    overlaps = models.BooleanField(default=False, db_default=False)

    class Meta:
        verbose_name = "run of an agent"
        verbose_name_plural = "runs of agents"
        ordering = ["-started_at", "-run_id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["agent_id", "-started_at"], name="runs_of_an_agent"),
            models.Index(
                fields=["agent_id"], name="overlapping_runs", condition=Q(state="running", overlaps=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} from {self.started_at:%Y-%m-%d %H:%M:%S}"
