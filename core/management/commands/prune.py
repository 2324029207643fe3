"""`manage.py prune`: deletes what is older than it is kept for."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from core.history import automation, usage

KEPT = (
    ("calls", "TELEMETRY_USAGE_DAYS", usage.prune),
    ("records of automated work", "TELEMETRY_AUTOMATION_DAYS", automation.prune),
)


class Command(BaseCommand):
    """Delete recorded calls and records of automated work, each older than its setting says."""

    help = (
        "Delete recorded calls older than TELEMETRY_USAGE_DAYS, whose hourly sums stay, "
        "and records of automated work older than TELEMETRY_AUTOMATION_DAYS."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune, and say how much that was."""
        for what, setting, prune in KEPT:
            days = getattr(settings, setting)
            if not days:
                self.stdout.write(f"{what} are kept for ever ({setting}=0)")
                continue
            self.stdout.write(f"{prune(timezone.now(), days):,} {what} older than {days:,} days deleted")
