"""How tests read the record: in order, and whole."""

from io import StringIO

from django.core.management import call_command
from django.db.models import QuerySet

from core.history.audit.entries import entry_hash
from core.models import AuditEntry, AuditHead


def assert_chain_is_whole() -> int:
    """Gapless from 1, each hash recomputed, each linked to the one before; returns the length."""
    previous = "0" * 64
    entries = list(AuditEntry.objects.order_by("sequence"))
    for number, entry in enumerate(entries, 1):
        assert entry.sequence == number
        assert entry.previous_hash == previous
        assert entry.hash == entry_hash(entry)
        previous = entry.hash
    if entries:
        head = AuditHead.objects.get(pk=1)
        assert (head.sequence, head.hash) == (len(entries), previous)
    return len(entries)


def of_requests() -> QuerySet[AuditEntry]:
    """What the record says of requests, beside that of people and settings; in order."""
    return AuditEntry.objects.filter(request_id__isnull=False).order_by("sequence")


def kinds_of(request_id: str) -> list[str]:
    """What the record says of one request, in order."""
    entries = AuditEntry.objects.filter(request_id=request_id).order_by("sequence")
    return list(entries.values_list("kind", flat=True))


def verify_audit(*words: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    out = StringIO()
    try:
        call_command("verify_audit", *words, stdout=out)
    except SystemExit as stop:
        return int(stop.code), out.getvalue()
    return 0, out.getvalue()
