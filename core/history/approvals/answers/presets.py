"""Reasons that pages offer for a denial, as administrators wrote them."""

from django.db.models.signals import post_delete, post_save

from core.models import DenyPreset
from core.models.policy import ANY

MOST = 9  # each has a key of its own

_known: list[tuple[str, str]] = []
_version: int | None = None  # of policy, when they were read


def offered(kind: str, version: int) -> tuple[str, ...]:
    """Those for a kind of requests, in their order; read once for each version of policy, so most pages ask nothing.

    version: as whoever looks read it with their powers.
    """
    global _known, _version
    if version != _version:
        _known = list(DenyPreset.objects.values_list("approval_type", "text"))
        _version = version
    return tuple(dict.fromkeys(text for of, text in _known if of in (kind, ANY)))[:MOST]


def joined(chosen: list[str], typed: str) -> str:
    """The reason that is sent: what was chosen, then what was typed."""
    said = (text.strip() for text in [*chosen[:MOST], typed])
    return "; ".join(text for text in said if text)


def _forget(**_signal: object) -> None:
    """A change of this very process is seen before its commit has told of a new version."""
    global _version
    _version = None


post_save.connect(_forget, sender=DenyPreset)
post_delete.connect(_forget, sender=DenyPreset)
