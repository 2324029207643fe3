"""Channels of notices and escalation in the admin. What a channel is called with goes in and is never shown again."""

from typing import Any

from django import forms
from django.contrib import admin

from core.history.notices.addresses import SendRefused
from core.history.notices.channels import set_address
from core.history.notices.sealing import UnreadableSeal, unseal
from core.models import Escalation, Notice, NoticeChannel
from dashboard.admin.policy import PolicyAdmin
from dashboard.admin.read_only import ReadOnlyAdmin
from dashboard.notices import words


def _hidden(what: str) -> forms.CharField:
    widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password", "size": 70})
    return forms.CharField(required=False, max_length=2000, widget=widget, help_text=what + words.STORED)


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers alone
    """A channel, with what it is called with."""

    address = _hidden(words.ADDRESS)
    secret = _hidden(words.SECRET)

    class Meta:
        """What is shown."""

        model = NoticeChannel
        fields = ["name", "kind", "is_enabled"]

    def clean(self) -> dict[str, Any]:
        """Seal what was given; what was left empty stays as it is."""
        said: dict[str, Any] = super().clean() or {}
        if self.errors:
            return said
        channel = self.instance
        channel.kind = said["kind"]
        try:
            moved, secret = said["address"].strip(), said["secret"].strip()
            address = moved or unseal(channel.sealed_address)
            if not moved and not secret:  # what one receiver knows is not sent to another
                secret = unseal(channel.sealed_secret)
            if not address and channel.kind != NoticeChannel.Kind.MAIL:
                raise SendRefused(words.LACKS_ADDRESS)
            set_address(channel, address, secret)
        except (SendRefused, UnreadableSeal) as error:
            self.add_error(None, str(error))
        return said


@admin.register(NoticeChannel)
class NoticeChannelAdmin(PolicyAdmin):
    """Where notices go."""

    form = ChannelForm
    list_display = ["name", "kind", "host", "is_enabled"]
    fields = ["name", "kind", "address", "secret", "is_enabled"]


@admin.register(Escalation)
class EscalationAdmin(PolicyAdmin):
    """Who is told when nobody answers."""

    list_display = ["approval_type", "agent", "after_seconds", "team", "in_quiet_hours"]
    list_select_related = ["team"]
    search_fields = ["approval_type", "agent", "team__name"]


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Who was told of which request, when, by which channel, and what became of it."""

    date_hierarchy = "claimed_at"
    list_display = [
        "claimed_at",
        "person",
        "channel",
        "step",
        "state",
        "approval_type",
        "agent",
        "request_id",
    ]
    list_filter = ["state", "channel", "claimed_at"]
    list_select_related = ["person", "channel"]
    search_fields = ["request_id", "agent", "approval_type", "person__username"]
    search_help_text = "Id of a request, agent, kind or person"
