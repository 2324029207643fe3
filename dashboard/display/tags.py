"""How templates print what comes from agents, and time."""

import json
import math
import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from urllib.parse import quote

from django import template
from django.core.serializers.json import DjangoJSONEncoder
from django.template import defaultfilters as dates
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.history.approvals.answers.presets import offered
from core.history.approvals.policy import PolicySubject, Verdict
from core.usage.money import money
from core.values.approvals import NO_DEADLINE
from dashboard import words
from dashboard.access import Audience
from dashboard.display import amounts
from dashboard.display.text import plain, said, visible

register = template.Library()
register.filter("visible", visible)
register.filter("plain", plain)
register.filter("said", said)
register.filter("quoted", words.quoted)
register.filter("money", money)
register.filter("json_word", json.dumps)  # a value of a context that is no text
register.filter("count", amounts.count)
register.filter("short", amounts.short)
register.filter("took", amounts.took)
register.filter("whole_percent", amounts.whole_percent)


@register.filter
def as_json(value: object) -> str:
    """For an attribute, which escapes it."""
    return json.dumps(value, cls=DjangoJSONEncoder)


@register.filter
def drawing(svg: str) -> dict[str, str]:
    """The one path of a drawing and its frame, for a template to draw."""
    return {name: "".join(re.findall(rf' {name}="([^"]*)"', svg)[:1]) for name in ("viewBox", "d")}


@register.filter
def verdict(audience: Audience, request: PolicySubject) -> Verdict:
    """Whether these people may answer a request, and what that needs."""
    return audience.verdict(request)


@register.filter
def needs_said(needs: Iterable[str]) -> str:
    """What an approval must bring beside the button, in short."""
    return ", ".join(words.NEEDS[need] for need in needs)


@register.filter
def presets(audience: Audience, request: PolicySubject) -> tuple[str, ...]:
    """The reasons that are offered for a denial."""
    return offered(request.approval_type, audience.powers.version)


@register.filter
def milliseconds(moment: datetime) -> int:
    """A time as milliseconds since 1970, for the page's clock."""
    return int(moment.timestamp() * 1000)


@register.filter
def seconds(amount: float) -> str:
    """A time span in seconds as its two largest units."""
    return duration(int(amount))


@register.simple_tag
def ago(moment: object, now: datetime) -> SafeString | str:
    """How long ago, as text that the page keeps counting; what a damaged row holds instead is shown as it stands."""
    if not isinstance(moment, datetime):
        return visible(str(moment))
    seconds = max(0, int((now - moment).total_seconds()))
    return format_html(
        '<time datetime="{}" title="{}" data-ago="{}">{} ago</time>',
        moment.isoformat(),
        exact(moment),
        milliseconds(moment),
        duration(seconds),
    )


@register.simple_tag
def for_so_long(since: datetime, now: datetime) -> SafeString:
    """How long something has lasted, as text that the page keeps counting."""
    seconds = max(0, int((now - since).total_seconds()))
    return format_html(
        '<time datetime="{}" data-for="{}">{}</time>',
        since.isoformat(),
        milliseconds(since),
        duration(seconds),
    )


def exact(at: datetime) -> str:
    """A time to the second, in the zone of the site."""
    return f"{local_time(at):%Y-%m-%d %H:%M:%S %Z}"


def local_time(at: datetime) -> datetime:
    """In the zone of the site; as it is where that zone has no such time, as none has for some of the year 1."""
    try:
        return timezone.localtime(at)
    except OverflowError:
        return at


@register.filter(name="date")
def date_or_text(value: object, form: str) -> object:
    """Django's filter of this name, which also shows what is no time at all."""
    if isinstance(value, date):
        return dates.date(local_time(value) if isinstance(value, datetime) else value, form)
    return value or ""


@register.simple_tag
def moment(at: datetime, now: datetime) -> SafeString:
    """A time of day, with its date when that is another one; the whole of it stands in its title."""
    local, today = local_time(at), local_time(now)
    shown = f"{local:%H:%M:%S}" if local.date() == today.date() else f"{local:%b %d %H:%M}"
    return format_html(
        '<time datetime="{}" title="{}" data-moment>{}</time>', at.isoformat(), exact(at), shown
    )


@register.simple_tag
def countdown(at: datetime, now: datetime) -> SafeString:
    """How long is left, as text that the page keeps counting."""
    if at == NO_DEADLINE:
        return format_html('<span class="countdown">{}</span>', words.NO_DEADLINE)
    seconds = max(0, int((at - now).total_seconds()))
    return format_html(
        '<time class="countdown" datetime="{}" data-deadline="{}">{} left</time>',
        at.isoformat(),
        milliseconds(at),
        duration(seconds),
    )


@register.simple_tag
def until(at: datetime, now: datetime) -> SafeString:
    """How long until a moment, as text that the page keeps counting; each second of it is read to nobody."""
    seconds = max(0, math.ceil((at - now).total_seconds()))
    return format_html('<time role="timer" data-release="{}">{}</time>', milliseconds(at), duration(seconds))


@register.filter
def deadline(at: datetime) -> SafeString | str:
    """A deadline with its date, or that there is none."""
    return words.NO_DEADLINE if at == NO_DEADLINE else exactly(at)


@register.filter
def exactly(at: object) -> SafeString | str:
    """A time to the second, which a browser tells in its own zone; what is no time is shown as it stands."""
    if not isinstance(at, datetime):
        return visible(str(at or ""))
    return format_html('<time datetime="{}" data-exact>{}</time>', at.isoformat(), exact(at))


@register.simple_tag
def agent_url(agent_id: str) -> str:
    """The address of an agent's page."""
    return f"{reverse('agents')}?{agent_query(agent_id)}"


@register.filter
def agent_query(agent_id: str) -> str:
    """An agent's name as the query of an address: any name survives it."""
    return f"id={quote(agent_id, safe='')}"


@register.filter
def state_words(state: str) -> str:
    """What a state of an agent means, and what to do."""
    return words.AGENT_STATES[state]


@register.filter
def lasted(span: timedelta) -> str:
    """A length of time in words."""
    if timedelta() < span < timedelta(seconds=1):
        return "< 1 s"
    return duration(max(0, int(span.total_seconds())))


def duration(seconds: int) -> str:
    """The two largest units: 45 s, 4 min 10 s, 2 h 5 min, 3 d 4 h. `duration` in app.js says the same."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"
