"""The audit entries: appended and read, by nobody ever changed or deleted."""

from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.test import RequestFactory
from django.utils import timezone

from core.history.audit import entries
from core.models import AppendOnlyError, ApprovalRecord, AuditEntry, DecisionIntent, SetAsideEntry
from tests.history.audit.chain import assert_chain_is_whole

READ_ONLY = [AuditEntry, ApprovalRecord, DecisionIntent, SetAsideEntry]


@pytest.fixture
def entry(gate, record):
    gate.open_request("deploy")
    record()
    return AuditEntry.objects.get()


@pytest.fixture
def superuser(db):
    return User.objects.create_superuser("root", password="root")


@pytest.fixture
def signed_in(client, superuser):
    client.force_login(superuser)
    return client


def a_fact(name: str) -> entries.Fact:
    return entries.Fact(event_id=name, kind="test.fact", at=timezone.now())


def test_saving_an_entry_again_is_refused(entry):
    entry.actor = "somebody else"
    with pytest.raises(AppendOnlyError):
        entry.save()
    entry.refresh_from_db()
    assert entry.actor == "deployer"


def test_a_new_object_with_the_number_of_an_old_one_replaces_nothing(entry):
    forged = AuditEntry(sequence=entry.sequence, event_id="forged", kind="x", at=timezone.now(), details="{}")
    with pytest.raises(IntegrityError), transaction.atomic():
        forged.save()
    assert AuditEntry.objects.get().event_id == entry.event_id


@pytest.mark.parametrize(
    "attempt",
    [
        lambda entry: entry.delete(),
        lambda entry: AuditEntry.objects.all().delete(),
        lambda entry: AuditEntry.objects.filter(pk=entry.pk).update(actor="x"),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["actor"]),
        lambda entry: AuditEntry.objects.update_or_create(pk=entry.pk, defaults={"actor": "x"}),
    ],
    ids=["delete one", "delete all", "update", "bulk update", "update or create"],
)
def test_the_orm_changes_and_deletes_nothing(entry, attempt):
    before = list(AuditEntry.objects.values())
    with pytest.raises(AppendOnlyError):
        attempt(entry)
    assert list(AuditEntry.objects.values()) == before


def test_a_fact_told_twice_is_written_once(transactional_db):
    with transaction.atomic():
        assert entries.append([a_fact("one"), a_fact("one"), a_fact("two")]) == 2
    with transaction.atomic():
        assert entries.append([a_fact("two")]) == 0
    assert assert_chain_is_whole() == 2


def test_an_entry_outside_of_a_transaction_is_refused(transactional_db):
    with pytest.raises(RuntimeError, match="transaction"):
        entries.append([a_fact("one")])


def test_an_entry_of_a_transaction_that_failed_leaves_no_gap(transactional_db):
    def fail() -> None:
        with transaction.atomic():
            entries.append([a_fact("gone")])
            raise ValueError("the rest of the transaction failed")

    with pytest.raises(ValueError, match="failed"):
        fail()
    with transaction.atomic():
        entries.append([a_fact("stays")])
    assert assert_chain_is_whole() == 1


def test_writers_in_many_threads_make_one_chain_without_gaps(transactional_db, background):
    def write(number: int) -> None:
        for turn in range(5):
            with transaction.atomic():
                entries.append([a_fact(f"{number}-{turn}")])

    for future in [background(write, number) for number in range(8)]:
        future.result(60)
    assert assert_chain_is_whole() == 40


def test_every_part_of_an_entry_is_in_its_hash(entry):
    whole = entries.entry_hash(entry)
    for name in ("event_id", "kind", "actor", "agent_id", "details", "previous_hash"):
        before = getattr(entry, name)
        setattr(entry, name, before + "x")
        assert entries.entry_hash(entry) != whole, name
        setattr(entry, name, before)
    for name, other in (("sequence", 99), ("at", timezone.now()), ("request_id", None)):
        before = getattr(entry, name)
        setattr(entry, name, other)
        assert entries.entry_hash(entry) != whole, name
        setattr(entry, name, before)


