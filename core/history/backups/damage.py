"""Values that do not belong in their column. SQLite keeps them; a copy carries them as they are."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models

from core.values.json import is_unicode

_BELONGS: list[tuple[type["models.Field[Any, Any]"], tuple[type, ...]]] = [
    (models.BooleanField, (bool,)),
    (models.FloatField, (float, int)),
    (models.IntegerField, (int,)),
    (models.DateTimeField, (datetime,)),
    (models.UUIDField, (uuid.UUID,)),
    (models.CharField, (str,)),
    (models.TextField, (str,)),
]


@dataclass(frozen=True)
class DamagedValue:
    """What stands where a value of another kind belongs. A text holds bytes that are none as lone surrogates."""

    value: str | bytes | int | float

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        if isinstance(self.value, bytes):
            return {"hex": self.value.hex()}
        if isinstance(self.value, str):
            return {"text": self.value.encode(errors="surrogateescape").hex()}
        return {"number": self.value}

    @classmethod
    def of_plain(cls, said: dict[str, Any]) -> "DamagedValue":
        """The inverse. ValueError, KeyError or TypeError for what is none."""
        if "hex" in said:
            return cls(bytes.fromhex(said["hex"]))
        if "text" in said:
            return cls(bytes.fromhex(said["text"]).decode(errors="surrogateescape"))
        return cls(said["number"])

    @property
    def is_text(self) -> bool:
        """Whether it is text to the database, also where it is not UTF-8."""
        return isinstance(self.value, str)

    @property
    def stored(self) -> bytes | int | float:
        """For a statement; a text as its bytes, to be cast there."""
        return self.value.encode(errors="surrogateescape") if isinstance(self.value, str) else self.value


def watcher(field: "models.Field[Any, Any]") -> Callable[[Any], Any]:
    """A function that returns a value of this column as it is, or as DamagedValue where it does not belong."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    kinds = next((kinds for kind, kinds in _BELONGS if isinstance(field, kind)), ())

    def looked_at(value: Any) -> Any:
        if value is None or not kinds:
            return value
        kind = type(value)
        if kind is str and str in kinds:
            return value if is_unicode(value) else DamagedValue(value)
        return value if kind in kinds else DamagedValue(value)

    return looked_at
