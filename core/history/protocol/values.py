"""When two texts of JSON say the same: whatever their spaces and the order of their keys, and 1.0 is 1."""

import hashlib
import json
from typing import Any


def digest_of(said: Any) -> str:
    """64 hex digits, equal for what says the same. `true` is not 1, and "1" is not 1."""
    return hashlib.sha256(json.dumps(_plain(said), sort_keys=True).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
