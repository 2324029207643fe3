"""The Django application of the history: tables, admin and groups."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class CoreConfig(AppConfig):
    """Registers what must exist in every database."""

    name = "core"
    verbose_name = "History"

    def ready(self) -> None:
        """Connect the handler that makes the groups, and offer the history to the primitives."""
        from core import usage_history
        from core.history import durability_checks, locks  # noqa: F401  the checks register themselves
        from core.history.groups import ensure_groups
        from core.history.usage import CallHistory

        pre_migrate.connect(locks.before_migrate, sender=self)
        post_migrate.connect(ensure_groups, sender=self)
        post_migrate.connect(locks.after_migrate, sender=self)
        usage_history.register(CallHistory())