@pytest.mark.parametrize("model", READ_ONLY)
def test_the_admin_gives_even_a_superuser_no_right_but_to_look(model, superuser):
    request = RequestFactory().get("/")
    request.user = superuser
    page = admin.site.get_model_admin(model)
    assert page.has_view_permission(request)
    assert not page.has_add_permission(request)
    assert not page.has_change_permission(request)
    assert not page.has_delete_permission(request)


def test_posts_to_the_admin_are_refused_and_change_nothing(entry, signed_in):
    before = list(AuditEntry.objects.values())
    base = "/admin/core/auditentry/"
    posts = {
        f"{base}add/": {"kind": "x"},
        f"{base}{entry.pk}/change/": {"kind": "x", "_save": "1"},
        f"{base}{entry.pk}/delete/": {"post": "yes"},
        base: {"action": "delete_selected", "_selected_action": [entry.pk], "post": "yes"},
    }
    statuses = {address: signed_in.post(address, data).status_code for address, data in posts.items()}
    assert statuses.pop(base) in (200, 302, 403)  # a list without actions takes a post and does nothing
    assert set(statuses.values()) == {403}
    assert list(AuditEntry.objects.values()) == before


def test_the_admin_shows_the_entry_and_offers_no_way_to_change_it(entry, signed_in):
    page = signed_in.get(f"/admin/core/auditentry/{entry.pk}/change/").content.decode()
    assert entry.event_id in page
    assert f'<a href="/approvals/{entry.request_id}/">Its request</a>' in page
    for name in ('name="_save"', 'name="_continue"', "deletelink", "/auditentry/add/", "/history/"):
        assert name not in page


QUESTIONS = ["'", "%", "\\", "deployer", "a" * 2000, "\x00", "“", '"unclosed']


def test_the_admin_search_answers_any_question(entry, signed_in):
    for question in QUESTIONS:
        for model in READ_ONLY:
            response = signed_in.get(f"/admin/core/{model._meta.model_name}/", {"q": question})
            assert response.status_code in (200, 302), (model, response.status_code)


def test_the_admin_finds_an_entry_by_person_agent_and_request(entry, signed_in):
    for question in ("deployer", str(entry.request_id), str(entry.request_id)[:13], "deploy"):
        page = signed_in.get("/admin/core/auditentry/", {"q": question}).content.decode()
        assert f"/approvals/{entry.request_id}/" in page, question


STRANGE = [
    "p=9999999",
    "o=1.2.3",
    "o=99",
    "at__year=0",
    "at__year=99999",
    "at__year=2026&at__month=13",
    "at__gte=nonsense",
    "kind__exact='",
    "kind__exact=%00",
    "sequence__exact=99999999999999999999",
    "request_id__exact=%00",
    "nonsense=1",
    "p=%00",
    "o=%00",
]


def test_the_admin_list_survives_strange_addresses(entry, signed_in):
    for query in STRANGE:
        assert signed_in.get(f"/admin/core/auditentry/?{query}").status_code in (200, 302, 400, 404)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
def test_the_admin_lists_by_day_of_the_sites_own_zone(entry, signed_in, settings, zone):
    settings.TIME_ZONE = zone
    day = timezone.localtime(entry.at, ZoneInfo(zone))
    query = {"at__year": day.year, "at__month": day.month, "at__day": day.day}
    page = signed_in.get("/admin/core/auditentry/", query).content.decode()
    assert f"/approvals/{entry.request_id}/" in page


def test_the_admin_sorts_what_has_not_ended_behind_what_has(gate, record, signed_in):
    pending, ended = (gate.open_request("deploy").request_id for _ in range(2))
    gate.respond_to_approval(ended, True, "ann")
    record()
    address = "/admin/core/approvalrecord/"
    column = signed_in.get(address).context["cl"].list_display.index("ended")
    newest_first = signed_in.get(address, {"o": f"-{column}"}).content.decode()
    assert newest_first.index(f"/approvals/{ended}/") < newest_first.index(f"/approvals/{pending}/")
