"""Django's check of what pages need beside the database."""

from pathlib import PurePath
from typing import Any

from django.apps import apps
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.checks import CheckMessage, Error, Tags, register

from dashboard.health import words


@register(Tags.staticfiles, deploy=True)
def check_collected(**_options: Any) -> list[CheckMessage]:
    """E116: pages name their files by digests, and of some there is none: each page that needs one would fail."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return []  # with DEBUG files are served as they are
    ignored = list(getattr(apps.get_app_config("staticfiles"), "ignore_patterns", ()))
    names = {PurePath(name).as_posix() for finder in get_finders() for name, _ in finder.list(ignored)}
    missing = names - staticfiles_storage.hashed_files.keys()
    if not missing:
        return []
    return [
        Error(
            words.NOT_COLLECTED.format(count=len(missing), first=min(missing)),
            hint=words.COLLECT,
            id="dashboard.E116",
        )
    ]
