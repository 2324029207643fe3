"""Signing in."""

from django.contrib.auth.views import LoginView


class SignIn(LoginView):
    """Django's own, with our page."""

    template_name = "dashboard/sign_in.html"
