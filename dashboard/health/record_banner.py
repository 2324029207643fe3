"""What every page tells those who may read the record, when it is damaged or nobody looked."""

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from core.history.proof import verification


def record_worry(_request: HttpRequest) -> dict[str, Any]:
    """For every template: `record_worry`, a sentence or ''. Read when a template asks for it, so for few people."""
    return {"record_worry": SimpleLazyObject(_worry)}


def _worry() -> str:
    try:
        return verification.verification_worry(verification.read_state())
    except DatabaseError:
        return ""  # the page itself says that the database is away
