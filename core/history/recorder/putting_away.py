"""Putting away the banner of set aside entries: somebody has seen them, and the record says who."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from core.history.audit import entries
from core.models import SetAsideEntry

NAMED = 50


def put_away(newest: int, user: Any) -> int:
    """Say of every open entry up to this one, by its id, that it was seen; returns how many.

    They stay set aside, are listed, and can be recorded again. One that comes later makes the banner anew.
    """
    with transaction.atomic():
        entries.locked_head()  # a record that cannot be written refuses here
        seen = SetAsideEntry.worrying().filter(pk__lte=newest).order_by("pk")
        positions = list(seen.values_list("position", flat=True))
        if not positions:
            return 0
        seen.update(put_away_at=timezone.now())
        what = f"{len(positions)} set aside"
        fact = entries.new_fact("record.put_away", user.get_username(), what=what, named=positions[:NAMED])
        entries.append([fact])
    return len(positions)
