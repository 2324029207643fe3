"""`manage.py prune`: remove what retention says need not be kept."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from core.history.retention import prune_bodies


class Command(BaseCommand):
    """Safe to run at any time and as often as wanted."""

    help = "Remove the texts of requests that ended more than TELEMETRY_BODY_DAYS days ago; the record stays."

    def handle(self, *args: Any, **options: Any) -> None:
        """Prune, and say how much."""
        self.stdout.write(f"removed the texts of {prune_bodies(timezone.now()):,} ended requests")
