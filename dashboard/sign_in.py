"""Signing in, and giving the password again for what demands it."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from dashboard import access


class SignIn(LoginView):
    """Django's own, with our page."""

    template_name = "dashboard/sign_in.html"


def note_sign_in(request: HttpRequest, **_signal: Any) -> None:
    """Somebody signs in: that is a password, or what stands for one."""
    access.note_password(request)


@sensitive_post_parameters("password")
@never_cache
@login_required
def confirm(request: HttpRequest) -> HttpResponse:
    """Ask for the password of whoever is signed in; failures are recorded like those of a sign-in."""
    wanted = request.POST.get("next", request.GET.get("next", ""))
    secure = request.is_secure()
    known = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=secure)
    back = wanted if known else resolve_url("live")
    wrong = False
    if request.method == "POST":
        name, password = request.user.get_username(), request.POST.get("password", "")
        wrong = authenticate(request, username=name, password=password) != request.user
        if not wrong:
            access.note_password(request)
            return redirect(back)
    return render(
        request, "dashboard/confirm.html", {"next": back, "wrong": wrong}, status=400 if wrong else 200
    )
