"""The addresses of the pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dashboard.views import approvals, exports, health, live, probes, sign_in

urlpatterns = [
    path("", live.show, name="live"),
    path("approvals/<uuid:request_id>/", approvals.show, name="approval"),
    path("approvals/<uuid:request_id>/approve/", approvals.approve, name="approve"),
    path("approvals/<uuid:request_id>/deny/", approvals.deny, name="deny"),
    path("health/", health.show, name="health"),
    path("health/set-aside/<int:entry_id>/retry/", health.retry, name="retry"),
    path("exports/", exports.show, name="exports"),
    path("exports/ask/", exports.ask, name="ask-export"),
    path("exports/<uuid:export_id>/", exports.fetch, name="export"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.numbers, name="metrics"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
