"""How the record was checked: what its last verification found and when, and how old its checkpoints are."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from core.models import AuditCheck, AuditEntry

VERIFICATION_OLD = timedelta(hours=36)
CHECKPOINT_OLD = timedelta(hours=1)


@dataclass(frozen=True)
class RecordState:
    """Times are None where there was none. `problems`: how many the last verification found, the first in words.

    `began_at`: of the first entry. What is younger need not be verified yet.
    """

    began_at: datetime | None
    verified_at: datetime | None
    problems: int
    first_problem: str
    checkpoint_at: datetime | None

    @property
    def verification_old(self) -> bool:
        """Whether nobody looked at the record for a day and a half."""
        return self._longer_ago(self.verified_at, VERIFICATION_OLD)

    @property
    def checkpoint_old(self) -> bool:
        """Whether nothing says how far the record is: a job says it every ten minutes, also where that is as far."""
        return self._longer_ago(self.checkpoint_at, CHECKPOINT_OLD)

    def _longer_ago(self, moment: datetime | None, limit: timedelta) -> bool:
        since = moment or self.began_at
        return since is not None and timezone.now() - since > limit


def read() -> RecordState:
    """Two queries, and a look at the file. DatabaseError when the database is away."""
    found = AuditCheck.objects.filter(pk=1).first()
    first = AuditEntry.objects.order_by("sequence").values_list("at", flat=True).first()
    return RecordState(
        began_at=first,
        verified_at=found.at if found else None,
        problems=found.problems if found else 0,
        first_problem=found.first_problem if found else "",
        checkpoint_at=written_at(settings.TELEMETRY_CHECKPOINT_FILE),
    )


def written_at(path: Path) -> datetime | None:
    """When a file was written or touched last; None when it cannot be seen."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
