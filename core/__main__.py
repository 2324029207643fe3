"""`python -m core <command>`: the commands without a site, where Redis alone has the answer."""

import importlib.util
import os
import sys

from core.cli import COMMANDS, main


def project_is_named() -> bool:
    """Whether the environment names the Django project whose database the command needs."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    needed = word in COMMANDS and COMMANDS[word].reads_history
    named = bool(os.environ.get("DJANGO_SETTINGS_MODULE"))
    return needed and named and importlib.util.find_spec("django") is not None


if __name__ == "__main__":
    if project_is_named():
        from django.core.management import execute_from_command_line

        execute_from_command_line(["python -m core", "telemetry", *sys.argv[1:]])
    else:
        sys.exit(main())
