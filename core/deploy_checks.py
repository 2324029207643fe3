"""Checks of `manage.py check --deploy`: what must not be set where people rely on the site."""

import os
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register

from core import failpoints


@register(Tags.security, deploy=True)
def check_failpoints(app_configs: Any = None, **_options: Any) -> list[CheckMessage]:
    """E020: this environment lets a process be killed on purpose."""
    return [
        Error(
            f"{name} is set: it is for tests, which kill processes on purpose.",
            hint=f"Unset {name} for the site, the recorder and every agent.",
            id="core.E020",
        )
        for name in (failpoints.NAME, failpoints.SWITCH)
        if os.environ.get(name)
    ]
