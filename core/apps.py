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
        from core.automation import reports as automation_history
        from core.history import checks, door_checks  # noqa: F401  registers them
        from core.history.approvals import answerable
        from core.history.approvals.answers import holds, release
        from core.history.audit import guards
        from core.history.automation.reports import AutomationReports
        from core.history.database import locks
        from core.history.people import accounts, factors, policy_changes, sessions
        from core.history.people.groups import ensure_groups
        from core.history.people.upgrade import ensure_policy
        from core.history.search import index as search
        from core.history.usage.imports import RecordedCalls
        from core.usage import history as usage_history

        pre_migrate.connect(locks.before_migrate, sender=self)
        post_save.connect(locks.after_a_migration, sender=MigrationRecorder.Migration)
        post_migrate.connect(locks.before_guards, sender=self)
        post_migrate.connect(ensure_groups, sender=self)
        post_migrate.connect(guards.install, sender=self)
        post_migrate.connect(ensure_policy, sender=self)
        post_migrate.connect(search.ensure, sender=self)
        post_migrate.connect(locks.after_migrate, sender=self)
        holds.began.connect(release.soon)
        accounts.connect()
        policy_changes.connect()
        sessions.connect()
        factors.connect()
        answerable.connect()
        usage_history.register(RecordedCalls())
        automation_history.register(AutomationReports())
