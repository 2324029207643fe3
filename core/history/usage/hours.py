"""Sums of calls by the hour, of each kind of call and of each agent: written together, so that both always agree."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from core.models import AgentHour

KIND = ("hour", "workflow", "tier", "provider", "model")
AGENT = ("hour", "agent_id")
# The name in the sums of a call, and the column.
AGENT_SUMS = {"calls": "calls", "cost": "cost_nano", "input": "input_tokens", "output": "output_tokens"}


class HourSums:
    """Sums of many calls, to be added at once to the rows of a table, which `key` tells apart: the hour, and names.

    columns: the name in the sums of a call, and the column.
    """

    def __init__(self, table: type[Model], key: tuple[str, ...], columns: Mapping[str, str]) -> None:
        self._table, self._key, self._columns = table, key, columns
        self._sums: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(columns, 0))

    def add(self, row: tuple[Any, ...], amounts: Mapping[str, int]) -> None:
        """One call, or what a correction changes; `amounts` by the names of the sums of a call, none where 0."""
        sums = self._sums[row]
        for name in self._columns:
            sums[name] += amounts.get(name, 0)

    def write(self) -> None:
        """In one statement for all, in words of our own: putting it together anew took longer than running it."""
        added = ", ".join(f"{column} = {column} + %s" for column in self._columns.values())
        here = " AND ".join(f"{column} = %s" for column in self._key)
        update = f"UPDATE {self._table._meta.db_table} SET {added} WHERE {here}"
        with connection.cursor() as cursor:
            for (hour, *names), amounts in sorted(self._sums.items()):
                moment = connection.ops.adapt_datetimefield_value(hour)
                cursor.execute(update, [*amounts.values(), moment, *names])
                if not cursor.rowcount:
                    row = dict(zip(self._key, (hour, *names), strict=True))
                    row |= {self._columns[name]: amount for name, amount in amounts.items()}
                    self._table._default_manager.create(**row)

    @property
    def hours(self) -> set[datetime]:
        """Of which hours these are."""
        return {hour for hour, *_names in self._sums}


def forget_agents(since: datetime, until: datetime) -> None:
    """Delete the sums of agents of the hours from `since` until before `until`."""
    AgentHour.objects.filter(hour__gte=since, hour__lt=until).delete()
