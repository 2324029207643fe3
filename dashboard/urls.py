"""The addresses of the pages."""

from django.urls import include, path

from dashboard.agents import views as agents
from dashboard.approvals import answers, bulk, edits, handing, rules
from dashboard.approvals import views as approvals
from dashboard.approvals.detail import callback, comments
from dashboard.connect import devices
from dashboard.connect import views as connect
from dashboard.exports import views as exports
from dashboard.health import views as health
from dashboard.live import views as live
from dashboard.notices import views as notices
from dashboard.probes import views as probes
from dashboard.record import views as record
from dashboard.usage import views as usage

urlpatterns = [
    path("", live.show, name="live"),
    path("approvals/", live.moved, name="waiting"),
    path("approvals/together/", bulk.confirm, name="together"),
    path("approvals/together/approve/", bulk.approve, name="approve-together"),
    path("approvals/together/deny/", bulk.deny, name="deny-together"),
    path("approvals/together/held/", bulk.held, name="held-together"),
    path("approvals/together/undo/", bulk.undo, name="undo-together"),
    path("approvals/<uuid:request_id>/", approvals.show, name="approval"),
    path("approvals/<uuid:request_id>/approve/", approvals.approve, name="approve"),
    path("approvals/<uuid:request_id>/deny/", approvals.deny, name="deny"),
    path("approvals/<uuid:request_id>/undo/", answers.undo, name="undo"),
    path("approvals/<uuid:request_id>/edit/", edits.edit, name="edit-request"),
    path("approvals/<uuid:request_id>/extend/", answers.extend, name="extend"),
    path("approvals/<uuid:request_id>/hand-over/", handing.hand_over, name="hand-over"),
    path("approvals/<uuid:request_id>/ask-back/", edits.ask_back, name="ask-back"),
    path("approvals/<uuid:request_id>/reveal/", approvals.reveal, name="reveal"),
    path("approvals/<uuid:request_id>/comment/", comments.comment, name="comment"),
    path("approvals/<uuid:request_id>/send-again/", callback.send_again, name="send-again"),
    path("approvals/<uuid:request_id>/rule/", rules.draft, name="make-rule"),
    path("rules/", rules.show, name="rules"),
    path("rules/<int:number>/revoke/", rules.revoke, name="revoke-rule"),
    path("connect/", connect.show, name="connect"),
    path("connect/agent-telemetry.zip", connect.fetch, name="agent-package"),
    path("connect/<int:number>/revoke/", connect.revoke, name="revoke-token"),
    path("connect/<int:number>/renew/", connect.renew, name="renew-token"),
    path("connect/<int:number>/end-old/", connect.end_old, name="end-old-secret"),
    path("connect/code/", devices.show, name="connect-code"),
    path("connect/code/give/", devices.give, name="give-token"),
    path("connect/code/refuse/", devices.refuse, name="refuse-token"),
    path("record/", record.show, name="record"),
    path("record/export/", record.export, name="export-found"),
    path("health/", health.show, name="health"),
    path("health/set-aside/<int:entry_id>/retry/", health.retry, name="retry"),
    path("health/set-aside/put-away/", health.put_away, name="put-away-set-aside"),
    path("exports/", exports.show, name="exports"),
    path("exports/proof/", exports.prove, name="prove"),
    path("exports/ask/", exports.ask, name="ask-export"),
    path("exports/<uuid:export_id>/", exports.fetch, name="export"),
    path("healthz", probes.healthz, name="healthz"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", probes.numbers, name="metrics"),
    # ?id=: as a part of the path, a name such as .. would be lost in the browser.
    path("agents/", agents.show, name="agents"),
    path("agents/put-away/", agents.put_away, name="put-away"),
    path("usage/", usage.show, name="usage"),
    path("usage/calls/", usage.calls, name="usage-calls"),
    path("usage/calls.csv", usage.export, {"form": "csv"}, name="usage-csv"),
    path("usage/calls.json", usage.export, {"form": "json"}, name="usage-json"),
    path("account/notices/", notices.show, name="notices"),
    path("account/notices/test/", notices.test, name="test-notices"),
    path("", include("dashboard.sign_in.urls")),
]
