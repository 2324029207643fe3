#!/usr/bin/env python
"""Django's command line for this project."""

import gc
import os
import sys


def main() -> None:
    """Run a command; a setting that cannot be used, or a database that is away, is one sentence and exit code 1."""
    gc.set_threshold(
        10_000
    )  # a thousand modules are loaded, and looked through again and again for what may go
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "telemetry_site.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import Error

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(f"The settings cannot be used: {error}")
    except Error as error:
        from core.history.database.url import why_unusable

        said = why_unusable(error)
        if not said or "--traceback" in sys.argv:
            raise
        sys.exit(said)


if __name__ == "__main__":
    main()
