"""Calls of language models, and their sums by the hour."""

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.functions import MD5

from core.models.bases import ReportedModel
from core.values.names import NAME_LENGTH


class LLMCall(ReportedModel):
    """One call of a language model, kept by the recorder. Money is in nano-dollars; None is what nobody knows.

    `input_tokens` were neither read from a prompt cache nor written to one. `user` is an HMAC, never a name.
    `cost_source` says whose the cost is: told, provider, book, or '' where nobody knows. `details` has what else the
    provider bills. `tellings` counts the different ones that stood here, the newest or fullest of which this is.
    """

    call_id = models.CharField(max_length=NAME_LENGTH, unique=True)
    at = models.DateTimeField()
    # By Redis's clock: a reset forgets what was shipped before it, also when it is recorded again.
    shipped_at = models.DateTimeField()
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, blank=True)
    workflow = models.CharField(max_length=NAME_LENGTH)
    stage = models.CharField(max_length=NAME_LENGTH, blank=True)
    tier = models.CharField(max_length=NAME_LENGTH)
    model = models.CharField(max_length=NAME_LENGTH)
    provider = models.CharField(max_length=NAME_LENGTH)
    user = models.CharField(max_length=64, blank=True)
    cost_nano = models.BigIntegerField()
    book_nano = models.BigIntegerField(null=True, blank=True)
    uncached_nano = models.BigIntegerField(null=True, blank=True)
    baseline_nano = models.BigIntegerField(null=True, blank=True)
    input_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    cache_read_tokens = models.PositiveBigIntegerField()
    cache_write_tokens = models.PositiveBigIntegerField()
    cache_hit = models.BooleanField()
    cache_type = models.CharField(max_length=NAME_LENGTH, blank=True)
    prompt_cache_hit = models.BooleanField()
    duration_ms = models.FloatField()
    cache_write_1h_tokens = models.PositiveBigIntegerField("written for an hour", default=0)
    reasoning_tokens = models.PositiveBigIntegerField(default=0)
    web_searches = models.PositiveBigIntegerField(default=0)
    service_tier = models.CharField(max_length=NAME_LENGTH, blank=True)
    batch = models.BooleanField(default=False)
    request_id = models.CharField(max_length=NAME_LENGTH, blank=True)
    cost_source = models.CharField(max_length=10, blank=True, default="told")
    incomplete = models.TextField(blank=True, default="")
    notes = models.TextField(blank=True, default="")
    corrected = models.BooleanField(default=False)
    tellings = models.PositiveIntegerField(default=1)
    details = models.JSONField(default=dict, blank=True)

    class Meta(ReportedModel.Meta):
        verbose_name = "model call"
        indexes = [
            # In the order of lists, with all that lists are sorted by: no row is read to find its place.
            models.Index(
                fields=["at", "id", "cost_nano", "duration_ms", "input_tokens", "output_tokens"],
                name="calls_by_time",
            ),
            models.Index(fields=["agent_id", "-at"], name="calls_of_an_agent"),
            models.Index(
                fields=["provider", "model"], name="calls_without_a_price", condition=models.Q(book_nano=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model} for {self.workflow}"


class CallName(models.Model):
    """Another name of a call, as its request's or its response's: what is told under it is told of `call_id`."""

    name = models.CharField(max_length=NAME_LENGTH, unique=True)
    call_id = models.CharField(max_length=NAME_LENGTH, db_index=True)

    class Meta:
        verbose_name = "name of a call"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} is {self.call_id}"


Table = type[models.Model] | None
Editor = BaseDatabaseSchemaEditor | None


class UniqueOfNames(models.UniqueConstraint):
    """Unique over a time and names. PostgreSQL's index keeps 2,704 bytes of a row, so it has a digest of each name."""

    def constraint_sql(self, model: Table, schema_editor: Editor) -> Any:
        """As in the table where it is made."""
        return self._stated(schema_editor, "constraint_sql", model)

    def create_sql(self, model: Table, schema_editor: Editor) -> Any:
        """As of its own."""
        return self._stated(schema_editor, "create_sql", model)

    def remove_sql(self, model: Table, schema_editor: Editor) -> Any:
        """The end of it."""
        return self._stated(schema_editor, "remove_sql", model)

    def _stated(self, schema_editor: Editor, statement: str, model: Table) -> Any:
        one: models.UniqueConstraint = models.UniqueConstraint(fields=self.fields, name=self.name)
        if schema_editor is not None and schema_editor.connection.vendor == "postgresql":
            time, *names = self.fields
            one = models.UniqueConstraint(models.F(time), *map(MD5, names), name=self.name)
        return getattr(one, statement)(model, schema_editor)


class UsageHour(models.Model):
    """Sums of the calls of one UTC hour, for each workflow, tier, provider and model. Money in nano-dollars.

    baseline - routing - caching + difference = cost, in each row and so in every sum of rows.
    """

    hour = models.DateTimeField()
    workflow = models.CharField(max_length=NAME_LENGTH)
    tier = models.CharField(max_length=NAME_LENGTH)
    provider = models.CharField(max_length=NAME_LENGTH)
    model = models.CharField(max_length=NAME_LENGTH)
    calls = models.PositiveBigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    cache_read_tokens = models.PositiveBigIntegerField(default=0)
    cache_write_tokens = models.PositiveBigIntegerField(default=0)
    cache_hits = models.PositiveBigIntegerField(default=0)
    prompt_cache_hits = models.PositiveBigIntegerField(default=0)
    prompt_cache_net_nano = models.BigIntegerField(default=0)
    baseline_nano = models.BigIntegerField(default=0)
    routing_nano = models.BigIntegerField(default=0)
    caching_nano = models.BigIntegerField(default=0)
    difference_nano = models.BigIntegerField(default=0)
    unpriced_calls = models.PositiveBigIntegerField(default=0)
    unpriced_cost_nano = models.BigIntegerField(default=0)
    no_baseline_calls = models.PositiveBigIntegerField(default=0)
    no_baseline_cost_nano = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = "hour of usage"
        verbose_name_plural = "hours of usage"
        ordering = ["-hour"]
        default_permissions = ("view",)
        constraints = [
            UniqueOfNames(
                fields=["hour", "workflow", "tier", "provider", "model"], name="one_row_per_hour_and_kind"
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow} in the hour of {self.hour:%Y-%m-%d %H:00}"


class AgentHour(models.Model):
    """Sums of the calls of one UTC hour for each agent; '' for calls that named none. Money in nano-dollars.

    Of every hour the same calls as in `UsageHour`.
    """

    hour = models.DateTimeField()
    agent_id = models.CharField("agent", max_length=NAME_LENGTH, blank=True)
    calls = models.PositiveBigIntegerField(default=0)
    cost_nano = models.BigIntegerField(default=0)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name = "hour of an agent's usage"
        verbose_name_plural = "hours of agents' usage"
        ordering = ["-hour"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["hour", "agent_id"], name="one_row_per_hour_and_agent")
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} in the hour of {self.hour:%Y-%m-%d %H:00}"
