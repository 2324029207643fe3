"""The queue of jobs in the admin: what waits, runs, failed and ended, and what a failed job said."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST, require_safe

from core import jobs
from core.errors import StoreUnavailable
from core.store.queue.jobs import STATES, QueuedJob, read_job, read_jobs
from dashboard import words
from dashboard.admin.words import JOB_NAMES, NO_JOBS_OF

PERMISSION = "django_rq.admin"
SHOWN = 50


def may_see(user: Any) -> bool:
    """Whether this user may see, retry and delete jobs."""
    return bool(user.has_perm(PERMISSION))


def urls(site: AdminSite) -> list[URLPattern]:
    """The addresses, behind the sign-in of the admin and the permission."""

    def at(route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        return path(f"jobs/{route}", _guarded(site.admin_view(view)), {"site": site}, name=name)

    return [
        at("", show, "jobs"),
        at("<str:job_id>/", show_job, "job"),
        at("<str:job_id>/retry/", retry, "retry-job"),
        at("<str:job_id>/delete/", delete, "delete-job"),
    ]


def entry() -> dict[str, Any]:
    """What the lists of the admin show of it, in the form that Django has for tables."""
    address = reverse("admin:jobs")
    queue = {"name": words.JOBS, "object_name": "Job", "admin_url": address, "view_only": True}
    return {"name": words.BACKGROUND, "app_label": "jobs", "app_url": address, "models": [queue]}


def _guarded(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated and not may_see(request.user):
            raise PermissionDenied(words.NO_JOBS)
        try:
            return view(request, *args, **kwargs)
        except StoreUnavailable as error:
            return render(request, "503.html", {"why": words.QUEUE_AWAY.format(error=error)}, status=503)

    return checked


@require_safe
def show(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """The jobs of `?state=`, those that wait without one, from `?from=` on; and how many there are of each."""
    state, first = request.GET.get("state", "waiting"), request.GET.get("from", "0")
    if state not in STATES.values() or not (first.isascii() and first.isdecimal() and len(first) < 10):
        raise Http404(words.NO_JOB)
    found = read_jobs(settings.TELEMETRY_QUEUE, state, int(first), SHOWN)
    context = {
        "title": words.JOBS,
        "state": state,
        "states": [(name, words.JOB_STATES[name], count) for name, count in found.counts.items()],
        "found": found,
        "rows": [(job, _name_of(job)) for job in found.jobs],
        "none": NO_JOBS_OF[state],
        "last": found.first + len(found.jobs),
        "total": found.counts[state],
        "earlier": max(0, found.first - SHOWN) if found.first else None,
        "later": found.first + SHOWN if found.first + SHOWN < found.counts[state] else None,
    }
    return render(request, "admin/jobs/jobs.html", {**site.each_context(request), **context})


def _name_of(job: QueuedJob | str) -> str:
    """What a job does; of one that is none of ours, what it says of itself."""
    if isinstance(job, str):
        return job
    return JOB_NAMES.get(job.description.partition("(")[0], job.description or job.job_id)


@require_safe
def show_job(request: HttpRequest, job_id: str, site: AdminSite) -> HttpResponse:
    """One job, and what its last failure said."""
    found = read_job(settings.TELEMETRY_QUEUE, job_id)
    if found is None:
        raise Http404(words.NO_JOB)
    job, error = found
    context = {
        "title": words.JOB,
        "job": job,
        "name": _name_of(job),
        "word": words.JOB_STATES.get(job.state, job.state),
        "error": error,
    }
    return render(request, "admin/jobs/job.html", {**site.each_context(request), **context})


@require_POST
def retry(request: HttpRequest, job_id: str, site: AdminSite) -> HttpResponse:
    """Put a failed job in again."""
    return _changed(request, job_id, jobs.retry, words.JOB_RETRIED)


@require_POST
def delete(request: HttpRequest, job_id: str, site: AdminSite) -> HttpResponse:
    """Delete a job that waits or has failed."""
    return _changed(request, job_id, jobs.delete, words.JOB_DELETED)


def _changed(request: HttpRequest, job_id: str, change: Callable[[str], bool], done: str) -> HttpResponse:
    """Change a job of this queue, and go back to the list that it was in."""
    found = read_job(settings.TELEMETRY_QUEUE, job_id)
    if found is None:
        raise Http404(words.NO_JOB)
    if change(job_id):
        messages.success(request, done)
    else:
        messages.error(request, words.JOB_UNCHANGED)
    state = found[0].state
    return redirect(f"{reverse('admin:jobs')}?state={state if state in STATES.values() else 'waiting'}")
