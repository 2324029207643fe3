"""The form in which a person says what they want to be told of."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.db.models import Q

from core.history.notices.wishes import in_lines
from core.models import NoticeChannel, NoticeWish
from core.values.malformed import without_nul
from dashboard.notices import words

MOST_NAMES = 8_000  # characters
AFTER = (0, 30, 60, 120, 300, 600, 900, 1800, 3600)
BEFORE = (0, 30, 60, 120, 300, 600, 1800)
DIGESTS = (0, 300, 900, 1800, 3600, 14_400)


def _spans(choices: tuple[int, ...], zero: str) -> list[tuple[int, str]]:
    return [(seconds, words.span(seconds) if seconds else zero) for seconds in choices]


def _times(choices: tuple[int, ...], zero: str) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(choices=_spans(choices, zero), coerce=int)


def _names() -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false", "autocapitalize": "none"})
    return forms.CharField(max_length=MOST_NAMES, required=False, widget=widget)


class _Channels(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # as below
    """What is offered: all in use, and those that this person chose while they were."""

    def label_from_instance(self, channel: Any) -> str:
        """Its name, and whether nothing goes there now."""
        return channel.name if channel.is_enabled else words.SWITCHED_OFF.format(name=channel.name)


class WishForm(forms.ModelForm):  # type: ignore[type-arg]  # generic for type checkers alone
    """Kinds, agents, channels, delays and quiet hours of one person."""

    kinds = _names()
    agents = _names()
    channels = _Channels(NoticeChannel.objects.none(), required=False, widget=forms.CheckboxSelectMultiple)
    after_seconds = _times(AFTER, words.AT_ONCE)
    remind_seconds = _times(BEFORE, words.NEVER)
    digest_seconds = _times(DIGESTS, words.NO_DIGEST)
    time_zone = forms.ChoiceField(choices=lambda: [(name, name) for name in sorted(available_timezones())])

    class Meta:
        """All but whose it is."""

        model = NoticeWish
        fields = [
            *("kinds", "agents", "channels", "after_seconds", "remind_seconds", "digest_seconds"),
            *("high_risk", "quiet_from", "quiet_to", "time_zone"),
        ]
        widgets = {
            name: forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
            for name in ("quiet_from", "quiet_to")
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Q(is_enabled=True) | Q(wishes=self.instance.pk)
        self.fields["channels"].queryset = NoticeChannel.objects.filter(mine).distinct()  # type: ignore[attr-defined]

    def clean_kinds(self) -> str:
        """One a line."""
        return _checked(self.cleaned_data["kinds"])

    def clean_agents(self) -> str:
        """One a line."""
        return _checked(self.cleaned_data["agents"])

    def clean(self) -> dict[str, Any]:
        """Quiet hours have two ends."""
        said: dict[str, Any] = super().clean() or {}
        if (said.get("quiet_from") is None) != (said.get("quiet_to") is None):
            self.add_error("quiet_to", words.QUIET_HALF)
        return said


def _checked(text: str) -> str:
    try:
        return in_lines(without_nul(text, "name").splitlines())
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error
