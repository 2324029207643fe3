"""`python -m` this package, or `agent-telemetry`: the commands without a site, where Redis alone has the answer."""

import importlib.util
import os
import sys

from .cli import COMMANDS, run_words
from .cli.commands import MISUSED, PACKAGE, complain


def main(prog: str = "agent-telemetry") -> int:
    """Run what the command line says; the exit code. `prog` is what was typed, as help and errors repeat it."""
    return run_in_project(prog) if project_is_named() else run_words(sys.argv[1:], prog)


def project_is_named() -> bool:
    """Whether the environment names the Django project whose database the command needs, and it can be used here."""
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    needed = word in COMMANDS and COMMANDS[word].reads_history
    named = bool(os.environ.get("DJANGO_SETTINGS_MODULE"))
    # What agents install has no application of Django: then the command says where it can be run.
    return needed and named and all(map(importlib.util.find_spec, ("django", f"{PACKAGE}.apps")))


def run_in_project(prog: str) -> int:
    """Run the command with the database of the named project; 2, and one sentence, where that is not possible."""
    import django
    from django.apps import apps

    called, named = f"{prog} {sys.argv[1]}", f"DJANGO_SETTINGS_MODULE={os.environ['DJANGO_SETTINGS_MODULE']}"
    try:
        django.setup()
    except Exception as error:  # the project's own code may raise anything
        complain(called, f"{named} cannot be loaded: {type(error).__name__}: {error}")
        return MISUSED
    if not apps.is_installed(PACKAGE):
        complain(called, f"{named} is a project without `{PACKAGE}` in INSTALLED_APPS; name that of the site")
        return MISUSED
    from .management.commands.telemetry import with_database

    return with_database(called, lambda: run_words(sys.argv[1:], prog))


if __name__ == "__main__":
    sys.exit(main(f"python -m {PACKAGE}"))
