"""`manage.py demo_agents`: a fleet of agents to watch, each a process of its own."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from core.management.demo_fleet import FLEET
from core.management.demo_mind import PREMIUM_MODELS
from core.management.supervisor import ChildProcess, Supervisor
from core.store.configuration import configured_url

CRASHED_FOR_SECONDS = 150.0


class Command(BaseCommand):
    """Run the fleet until Ctrl-C."""

    help = (
        "Run demo agents that work and ask; one hangs, is stuck, fails, crashes each, and two share a name."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start one process per agent, as a user would start theirs."""
        os.environ["REDIS_URL"] = configured_url()
        os.environ["TELEMETRY_DATA_DIR"] = str(settings.TELEMETRY_DATA_DIR)
        if not os.environ.get("TELEMETRY_PREMIUM_MODELS"):
            os.environ["TELEMETRY_PREMIUM_MODELS"] = PREMIUM_MODELS
        os.environ["PYTHONPATH"] = str(settings.BASE_DIR)
        command = [sys.executable, "-m", "core.management.demo_fleet"]
        parts = [ChildProcess(name, [*command, name], first_pause=CRASHED_FOR_SECONDS) for name in FLEET]
        Supervisor(parts, lambda text: None).run()
