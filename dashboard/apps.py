"""The Django application of the pages."""

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """Closes the sockets of people who sign out."""

    name = "dashboard"

    def ready(self) -> None:
        """Connect the handler for signing out."""
        from django.contrib.auth.signals import user_logged_out

        from dashboard.live.control import tell_signed_out

        user_logged_out.connect(tell_signed_out)
