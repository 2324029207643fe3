"""`manage.py prune`: deletes what is older than it is kept for."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from core.history import usage


class Command(BaseCommand):
    """Delete recorded calls older than TELEMETRY_USAGE_DAYS; hourly sums stay."""

    help = "Delete recorded calls that are older than TELEMETRY_USAGE_DAYS. Their hourly sums stay."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune, and say how much that was."""
        days = settings.TELEMETRY_USAGE_DAYS
        if not days:
            self.stdout.write("calls are kept for ever (TELEMETRY_USAGE_DAYS=0)")
            return
        self.stdout.write(f"{usage.prune(timezone.now(), days):,} calls older than {days:,} days deleted")
