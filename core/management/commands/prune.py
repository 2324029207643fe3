"""`manage.py prune`: deletes what is older than it is kept for."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from core.history.approvals.effects import prune_bodies
from core.history.automation import effects as automation
from core.history.usage import calls as usage

KEPT = (
    ("texts of ended requests", "TELEMETRY_BODY_DAYS", prune_bodies),
    ("calls", "TELEMETRY_USAGE_DAYS", usage.prune),
    ("records of automated work", "TELEMETRY_AUTOMATION_DAYS", automation.prune),
)


class Command(BaseCommand):
    """Safe to run at any time and as often as wanted."""

    help = (
        "Delete texts of requests that ended more than TELEMETRY_BODY_DAYS days ago (the record stays), "
        "recorded calls older than TELEMETRY_USAGE_DAYS (their hourly sums stay), "
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
