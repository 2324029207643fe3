"""The keys as documents write them: `{telemetry}:approvals:request:<id>`."""

import inspect
from functools import cached_property

from core.store.keys import Keys, quoted

PLACEHOLDERS = {"request_id": "<id>", "event_type": "<type>"}  # an argument stands as <its name> otherwise


def key_patterns(keys: Keys) -> dict[str, str]:
    """Each public method or property of Keys, with the key that it builds."""
    patterns = {}
    for name, member in vars(Keys).items():
        if name.startswith("_") or name == "namespace":
            continue
        if isinstance(member, cached_property):
            patterns[name] = getattr(keys, name)
        elif inspect.isfunction(member):
            arguments = list(inspect.signature(member).parameters)[1:]
            placeholders = [PLACEHOLDERS.get(argument, f"<{argument}>") for argument in arguments]
            patterns[name] = getattr(keys, name)(*placeholders)
            for placeholder in placeholders:
                patterns[name] = patterns[name].replace(quoted(placeholder), placeholder)
    return patterns
