"""The admin of automated work: found and read by auditors, changed by nobody."""

import pytest
from django.test import Client

from core import AutomationRecorder, models
from tests.history.automation.test_automation_record import tell_everything

PAGES = ["taskrouting", "testexecution", "coveragerecord", "filetestrecord", "agentassignment"]
WORDS = dict(zip(PAGES, ["keywords", "unit", "unit", "größer", "fixer"], strict=True))


@pytest.fixture
def auditor(make_user, clean_redis, record) -> Client:
    tell_everything(AutomationRecorder(clean_redis))
    record()
    client = Client()
    client.force_login(make_user("ada", "auditor", is_staff=True))
    return client


@pytest.mark.parametrize("page", PAGES)
def test_an_auditor_finds_and_reads_a_record(auditor, page):
    found = auditor.get(f"/admin/core/{page}/", {"q": WORDS[page]})
    assert found.context["cl"].result_count == 1
    assert auditor.get(f"/admin/core/{page}/", {"q": "nobody"}).context["cl"].result_count == 0
    row = found.context["cl"].result_list[0]
    assert auditor.get(f"/admin/core/{page}/{row.pk}/change/").status_code == 200
    assert auditor.get(f"/admin/core/{page}/?at__year=2001").context["cl"].result_count == 0


def test_the_page_of_a_run_names_the_tests_that_failed(auditor):
    run = models.TestExecution.objects.get()
    assert "test_b" in auditor.get(f"/admin/core/testexecution/{run.pk}/change/").content.decode()


@pytest.mark.parametrize("page", PAGES)
def test_nobody_changes_it_not_even_a_superuser(auditor, make_user, page):
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    pk = client.get(f"/admin/core/{page}/").context["cl"].result_list[0].pk
    assert client.get(f"/admin/core/{page}/add/").status_code == 403
    assert client.post(f"/admin/core/{page}/{pk}/change/", {"suite": "x"}).status_code == 403
    assert client.post(f"/admin/core/{page}/{pk}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("page", PAGES)
def test_a_viewer_without_the_right_does_not_see_it(auditor, make_user, page):
    client = Client()
    client.force_login(make_user("vic", "viewer", is_staff=True))
    assert client.get(f"/admin/core/{page}/").status_code == 403
