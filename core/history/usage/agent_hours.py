"""Sums of calls by agent: of each hour what `UsageHour` has, kept beside it, so that both always agree."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db import connection

from core.models import AgentHour

# The name in the sums of a call, and the column.
SUMS = {"calls": "calls", "cost": "cost_nano", "input": "input_tokens", "output": "output_tokens"}


class AgentSums:
    """Sums of many calls, to be added at once."""

    def __init__(self) -> None:
        self._sums: dict[tuple[datetime, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys(SUMS, 0))

    def add(self, hour: datetime, agent_id: str, amounts: Mapping[str, int]) -> None:
        """One call, or what a correction changes; `amounts` by the names of the sums of a call."""
        row = self._sums[hour, agent_id]
        for name in SUMS:
            row[name] += amounts[name]

    def write(self) -> None:
        """In the transaction that writes the sums of the hours."""
        added = ", ".join(f"{column} = {column} + %s" for column in SUMS.values())
        update = f"UPDATE {AgentHour._meta.db_table} SET {added} WHERE hour = %s AND agent_id = %s"
        with connection.cursor() as cursor:
            for (hour, agent_id), amounts in sorted(self._sums.items()):
                moment = connection.ops.adapt_datetimefield_value(hour)
                cursor.execute(update, [*amounts.values(), moment, agent_id])
                if not cursor.rowcount:
                    row = {SUMS[name]: amount for name, amount in amounts.items()}
                    AgentHour.objects.create(hour=hour, agent_id=agent_id, **row)


def forget(since: datetime | None = None, until: datetime | None = None) -> None:
    """Delete the sums of the hours from `since` until before `until`."""
    hours = AgentHour.objects.all()
    hours = hours if since is None else hours.filter(hour__gte=since)
    (hours if until is None else hours.filter(hour__lt=until)).delete()
