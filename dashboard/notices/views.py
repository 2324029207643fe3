"""The page on which a person sets their notices, and asks for a test."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from core.history.notices import sending
from core.history.notices.delivery_status import recent_notices, tested_lately
from core.models import NoticeChannel, NoticeWish
from dashboard import access
from dashboard.notices import words
from dashboard.notices.forms import WishForm
from dashboard.notices.lines import NoticeLine


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@access.viewer_required
def show(request: HttpRequest) -> HttpResponse:
    """One's own notices: what is set, and what was told."""
    user: Any = request.user
    wish = NoticeWish.objects.filter(pk=user.pk).first() or NoticeWish(person=user)
    form = WishForm(request.POST or None, instance=wish)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, words.SAVED)
        return redirect("notices")
    context = {
        "form": form,
        "has_channels": NoticeChannel.objects.filter(is_enabled=True).exists(),
        "told": [NoticeLine.of(notice) for notice in recent_notices(user)],
    }
    return render(request, "dashboard/notices/notices.html", context)


@require_POST
@access.viewer_required
def test(request: HttpRequest) -> HttpResponse:
    """Try each channel of this person; the worker sends it."""
    if tested_lately(request.user):
        messages.warning(request, words.TOO_OFTEN)
    elif count := sending.ask_for_test(request.user):
        messages.success(request, words.TESTED.format(count=words.channels(count)))
    else:
        messages.warning(request, words.NO_CHANNEL)
    return redirect("notices")
