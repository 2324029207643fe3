"""Which settings the site runs with: compared at each start with those that the record knows of the last one."""

import logging
import platform
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, transaction

from core.history.audit import entries
from core.history.audit.chain import canonical
from core.history.audit.kinds import details_of
from core.models import AuditEntry
from core.models.sealed import keys

logger = logging.getLogger(__name__)

KIND = "settings.changed"
# Who may do what, from where, and what is kept for how long. No secret is among them: not the secret key, and of an
# address only where it leads.
NAMES = (
    "ALLOWED_HOSTS",
    "CSRF_TRUSTED_ORIGINS",
    "DEBUG",
    "EMAIL_HOST",
    "HTTPS",
    "SESSION_COOKIE_AGE",
    "TELEMETRY_APPROVAL_SECONDS",
    "TELEMETRY_AUTOMATION_DAYS",
    "TELEMETRY_BACKUP_DIR",
    "TELEMETRY_BACKUP_KEEP",
    "TELEMETRY_BODY_DAYS",
    "TELEMETRY_CHECKPOINT_FILE",
    "TELEMETRY_CONTEXT_KEY_FILE",
    "TELEMETRY_CONTEXT_LEVELS",
    "TELEMETRY_CONTEXT_VALUES",
    "TELEMETRY_DATA_DIR",
    "TELEMETRY_DECISION_KEY",
    "TELEMETRY_DECISION_KEY_FILE",
    "TELEMETRY_DIRECT_ANSWERS",
    "TELEMETRY_EVENT_TYPES",
    "TELEMETRY_EXTEND_MINUTES",
    "TELEMETRY_METRICS_OF",
    "TELEMETRY_NAMESPACE",
    "TELEMETRY_NOTICE_APPRISE",
    "TELEMETRY_NOTICE_SECONDS",
    "TELEMETRY_OIDC",  # as text it leaves its secret out
    "TELEMETRY_PREMIUM_MODELS",
    "TELEMETRY_PRICES",
    "TELEMETRY_REQUESTS_A_MINUTE",
    "TELEMETRY_RULES",
    "TELEMETRY_SECOND_FACTOR",
    "TELEMETRY_SESSION_IDLE_MINUTES",
    "TELEMETRY_SIGN_IN_TRIES",
    "TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS",
    "TELEMETRY_TOKEN_OVERLAP_MINUTES",
    "TELEMETRY_UNDO_SECONDS",
    "TELEMETRY_USAGE_DAYS",
    "TELEMETRY_WAITING_REQUESTS",
    "TIME_ZONE",
)


def current() -> dict[str, str]:
    """Name and value as text of each setting that matters."""
    values = {name: str(getattr(settings, name)) for name in NAMES}
    database = settings.DATABASES["default"]
    values["BEHIND_TLS_PROXY"] = str(bool(settings.SECURE_PROXY_SSL_HEADER))
    values["DATABASE"] = " ".join(str(database.get(name, "")) for name in ("ENGINE", "HOST", "NAME"))
    for name in ("TELEMETRY_NOTICE_NETWORKS", "TELEMETRY_TRUSTED_PROXIES"):
        values[name] = ", ".join(map(str, getattr(settings, name)))
    values["TELEMETRY_CONTEXT_KEYS"] = ", ".join(key.id for key in keys())
    values["REDIS_URL"] = where_it_leads(settings.REDIS_URL)
    values["TELEMETRY_METRICS_TOKEN"] = "set" if settings.TELEMETRY_METRICS_TOKEN else "not set"
    values["TELEMETRY_SITE_REDIS_URL"] = where_it_leads(settings.TELEMETRY_SITE_REDIS_URL)
    values["TELEMETRY_SITE_URL"] = settings.TELEMETRY_SITE_URL.rpartition("@")[2]  # without user and password
    return values


def where_it_leads(url: str) -> str:
    """An address without user, password and options. The port of a private server is another at each start."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in ("", "unix") or host in ("127.0.0.1", "localhost", "::1"):
        return "this machine"
    return f"{parts.scheme}://{host}:{parts.port or 6379}{parts.path}"


def note(process: str) -> list[str]:
    """Record which settings changed since the last start of this kind of process here; returns their names.

    Web and recorder, and several machines, may have an environment each. Who never told its own is compared with the
    last of its kind, else with whoever told last: so a further machine with the same settings tells nothing.
    """
    now, machine = current(), platform.node()
    with transaction.atomic():
        entries.locked_head()
        before = _last(process, machine)
        changed = sorted(name for name in {*now, *before} if now.get(name) != before.get(name))
        if changed:
            details: dict[str, Any] = {"process": process, "machine": machine, "settings": now}
            details["changed"] = changed if before else []
            entries.append([entries.new_fact(KIND, **details)])
    return changed if before else []


def note_or_log(process: str) -> None:
    """The same for a start that must go on when the database does not answer yet."""
    try:
        note(process)
    except DatabaseError as error:
        logger.error("the settings were not compared with the record: %s", error)


def _last(process: str, machine: str) -> dict[str, str]:
    told = AuditEntry.objects.filter(kind=KIND).order_by("-sequence")
    for whose in ({"machine": machine, "process": process}, {"process": process}, {}):
        newest = told.filter(details__contains=canonical(whose)[1:-1]).first()
        if newest:
            break
    said = details_of(newest.details) if newest else None
    known: dict[str, str] = (said or {}).get("settings", {})  # none in a damaged entry; verify_audit names it
    return known
