"""People who come by the OpenID Connect provider: who is let in, under which name, in which groups."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.providers.base import AuthProcess
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import render

from core.history.people.lookalikes import look_alike
from core.values.names import checked_name
from dashboard.sign_in import words


class Provided(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """An account of the provider is known by its subject; a name that somebody has here already is not taken over."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """For those that `pre_social_login` let through."""
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Refuse who has none of the groups, and a name that is taken; else give and take the groups.

        django-allauth would also tie who comes to the account of whoever is signed in, with nothing shown anew.
        """
        if sociallogin.state.get("process") != AuthProcess.LOGIN:
            raise ImmediateHttpResponse(_refused(request, words.PROVIDER_FAILED))
        groups = _groups(sociallogin.account.extra_data)
        sociallogin.email_addresses = []  # with one, django-allauth compares it with those of others
        if sociallogin.is_existing:
            # Also for none: rules of theirs, and sessions of before, would go on with those of here.
            set_groups(sociallogin.user, groups)
        if not groups:
            raise ImmediateHttpResponse(_refused(request, words.NO_GROUP_OF_PROVIDER))
        if sociallogin.is_existing:
            return
        name = _name(sociallogin.account.extra_data)
        if not name or any(
            look_alike(name, one) for one in get_user_model().objects.values_list("username", flat=True)
        ):
            raise ImmediateHttpResponse(_refused(request, words.NAME_IS_TAKEN))

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        """The name alone: mail and the rest are of no use here."""
        sociallogin.user.username = _name(sociallogin.account.extra_data)
        return sociallogin.user

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Account and groups, or neither."""
        with transaction.atomic():
            user = sociallogin.user
            user.set_unusable_password()
            sociallogin.save(request)
            set_groups(user, _groups(sociallogin.account.extra_data))
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, **_options: Any) -> None:
        """A page of ours that says what to do."""
        raise ImmediateHttpResponse(_refused(request, words.PROVIDER_FAILED, status=401))


def set_groups(user: Any, names: set[str]) -> None:
    """The groups that the provider decides about become these; those that it does not know stay."""
    decided = {name for ours in _provider().groups.values() for name in ours}
    has = set(user.groups.values_list("name", flat=True)) & decided
    if names - has:
        user.groups.add(*Group.objects.filter(name__in=names - has))
    if has - names:
        user.groups.remove(*Group.objects.filter(name__in=has - names))


def _provider() -> Any:
    return settings.TELEMETRY_OIDC


def _groups(claims: dict[str, Any]) -> set[str]:
    theirs = _claim(claims, _provider().claim)
    theirs = theirs if isinstance(theirs, list) else [theirs]
    mapped = _provider().groups
    return {ours for one in theirs if isinstance(one, str) for ours in mapped.get(one, [])}


def _name(claims: dict[str, Any]) -> str:
    name = _claim(claims, "preferred_username") or _claim(claims, "sub")
    try:
        return checked_name(name, "name")[:150] if isinstance(name, str) else ""
    except ValueError:
        return ""


def _claim(claims: dict[str, Any], name: str) -> Any:
    for source in ("userinfo", "id_token"):
        said = claims.get(source)
        if isinstance(said, dict) and said.get(name):
            return said[name]
    return None


def _refused(request: HttpRequest, why: str, status: int = 403) -> Any:
    return render(request, "403.html", {"exception": why}, status=status)
