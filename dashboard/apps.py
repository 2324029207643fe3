"""The Django applications of the pages and of the admin."""

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin


class DashboardConfig(AppConfig):
    """Closes the sockets of people who sign out, and tells pages of votes and comments."""

    name = "dashboard"
    default = True

    def ready(self) -> None:
        """Connect the handlers for signing out, for votes, comments, what is held, handed over or left."""
        apps.get_app_config(
            "auth"
        ).verbose_name = "People"  # as pages call what Django has words of its own for

        from django.contrib.auth.signals import user_logged_out

        from core.api import listeners
        from core.history.approvals.answers import handing, holds
        from core.history.approvals.comments import commented
        from core.history.approvals.quorum import voted
        from dashboard.health import checks  # noqa: F401  registers it
        from dashboard.live.control import tell_signed_out, tell_touched, tell_voted

        user_logged_out.connect(tell_signed_out)
        voted.connect(tell_voted)
        commented.connect(tell_touched)
        holds.changed.connect(tell_touched)
        handing.handed.connect(tell_touched)
        listeners.left.connect(tell_touched)


class RecordAdminConfig(admin.AdminConfig):
    """Django's admin with a site of ours."""

    default = False
    default_site = "dashboard.admin_site.RecordSite"
