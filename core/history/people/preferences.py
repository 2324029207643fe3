"""What one person set for themselves."""

from typing import Any

from core.models import Preferences


def presses_keys(person: Any) -> bool:
    """Whether one key alone does something on this person's pages; so it is until they switch it off."""
    found = Preferences.objects.filter(person=person).values_list("single_keys", flat=True).first()
    return found is not False


def set_keys(person: Any, *, on: bool) -> None:
    """Switch it."""
    Preferences.objects.update_or_create(person=person, defaults={"single_keys": on})
