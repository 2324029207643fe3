"""Whose session is in use, and who must have a second factor before they go on."""

from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.deprecation import MiddlewareMixin

from core.history.people import session_store
from dashboard.middleware import AnswersWhenAway
from dashboard.sign_in import words

SUPERUSER = "superuser"  # stands in TELEMETRY_SECOND_FACTOR beside the names of groups
# Where somebody without a demanded second factor may go.
OPEN = frozenset(
    {
        *("account", "sign-out", "sign-out-everywhere", "change-password", "healthz", "readyz", "metrics"),
        *("mfa_activate_totp", "mfa_add_webauthn", "mfa_list_webauthn", "mfa_index"),
        *("account_reauthenticate", "account_logout", "sign-in"),
    }
)


def is_demanded(user: Any) -> bool:
    """Whether this person must have a second factor."""
    demanded = settings.TELEMETRY_SECOND_FACTOR
    if not demanded or not user.is_authenticated:
        return False
    if user.is_superuser and SUPERUSER in demanded:
        return True
    return bool(user.groups.filter(name__in=demanded).exists())


def is_missing(user: Any) -> bool:
    """Whether this person must have a second factor and has none."""
    factors = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]
    return is_demanded(user) and not Authenticator.objects.filter(user=user, type__in=factors).exists()


class SessionsAndFactors(MiddlewareMixin):
    """Middleware: notes that a session is in use, and leads who lacks a second factor to where one is made."""

    async_capable = False

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponseBase | None:
        """A demand that cannot be looked up is not waived, also where the view itself could still be served."""
        try:
            return self._lead(request)
        except DatabaseError as error:
            away = AnswersWhenAway(self.get_response).process_exception(request, error)
            if away is None:
                raise
            return away

    def _lead(self, request: HttpRequest) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is None or settings.SESSION_COOKIE_NAME not in request.COOKIES:
            return None
        if request.method == "POST" or request.headers.get("HX-Request") != "true":
            session_store.note_use(request.session)
        if not settings.TELEMETRY_SECOND_FACTOR or match.url_name in OPEN or not is_missing(request.user):
            return None
        if request.method not in ("GET", "HEAD") or request.headers.get("HX-Request") == "true":
            raise PermissionDenied(words.SECOND_FACTOR_FIRST)
        return redirect("account")
