"""The addresses of the pages."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from dashboard.views import agents, approvals, live, sign_in

urlpatterns = [
    path("", live.show, name="live"),
    path("approvals/<uuid:request_id>/", approvals.show, name="approval"),
    path("approvals/<uuid:request_id>/approve/", approvals.approve, name="approve"),
    path("approvals/<uuid:request_id>/deny/", approvals.deny, name="deny"),
    # ?id=: as a part of the path, a name such as .. would be lost in the browser.
    path("agents/", agents.show, name="agent"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
