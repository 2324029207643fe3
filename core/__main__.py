"""`python -m core <command>`: the commands without a site, where Redis alone has the answer."""

import importlib.util
import os
import sys

from .cli import COMMANDS, main
from .cli.commands import MISUSED, complain


def project_is_named() -> bool:
    """Whether the environment names the Django project whose database the command needs."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    needed = word in COMMANDS and COMMANDS[word].reads_history
    named = bool(os.environ.get("DJANGO_SETTINGS_MODULE"))
    return needed and named and importlib.util.find_spec("django") is not None


def run_in_project() -> int:
    """Run the command with the database of the named project; 2, and one sentence, where that is not possible."""
    import django
    from django.apps import apps
    from django.core.management import execute_from_command_line

    named = f"DJANGO_SETTINGS_MODULE={os.environ['DJANGO_SETTINGS_MODULE']}"
    try:
        django.setup()
    except Exception as error:  # the project's own code may raise anything
        complain(sys.argv[1], f"{named} cannot be loaded: {type(error).__name__}: {error}")
        return MISUSED
    if not apps.is_installed("core"):
        complain(sys.argv[1], f"{named} is a project without `core` in INSTALLED_APPS; name that of the site")
        return MISUSED
    execute_from_command_line(["python -m core", "telemetry", *sys.argv[1:]])
    return 0


if __name__ == "__main__":
    sys.exit(run_in_project() if project_is_named() else main())
