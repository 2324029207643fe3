"""The commands: `manage.py telemetry`, and without a site `python -m` this package (docs/reference/commands.md)."""

import sys
from collections.abc import Sequence

# Each module adds its commands to the parser when it is imported.
from .agents.connect import cmd_connect, cmd_hook
from .analysis import cmd_sonnet_opus_analysis
from .asking import cmd_ask, cmd_beat, cmd_wait
from .automation import (
    cmd_agent_performance,
    cmd_file_test_status,
    cmd_task_routing_report,
    cmd_test_status,
    cmd_tier1_status,
)
from .commands import COMMANDS, PACKAGE, add_commands, run_parsed, run_words
from .compare import cmd_telemetry_compare
from .core import cmd_telemetry_cache_stats, cmd_telemetry_reset, cmd_telemetry_savings, cmd_telemetry_show
from .export import cmd_telemetry_export
from .imports import cmd_telemetry_import
from .mcp import cmd_telemetry_mcp

__all__ = [
    "COMMANDS",
    "add_commands",
    "cmd_agent_performance",
    "cmd_ask",
    "cmd_beat",
    "cmd_connect",
    "cmd_file_test_status",
    "cmd_hook",
    "cmd_sonnet_opus_analysis",
    "cmd_task_routing_report",
    "cmd_telemetry_cache_stats",
    "cmd_telemetry_compare",
    "cmd_telemetry_export",
    "cmd_telemetry_import",
    "cmd_telemetry_mcp",
    "cmd_telemetry_reset",
    "cmd_telemetry_savings",
    "cmd_telemetry_show",
    "cmd_test_status",
    "cmd_tier1_status",
    "cmd_wait",
    "main",
    "run_parsed",
    "run_words",
]


def main(words: Sequence[str] | None = None, prog: str = f"python -m {PACKAGE}") -> int:
    """Run the command that the words of the command line say; the exit code."""
    return run_words(sys.argv[1:] if words is None else words, prog)
