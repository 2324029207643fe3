"""Rows with a time that a zone or a calendar does not have, as old records may hold: pages show them."""

import uuid
from datetime import UTC, datetime

import pytest
from django.db import transaction

from core.history.audit import entries
from core.models import AgentRun, ApprovalRecord, AuditEntry, SetAsideEntry

FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
PAGES = ["/", "/health/", "/usage/", "/agents/?id=a", "/approvals/{request}/"]
LISTS = [f"/admin/core/{name}/" for name in ("approvalrecord", "auditentry", "agentrun", "setasideentry")]


@pytest.fixture
def everything(make_user, client):
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize(("moment", "zone"), [(FIRST, "America/New_York"), (LAST, "Asia/Tokyo")])
def test_pages_and_lists_show_rows_of_the_first_and_the_last_year(
    transactional_db, clean_redis, everything, settings, moment, zone
):
    settings.TIME_ZONE = zone
    request_id = str(uuid.uuid4())
    ended = {"ended_at": moment, "status": "approved", "responder": "r", "collected_at": moment}
    ApprovalRecord.objects.create(
        request_id=request_id,
        agent_id="a",
        requested_at=moment,
        deadline_at=moment,
        timeout_seconds=1,
        **ended,
    )
    AgentRun.objects.create(
        run_id=uuid.uuid4(), agent_id="a", started_at=moment, ended_at=moment, state="stopped"
    )
    with transaction.atomic():
        entries.append(
            [entries.Fact("e", "approval.approved", moment, actor="r", agent_id="a", request_id=request_id)]
        )
    SetAsideEntry.objects.create(installation="i", position="1-1", fields="{}", error="e")
    SetAsideEntry.objects.update(at=moment)
    entry = AuditEntry.objects.get(event_id="e")
    single = [
        f"/admin/core/auditentry/{entry.pk}/change/",
        f"/admin/core/approvalrecord/{request_id}/change/",
    ]
    for address in [*LISTS, *single, *PAGES]:
        answer = everything.get(address.format(request=request_id))
        assert answer.status_code == 200, address
        if "admin" in address:
            assert (
                f"{moment.year:04}-" in answer.content.decode()
                or f"{moment.year}-" in answer.content.decode()
            )
