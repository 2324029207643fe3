"""Django's checks of who may come in: accounts of Redis, folders, proxies. All of them by `check --deploy`."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import Error as DatabaseError

from core.errors import StoreUnavailable
from core.history.database.private_file import open_to_others
from core.store import server
from core.store.client import open_store

PRIVATE_FILES = ("*.aof", "appendonlydir/*", "redis.url", "secret-key", "password-of-*")


@register(Tags.security, deploy=True)
def check_redis_doors(**_options: Any) -> list[CheckMessage]:
    """W115: the account is an administrator's, or the server asks nobody for a password."""
    parts = urlsplit(settings.REDIS_URL)
    if not settings.REDIS_URL or parts.scheme == "unix":
        return []
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    try:
        found = server.open_doors(open_store(), open_store(bare))
    except StoreUnavailable:
        return []  # W103 says so
    return [Warning(f"REDIS_URL: {what}", hint=hint, id="core.W115") for what, hint in found]


@register(Tags.security, deploy=True)
def check_folders(**_options: Any) -> list[CheckMessage]:
    """W114: others on this machine may read the folder of the data, of backups, or what is in it."""
    folders = [settings.TELEMETRY_DATA_DIR, settings.TELEMETRY_BACKUP_DIR]
    found = [folder for folder in folders if folder is not None and open_to_others(folder)]
    found += [
        file
        for name in PRIVATE_FILES
        for file in settings.TELEMETRY_DATA_DIR.glob(name)
        if open_to_others(file)
    ]
    return [
        Warning(f"{path} may be read by others on this machine.", hint=f"chmod go= {path}", id="core.W114")
        for path in found
    ]


@register(Tags.security, deploy=True)
def check_proxies(**_options: Any) -> list[CheckMessage]:
    """W108: headers by which a proxy speaks are believed of more than proxies."""
    return [
        Warning(
            f"TELEMETRY_TRUSTED_PROXIES: {network} are more than proxies: each of them may claim any address.",
            hint="Name the addresses of the proxies.",
            id="core.W108",
        )
        for network in settings.TELEMETRY_TRUSTED_PROXIES
        if network.num_addresses > 2 ** (network.max_prefixlen // 2)
    ]


@register(Tags.database)
def check_second_factor(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """W116: a second factor is demanded of a group that there is not, so of nobody in it."""
    from django.contrib.auth.models import Group

    demanded, missing = {*settings.TELEMETRY_SECOND_FACTOR} - {"superuser"}, set[str]()
    for alias in (databases or []) if demanded else ():
        try:
            missing |= demanded - set(Group.objects.using(alias).values_list("name", flat=True))
        except DatabaseError:
            continue  # W101 says so
    return [
        Warning(
            f"TELEMETRY_SECOND_FACTOR: there is no group {name!r}, so nobody in it must have a second factor.",
            hint="Name a group as it stands in the admin; it may have been renamed.",
            id="core.W116",
        )
        for name in sorted(missing)
    ]
