"""Accounts in the admin: Django's, with names that nobody takes for each other."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.history.people.accounts import LOOKS_LIKE, lookalike_of
from dashboard.display.text import visible
from dashboard.words import NEW_PASSWORD


class OneOfItsLook:
    """Refuses a name that looks like that of somebody else, in the form; saving refuses it too."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        form: Any = self
        if "username" not in form.errors and (like := lookalike_of(form.instance)):
            form.add_error("username", LOOKS_LIKE.format(name=visible(like)))


class NewAccount(OneOfItsLook, AdminUserCreationForm):  # type: ignore[type-arg]  # generic for type checkers alone
    """The form of a new account."""


class Account(OneOfItsLook, UserChangeForm):  # type: ignore[type-arg]
    """The form of an account."""


admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(UserAdmin):  # type: ignore[type-arg]
    """People."""

    form = Account
    add_form = NewAccount

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Under a title that is not taken for a secret: *password: x* is hidden wherever it stands."""
        answer = super().user_change_password(request, id, form_url)
        if isinstance(answer, TemplateResponse) and answer.context_data:
            answer.context_data["title"] = NEW_PASSWORD
        return answer
