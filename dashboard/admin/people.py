"""Accounts in the admin: Django's, with names that nobody takes for each other, and with what each group may."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from core.history.people.accounts import LOOKS_LIKE, lookalike_of
from dashboard.admin import words
from dashboard.admin.titled import Titled
from dashboard.display.text import visible
from dashboard.words import NEW_PASSWORD


class Groups(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # generic for type checkers alone
    """Groups to tick, each with what it may."""

    def label_from_instance(self, group: Group) -> str:  # type: ignore[override]
        """Of a group of somebody's own its name alone."""
        may = words.GROUPS.get(group.name)
        return f"{group.name}: {may}" if may else group.name


class OneOfItsLook:
    """Refuses a name that looks like that of somebody else, in the form; saving refuses it too."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        form: Any = self
        if "username" not in form.errors and (like := lookalike_of(form.instance)):
            form.add_error("username", LOOKS_LIKE.format(name=visible(like)))


class NewAccount(OneOfItsLook, AdminUserCreationForm):  # type: ignore[type-arg]  # generic for type checkers alone
    """The form of a new account: what it may is said with it."""

    class Meta(AdminUserCreationForm.Meta):
        """What else is asked."""

        fields = ("username", "email", "groups", "is_staff")


class AccountForm(OneOfItsLook, UserChangeForm):  # type: ignore[type-arg]
    """The form of an account."""


admin.site.unregister(User)


@admin.register(User)
class AccountAdmin(Titled, UserAdmin):  # type: ignore[type-arg]
    """People."""

    form = AccountForm
    add_form = NewAccount
    add_fieldsets = (
        (
            None,
            {
                "classes": ("wide",),
                "fields": (
                    *("username", "email", "groups", "is_staff"),
                    *("usable_password", "password1", "password2"),
                ),
            },
        ),
    )
    list_display = ["username", "roles", "email", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["groups", "is_active", "is_staff", "is_superuser"]
    filter_horizontal = ("user_permissions",)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A superuser's account is another superuser's to change: whoever sets its password is that superuser."""
        is_above = obj is not None and obj.is_superuser and not request.user.is_superuser
        return not is_above and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who is no superuser makes none, and gives rights by groups alone."""
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else (*fixed, "is_superuser", "user_permissions")

    @admin.display(description="groups")
    def roles(self, user: User) -> str:
        """What they may, by the names of their groups."""
        return visible(", ".join(sorted(group.name for group in user.groups.all())) or "-")

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With their groups, in one query more."""
        return super().get_queryset(request).prefetch_related("groups")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Groups are ticked."""
        if db_field.name == "groups":
            kwargs |= {"form_class": Groups, "widget": forms.CheckboxSelectMultiple, "help_text": ""}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """What Django says of staff says nothing here."""
        if db_field.name == "is_staff":
            kwargs |= {"label": words.STAFF, "help_text": words.STAFF_HELP}
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Under a title that is not taken for a secret: *password: x* is hidden wherever it stands."""
        answer = super().user_change_password(request, id, form_url)
        if isinstance(answer, TemplateResponse) and answer.context_data:
            answer.context_data["title"] = NEW_PASSWORD
        return answer
