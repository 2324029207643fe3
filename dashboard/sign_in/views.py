"""The pages of signing in and out, and of one's own account."""

from typing import Any

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.views import RemoveWebAuthnView
from django.conf import settings
from django.contrib.auth import views as django_views
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.generic import FormView

from core.history.people import preferences, rights_changes, sessions
from dashboard import access
from dashboard.sign_in import account, demands, throttle, words


class _Throttled(FormView):  # type: ignore[type-arg]
    """A form with a password: it is compared only when this name may be tried from here."""

    tried: throttle.Try

    def name(self) -> str:
        """Whose password it is."""
        raise NotImplementedError

    def post(self, request: HttpRequest, *args: str, **kwargs: Any) -> HttpResponse:
        """429 with the seconds to wait; nothing is hashed then."""
        name = self.name()
        self.tried = throttle.begin(request, name)
        if not self.tried.wait:
            return super().post(request, *args, **kwargs)
        if self.tried.first:
            sessions.note_throttled(request, name)
        context = self.get_context_data(form=None, problem=words.too_many_tries(self.tried.wait))
        response = render(request, self.get_template_names(), context, status=429)
        response["Retry-After"] = str(self.tried.wait)
        return response


class SignIn(_Throttled, django_views.LoginView):
    """Name and password, then a second factor where there is one."""

    template_name = "dashboard/account/sign_in.html"

    def name(self) -> str:
        """What was typed as one."""
        return self.request.POST.get("username", "")

    def form_valid(self, form: Any) -> HttpResponse:
        """The password is right. The stages that follow are django-allauth's."""
        throttle.succeeded(self.tried)
        user = form.get_user()
        login = Login(user=user, redirect_url=self.get_success_url())
        response: HttpResponse = perform_password_login(
            self.request, {"username": user.get_username()}, login
        )
        throttle.remember(response, user.get_username())
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the provider, where there is one."""
        return {**super().get_context_data(**kwargs), "provider": settings.TELEMETRY_OIDC}


class SignOut(django_views.LogoutView):
    """Django's own; its sockets hear nothing from here on."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """End this session."""
        with rights_changes.change():
            return super().post(request, *args, **kwargs)


@method_decorator(login_required, name="dispatch")
class ChangePassword(_Throttled, django_views.PasswordChangeView):
    """Everybody's own. Other sessions of this account end with it."""

    template_name = "dashboard/account/password.html"
    success_url = reverse_lazy("account")

    def name(self) -> str:
        """Whoever is signed in."""
        return str(self.request.user.get_username())

    def form_valid(self, form: Any) -> HttpResponse:
        """What is wrong otherwise is shown with the form."""
        throttle.succeeded(self.tried)
        return super().form_valid(form)


class RemovePasskey(RemoveWebAuthnView):  # type: ignore[misc]
    """django-allauth's, which asks of an app alone whether it is the last one that somebody must have."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Not the last one."""
        if get_adapter().can_delete_authenticator(self.object):
            removed: HttpResponse = super().form_valid(form)
            return removed
        refused: HttpResponse = self.render_to_response(self.get_context_data(form=form, is_last=True))
        return refused


@require_safe
@never_cache
@login_required
def show(request: HttpRequest) -> HttpResponse:
    """One's own account: password, second factors, sessions."""
    user: Any = request.user
    context = {
        "factors": Authenticator.objects.filter(user=user).exclude(type=Authenticator.Type.RECOVERY_CODES),
        "codes": Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).exists(),
        "demanded": demands.is_demanded(user),
        "missing": demands.is_missing(user),
        "sessions": account.sessions_of(user, request.session.session_key or ""),
        "idle_minutes": settings.TELEMETRY_SESSION_IDLE_MINUTES,
        "hours": settings.TELEMETRY_SESSION_HOURS,
        "keys": preferences.presses_keys(user),
        "looks": access.may_view(user),
    }
    return render(request, "dashboard/account/account.html", context)


@require_POST
@login_required
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """End all sessions of this account, this one too."""
    with rights_changes.change():
        account.end_all(request)
    return redirect("sign-in")


@require_POST
@login_required
def set_keys(request: HttpRequest) -> HttpResponse:
    """Whether one key alone does something on this person's pages."""
    preferences.set_keys(request.user, on=request.POST.get("keys") == "on")
    return redirect("account")
