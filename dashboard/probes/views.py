"""Addresses for machines: does the process live, can it serve, and how does it go."""

from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from core.history import health
from dashboard import access
from dashboard.probes import metrics


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Nothing is read, so that no other part's trouble restarts it."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Which parts are ready, by name alone; 503 when one is not. Answers within two seconds."""
    parts = health.check_ready()
    ready = all(parts.values())
    words = {name: "ok" if fine else "failed" for name, fine in parts.items()}
    response = JsonResponse({"ready": ready, "parts": words}, status=200 if ready else 503)
    # Asked every few seconds: whoever asks hears of it, and the log would be full of it.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


@require_safe
@never_cache
def numbers(request: HttpRequest) -> HttpResponse:
    """The metrics, for whoever has the token or may see the health page."""
    header = request.headers.get("Authorization")
    if header is not None:
        allowed = 200 if _is_token(header) else 401
    else:
        user: Any = request.user
        allowed = 200 if access.may_see_health(user) else 403 if user.is_authenticated else 401
    if allowed != 200:
        headers = {"WWW-Authenticate": "Bearer"} if allowed == 401 else {}
        return HttpResponse("not allowed\n", "text/plain", allowed, headers=headers)
    return HttpResponse(metrics.text(), metrics.CONTENT_TYPE)


def _is_token(header: str) -> bool:
    scheme, _, token = header.partition(" ")
    expected = settings.TELEMETRY_METRICS_TOKEN
    fits = compare_digest(token.strip().encode(), expected.encode())
    return bool(expected) and scheme.lower() == "bearer" and fits
