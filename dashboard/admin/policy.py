"""Who may approve what, in the admin: teams, grants, owners of agents and kinds of requests, with whom each lets in."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html

from core.history.approvals.reach import approver_names, approver_names_by_team
from core.models import AgentOwner, ApprovalType, DecisionGrant, DenyPreset, Team
from core.models.policy import ANY
from dashboard import words
from dashboard.admin.titled import Titled
from dashboard.display.text import said, visible


class GrantForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers alone
    """A grant, which is saved once its maker has seen whom it lets in."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def clean(self) -> dict[str, Any]:
        """Say whom it lets in; what comes with the same answer is meant."""
        said: dict[str, Any] = super().clean() or {}
        if not self.errors:
            names = ", ".join(approver_names(said.get("team"))) or words.LETS_IN_NOBODY
            if said.get("seen") != names:
                self.data = {**dict(self.data.items()), "seen": names}
                preview = f'<span class="preview">{words.GRANT_SEEN}</span>'
                self.add_error(None, format_html(preview, names=visible(names)))
        return said


class PolicyAdmin(Titled, admin.ModelAdmin):  # type: ignore[type-arg]  # generic for type checkers alone
    """A table that decides who may approve what; each change is in the record."""

    list_per_page = 100


@admin.register(Team)
class TeamAdmin(PolicyAdmin):
    """People who answer for the same things."""

    list_display = ["name", "members"]
    filter_horizontal = ["people"]
    search_fields = ["name"]

    @admin.display(description="people")
    def members(self, team: Team) -> str:
        """Who is in it."""
        return visible(", ".join(user.get_username() for user in team.people.all()))

    def get_queryset(self, request: HttpRequest) -> Any:
        """With their people, in one query more."""
        return super().get_queryset(request).prefetch_related("people")


@admin.register(DecisionGrant)
class DecisionGrantAdmin(PolicyAdmin):
    """Who may approve what."""

    form = GrantForm
    list_display = ["kind", "agent", "team", "lets_in"]
    readonly_fields = ["lets_in"]
    list_select_related = ["team"]
    search_fields = ["approval_type", "agent", "team__name"]

    @admin.display(description="kind", ordering="approval_type")
    def kind(self, grant: DecisionGrant) -> str:
        """In quotes, as agents choose it; every kind as it is written."""
        return _kind(grant.approval_type)

    @admin.display(description="lets in now")
    def lets_in(self, grant: DecisionGrant) -> str:
        """The active approvers that this row lets in, as it is stored."""
        if not grant.pk:
            return words.SEEN_FIRST
        names = getattr(grant, "names", None)
        return visible(
            ", ".join(approver_names(grant.team) if names is None else names) or words.LETS_IN_NOBODY
        )

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list, with whom each of its rows lets in: one query for all."""
        found = super().get_changelist_instance(request)
        names = approver_names_by_team()
        for grant in found.result_list:
            grant.names = names.get(grant.team_id, [])  # type: ignore[attr-defined]
        return found


@admin.register(AgentOwner)
class AgentOwnerAdmin(PolicyAdmin):
    """Whose agents are whose."""

    list_display = ["agent", "is_prefix", "person", "team"]
    list_select_related = ["person", "team"]
    search_fields = ["agent", "person__username", "team__name"]
    autocomplete_fields = ["person", "team"]


def _kind(name: str) -> str:
    return name if name == ANY else said(name)


@admin.register(ApprovalType)
class ApprovalTypeAdmin(PolicyAdmin):
    """What kinds of requests demand."""

    list_display = [
        *("kind", "high_risk", "irreversible", "reason_required", "approvers"),
        *("no_bulk", "fresh_sign_in", "digest_typed", "edits"),
    ]
    search_fields = ["name"]

    @admin.display(description="kind", ordering="name")
    def kind(self, kind: ApprovalType) -> str:
        """In quotes, as agents choose it; every other kind as it is written."""
        return _kind(kind.name)


@admin.register(DenyPreset)
class DenyPresetAdmin(PolicyAdmin):
    """Reasons that pages offer for a denial."""

    list_display = ["text", "kind", "place"]
    search_fields = ["approval_type", "text"]

    @admin.display(description="kind", ordering="approval_type")
    def kind(self, preset: DenyPreset) -> str:
        """In quotes, as agents choose it; every kind as it is written."""
        return _kind(preset.approval_type)
