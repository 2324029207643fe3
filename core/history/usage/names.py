"""Under which names calls are told in SQL: what comes under another name of a call is told of that call."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef

from core.models import CallName, LLMCall
from core.usage.call import Call, call_of
from core.usage.telling import CallTellings, names_of


class CallNames:
    """The names of the calls that a batch tells of, as they were before it."""

    def __init__(self, told: Iterable[Call]) -> None:
        names = {name for call in told for name in (names_of(call) if call.given else [call.call_id])}
        self._known = dict(CallName.objects.filter(name__in=names).values_list("name", "call_id"))
        self.rows = LLMCall.objects.in_bulk([*names, *self._known.values()], field_name="call_id")
        self._stand: dict[str, str] = {}
        self._renamed: dict[str, str] = {}

    def held(self) -> list[CallTellings]:
        """The recorded calls, oldest first."""
        others: dict[str, list[str]] = {call_id: [] for call_id in self.rows}
        for name, call_id in self._known.items():
            others.get(call_id, []).append(name)
        rows = sorted(self.rows.values(), key=lambda row: row.pk)
        return [CallTellings([call_of(row)], others[row.call_id]) for row in rows]

    def stand_for(self, call_id: str, one: CallTellings) -> None:
        """All names of this call are of the row with this id from now on."""
        self._stand |= dict.fromkeys(one.names - {call_id}, call_id)
        self._renamed |= {held.call_id: call_id for held in one.held if held.call_id != call_id}

    def write(self) -> None:
        """Those that are new, or stood for another row."""
        for before, call_id in self._renamed.items():
            CallName.objects.filter(call_id=before).update(call_id=call_id)
        new = [
            CallName(name=name, call_id=call_id)
            for name, call_id in self._stand.items()
            if self._known.get(name) != call_id
        ]
        CallName.objects.bulk_create(
            new, update_conflicts=True, unique_fields=["name"], update_fields=["call_id"]
        )


def forget_of_nobody() -> None:
    """The names whose calls are gone."""
    CallName.objects.filter(~Exists(LLMCall.objects.filter(call_id=OuterRef("call_id")))).delete()
