"""Importing what others wrote down: lines of transcripts that a processor takes in a second, and the memory for it.

The lines are made here and go through a pipe, so neither making nor keeping them is counted. Each is a call of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.measure import IN_DJANGO, Bench, Row

LINES, MANY_LINES = 20_000, 1_000_000
OF_A_SESSION = 200
MOST_MIB = 250
MODELS = ("claude-sonnet-4-5-20250929", "claude-opus-4-5-20251101", "claude-haiku-4-5-20251001")
BEGIN = datetime(2026, 5, 1, tzinfo=UTC)
PROGRAM = """
import contextlib, io, resource
began, said = time.process_time(), io.StringIO()
with contextlib.redirect_stdout(said):
    call_command("telemetry", "import", "-", "--json")
took, peak = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([json.loads(said.getvalue())["new"], took, peak / 1024]))
"""


def rows(bench: Bench) -> Iterator[Row]:
    count = MANY_LINES if bench.large else LINES
    with TemporaryDirectory(prefix="bench-import") as folder:
        environment = {**os.environ, "TELEMETRY_DATA_DIR": folder, "REDIS_URL": bench.url}
        environment |= {"TELEMETRY_NAMESPACE": "bench-import", "LOG_LEVEL": "ERROR", "DEBUG": "1"}
        command = [sys.executable, "-c", IN_DJANGO + PROGRAM]
        with subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as run:
            assert run.stdin is not None
            assert run.stdout is not None
            for line in transcript(count):
                run.stdin.write(line + "\n")
            run.stdin.close()
            said = run.stdout.read()
    taken, seconds, peak = json.loads(said)
    assert taken == count, taken
    size = f"{count:,} lines"
    yield Row("telemetry import, a processor", size, count / seconds, None, "/s", None, "reported", True)
    aim = f"under {MOST_MIB} MiB"
    yield Row("telemetry import, resident", size, peak, None, "MiB", None, aim, peak < MOST_MIB)


def transcript(count: int) -> Iterator[str]:
    """Lines as Claude Code writes them of the model's messages, in sessions of two hundred."""
    dice = Random(5)
    for number in range(count):
        yield json.dumps(_line(number, dice))


def _line(number: int, dice: Random) -> dict[str, Any]:
    at, session = BEGIN + timedelta(seconds=7 * number), number // OF_A_SESSION
    usage = {
        "input_tokens": dice.randrange(1, 50),
        "cache_creation_input_tokens": dice.randrange(5_000),
        "cache_read_input_tokens": dice.randrange(90_000),
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": dice.randrange(1, 1_500),
        "service_tier": "standard",
    }
    message = {
        "model": MODELS[number % 7 % 3], "id": f"msg_{number:024d}", "type": "message", "role": "assistant",
        "content": [{"type": "text", "text": "x" * dice.randrange(50, 400)}], "stop_reason": None,
        "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    return {
        "parentUuid": f"p{number}", "isSidechain": False, "userType": "external",
        "cwd": f"/home/dev/project{session % 12}", "sessionId": f"session-{session:08d}", "version": "2.0.1",
        "gitBranch": "main", "message": message, "requestId": f"req_{number:024d}", "type": "assistant",
        "uuid": f"u{number}", "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }  # fmt: skip
