"""What an installation is told: settings of the Django project, else the environment, and where its Redis is."""

import os
import sys
from pathlib import Path

from ..errors import StoreUnavailable
from . import embedded


def configured_url() -> str:
    """Where Redis is: REDIS_URL, or the embedded server that `make run` started.

    Raises StoreUnavailable, saying what to do, when there is neither.
    """
    url = setting("REDIS_URL")
    if url:
        return url
    data_dir = data_directory()
    if data_dir is None:
        raise StoreUnavailable(
            "no Redis is configured: set REDIS_URL, or TELEMETRY_DATA_DIR to that of `make run`"
        )
    running = embedded.running_url(data_dir)
    if running is None:
        raise StoreUnavailable(f"no Redis runs in {data_dir}: start `make run`, or set REDIS_URL")
    return running


def data_directory() -> Path | None:
    """TELEMETRY_DATA_DIR, or the folder `var` of the checkout; None where the package was installed."""
    configured = setting("TELEMETRY_DATA_DIR")
    if configured:
        return Path(configured)
    package = Path(__file__).resolve().parent.parent
    # What agents install has no application: a manage.py beside that is another project's.
    in_checkout = (package / "apps.py").exists() and (package.parent / "manage.py").exists()
    return package.parent / "var" if in_checkout else None


def setting(name: str) -> str:
    """A setting of the Django project that this process runs in, else the environment variable; '' if unset.

    A project that is not ours need not know our settings: the environment speaks where its own say nothing.
    """
    # Django only where the process already uses it: agents work without.
    conf = sys.modules.get("django.conf")
    if conf is not None and conf.settings.configured:
        said = getattr(conf.settings, name, None)
        if said is not None:
            return str(said)
    return os.environ.get(name, "")
