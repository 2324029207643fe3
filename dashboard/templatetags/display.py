"""How templates print what comes from agents, and time."""

from datetime import datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.visible_text import plain, visible

register = template.Library()
register.filter("visible", visible)
register.filter("plain", plain)


@register.filter
def milliseconds(moment: datetime) -> int:
    """A time as milliseconds since 1970, for the page's clock."""
    return int(moment.timestamp() * 1000)


@register.filter
def seconds(amount: float) -> str:
    """A time span in seconds as its two largest units."""
    return duration(int(amount))


@register.simple_tag
def ago(moment: datetime, now: datetime) -> SafeString:
    """How long ago, as text that the page keeps counting."""
    seconds = max(0, int((now - moment).total_seconds()))
    return format_html(
        '<time datetime="{}" data-ago="{}">{} ago</time>',
        moment.isoformat(),
        milliseconds(moment),
        duration(seconds),
    )


@register.simple_tag
def countdown(deadline: datetime, now: datetime) -> SafeString:
    """How long is left, as text that the page keeps counting."""
    seconds = max(0, int((deadline - now).total_seconds()))
    return format_html(
        '<time class="countdown" datetime="{}" data-deadline="{}">{} left</time>',
        deadline.isoformat(),
        milliseconds(deadline),
        duration(seconds),
    )


def duration(seconds: int) -> str:
    """The two largest units: 45 s, 4 min 10 s, 2 h 5 min, 3 d 4 h. `duration` in app.js says the same."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"
