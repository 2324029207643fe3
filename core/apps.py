"""The Django application of the history: tables, admin and groups."""

from django.apps import AppConfig
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_migrate, post_save, pre_migrate


class CoreConfig(AppConfig):
    """Registers what must exist in every database."""

    name = "core"
    verbose_name = "Record"

    def ready(self) -> None:
        """Connect what makes groups and guards and what records people; offer the history to the primitives."""
        from core import automation_history, usage_history
        from core import checks as _checks  # noqa: F401  registers them
        from core.history import accounts, durability_checks, locks, private_file, sessions  # noqa: F401  checks
        from core.history.automation_reports import AutomationReports
        from core.history.groups import ensure_groups
        from core.history.guards import ensure_guards
        from core.history.usage import CallHistory

        pre_migrate.connect(locks.before_migrate, sender=self)
        post_save.connect(locks.after_a_migration, sender=MigrationRecorder.Migration)
        post_migrate.connect(locks.before_guards, sender=self)
        post_migrate.connect(ensure_groups, sender=self)
        post_migrate.connect(ensure_guards, sender=self)
        post_migrate.connect(locks.after_migrate, sender=self)
        accounts.connect()
        sessions.connect()
        usage_history.register(CallHistory())
        automation_history.register(AutomationReports())
