"""A site of its own in a data directory, driven through real processes, and rows with odd text for it."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ODD = "ž\u202e<b>'\"\\%_ \U0001f9ff\u200b\n\te\u0301 \ufeff"

FILL = """
import sys
from datetime import datetime, timezone
from django.contrib.auth.models import Group, User
from core.history.people.session_store import SessionStore
from django.db import transaction
from core.history.audit import entries
from core.models import LLMCall, SetAsideEntry
odd = sys.stdin.read()
moment = datetime(2026, 3, 29, 1, 30, 0, 123457, tzinfo=timezone.utc)
for number in range(7):
    user = User.objects.create(username=f"{number} {odd}"[:150], last_name=odd[:20])
    user.groups.add(Group.objects.get(name="approver"))
User.objects.filter(username__startswith="6").delete()
session = SessionStore(); session["odd"] = odd; session.save()
SetAsideEntry.objects.create(installation="i", position="1-1", fields=odd, error=odd)
numbers = dict(cost_nano=2**62, input_tokens=1, output_tokens=2, cache_read_tokens=0, cache_write_tokens=0)
flags = dict(cache_hit=True, prompt_cache_hit=False, duration_ms=0.1 + 0.2)
LLMCall.objects.create(call_id=odd, at=moment, shipped_at=moment, workflow=odd, tier="t", model="m",
                       provider="p", **numbers, **flags)
with transaction.atomic():
    entries.append([entries.Fact(f"odd:{n}", "odd", moment, actor=odd, details={odd: [odd, None, 1e-7, n]})
                  for n in range(2500)])
"""


class Installation:
    """A site's database in a data directory of its own."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self.file = folder / "history.sqlite3"
        self.environment = {
            **{
                name: os.environ[name]
                for name in ("PATH", "HOME", "TELEMETRY_UNDO_SECONDS")
                if name in os.environ
            },
            "TELEMETRY_DATA_DIR": str(folder),
            "REDIS_URL": redis_url,
            "LOG_LEVEL": "ERROR",
        }

    def manage(
        self, *words: str, said: str = "", largest_file: int = 0, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """A command. `largest_file`: so many bytes, and then no file grows, as where a disk is full."""
        command = [sys.executable, str(ROOT / "manage.py"), *words]
        if largest_file:
            command = ["prlimit", f"--fsize={largest_file}", *command]
        environment = {**self.environment, **settings}
        return subprocess.run(
            command, env=environment, input=said, capture_output=True, text=True, cwd=ROOT, timeout=180
        )

    def run(self, program: str, said: str = "", **settings: str) -> str:
        # Not through `shell`: it would take the input for a program.
        start = "import django; django.setup()\n" + program
        result = subprocess.run(
            [sys.executable, "-c", start],
            env={**self.environment, "DJANGO_SETTINGS_MODULE": "telemetry_site.settings", **settings},
            input=said,
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=180,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def rows(self, table: str) -> list[tuple]:
        with closing(sqlite3.connect(self.file)) as connection:
            return connection.execute(f"SELECT * FROM {table}").fetchall()
