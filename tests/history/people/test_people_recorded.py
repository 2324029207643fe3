"""Accounts, groups and rights: each change is in the record, with who made it, and no secret."""

import json
from contextlib import suppress

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.test import Client

from core.models import AuditEntry
from tests.conftest import PASSWORD
from tests.history.audit.chain import assert_chain_is_whole

DECIDE = "core.decide_approval"
pytestmark = pytest.mark.django_db(transaction=True)  # a commit is what appends


@pytest.fixture
def ann(make_user):
    return make_user("ann")


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root", password=PASSWORD)


@pytest.fixture
def told():
    """What the record says since the last call: `[(kind, actor, details)]`, without how and by whom."""
    seen = 0

    def since() -> list[tuple[str, str, dict]]:
        nonlocal seen
        entries = list(AuditEntry.objects.filter(sequence__gt=seen).order_by("sequence"))
        seen = entries[-1].sequence if entries else seen
        told = [(entry.kind, entry.actor, json.loads(entry.details)) for entry in entries]
        for _kind, _actor, details in told:
            details.pop("through", None)
            details.pop("system_user", None)
        return told

    return since


def test_accounts_that_are_made_changed_and_deleted(ann, told):
    assert told() == [("account.created", "", {"account": "ann"})]
    ann.is_staff = ann.is_superuser = True
    ann.save()
    changed = {"is_staff": [False, True], "is_superuser": [False, True]}
    assert told() == [("account.changed", "", {"account": "ann", "changed": changed})]
    ann.is_active = False
    ann.save(update_fields=["is_active"])
    assert told() == [("account.changed", "", {"account": "ann", "changed": {"is_active": [True, False]}})]
    ann.username = "anna"
    ann.save()
    assert told() == [("account.changed", "", {"account": "anna", "changed": {"username": ["ann", "anna"]}})]
    ann.groups.add(Group.objects.get(name="viewer"))
    told()
    ann.delete()
    assert told() == [("account.deleted", "", {"account": "anna", "groups": ["viewer"]})]
    assert_chain_is_whole()


def test_another_mail_address_is_a_change_since_notices_go_there(ann, told):
    ann.email = "ann@example.org"
    ann.save()
    told()
    ann.email = "mallory@example.net"
    ann.save(update_fields=["email"])
    changed = {"email": ["ann@example.org", "mallory@example.net"]}
    assert told() == [("account.changed", "", {"account": "ann", "changed": changed})]


def test_saving_without_a_change_of_rights_says_nothing(ann, told):
    told()
    ann.first_name = "Ann"
    ann.save()
    ann.is_staff = True
    ann.save(update_fields=["first_name"])  # the flag is not stored
    assert told() == []


def test_a_new_superuser_is_named_as_one(root, told):
    assert told() == [("account.created", "", {"account": "root", "is_staff": True, "is_superuser": True})]


@pytest.mark.parametrize("way", ["set", "set alone", "as it is stored"])
def test_a_new_password_is_recorded_and_never_shown(ann, told, way):
    told()
    if way == "as it is stored":
        ann.password = make_password("a n0ther password")
    else:
        ann.set_password("a n0ther password")
    ann.save(**({"update_fields": ["password"]} if way == "set alone" else {}))
    assert told() == [("account.password", "", {"account": "ann"})]
    everything = " ".join(AuditEntry.objects.values_list("details", flat=True))
    assert "a n0ther password" not in everything
    assert ann.password not in everything
    assert PASSWORD not in everything


def test_a_password_that_sign_in_stores_under_a_newer_hasher_is_no_change(ann, told, settings):
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.ScryptPasswordHasher",
        "django.contrib.auth.hashers.MD5PasswordHasher",
    ]
    told()
    before = User.objects.get(pk=ann.pk).password
    assert ann.check_password(PASSWORD)
    assert User.objects.get(pk=ann.pk).password != before
    assert told() == []


@pytest.mark.parametrize("way", ["of the person", "of the group"])
def test_groups_from_either_side(ann, told, way):
    viewer, approver = (Group.objects.get(name=name) for name in ("viewer", "approver"))
    told()
    if way == "of the person":
        ann.groups.add(viewer, approver)
        assert told() == [("rights.granted", "", {"account": "ann", "groups": ["approver", "viewer"]})]
        ann.groups.add(viewer)  # nothing new
        ann.groups.set([viewer])
        assert told() == [("rights.taken", "", {"account": "ann", "groups": ["approver"]})]
        ann.groups.clear()
    else:
        viewer.user_set.add(ann)
        assert told() == [("rights.granted", "", {"account": "ann", "groups": ["viewer"]})]
        viewer.user_set.clear()
    assert told() == [("rights.taken", "", {"account": "ann", "groups": ["viewer"]})]


def test_permissions_of_people_and_groups(ann, told):
    decide = Permission.objects.get(codename="decide_approval")
    viewer = Group.objects.get(name="viewer")
    told()
    ann.user_permissions.add(decide)
    viewer.permissions.add(decide)
    decide.group_set.remove(viewer)
    decide.user_set.clear()
    assert told() == [
        ("rights.granted", "", {"account": "ann", "permissions": [DECIDE]}),
        ("rights.granted", "", {"group": "viewer", "permissions": [DECIDE]}),
        ("rights.taken", "", {"group": "viewer", "permissions": [DECIDE]}),
        ("rights.taken", "", {"account": "ann", "permissions": [DECIDE]}),
    ]


def test_groups_that_are_made_renamed_and_deleted_with_their_people(ann, told):
    told()
    night = Group.objects.create(name="night shift")
    night.name = "late shift"
    night.save()
    night.permissions.add(Permission.objects.get(codename="decide_approval"))
    night.user_set.add(ann)
    told_before = told()
    assert [kind for kind, _, _ in told_before][:2] == ["group.created", "group.renamed"]
    assert told_before[1][2] == {"before": "night shift", "group": "late shift"}
    night.delete()
    assert told() == [
        ("group.deleted", "", {"accounts": ["ann"], "group": "late shift", "permissions": [DECIDE]})
    ]


def test_the_admin_names_who_did_it(ann, root, told):
    client = Client()
    client.force_login(root)
    told()
    viewer = Group.objects.get(name="viewer")
    form = {
        "username": "ann",
        "is_active": "on",
        "is_staff": "on",
        "groups": [viewer.pk],
        "date_joined_0": "2026-03-01",
        "date_joined_1": "00:00:00",
    }
    response = client.post(f"/admin/auth/user/{ann.pk}/change/", form)
    assert response.status_code == 302, response.context["errors"]
    assert told() == [
        ("account.changed", "root", {"account": "ann", "changed": {"is_staff": [False, True]}}),
        ("rights.granted", "root", {"account": "ann", "groups": ["viewer"]}),
    ]
    client.post(f"/admin/auth/user/{ann.pk}/delete/", {"post": "yes"})
    assert told() == [("account.deleted", "root", {"account": "ann", "groups": ["viewer"]})]


def test_a_command_is_told_apart_from_the_site(db):
    call_command("createsuperuser", username="boss", email="", interactive=False, verbosity=0)
    details = json.loads(AuditEntry.objects.get(kind="account.created").details)
    assert details["through"] == "command line"
    assert details["system_user"]


def test_a_change_that_is_undone_leaves_no_entry_and_an_entry_that_fails_undoes_the_change(
    transactional_db, make_user, monkeypatch
):
    ann = make_user("ann")
    count = AuditEntry.objects.count()

    def change_and_fail() -> None:
        with transaction.atomic():
            ann.is_superuser = True
            ann.save()
            raise ValueError("the rest failed")

    with pytest.raises(ValueError, match="the rest"):
        change_and_fail()
    assert AuditEntry.objects.count() == count

    def full(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("core.history.audit.entries.append", full)
    with pytest.raises(OSError, match="disk"):
        ann.save()
    with pytest.raises(OSError, match="disk"):
        ann.groups.add(Group.objects.get(name="approver"))
    ann = User.objects.get(username="ann")
    assert not ann.is_superuser
    assert not ann.groups.exists()


def test_what_a_savepoint_took_back_is_not_told_and_the_rest_is_told_in_order_when_it_commits(ann, told):
    told()
    with transaction.atomic():
        Group.objects.create(name="early shift")
        with suppress(ValueError), transaction.atomic():
            ann.groups.add(Group.objects.get(name="viewer"))
            raise ValueError("not this")
        ann.groups.add(Group.objects.get(name="early shift"))
        assert told() == []
    assert told() == [
        ("group.created", "", {"group": "early shift"}),
        ("rights.granted", "", {"account": "ann", "groups": ["early shift"]}),
    ]


def test_who_was_deleted_meanwhile_is_not_made_anew_by_a_form_that_was_open(ann, root, told):
    open_form = User.objects.get(pk=ann.pk)
    ann.delete()
    told()
    with pytest.raises(IntegrityError, match="ann was deleted meanwhile"):
        open_form.save()
    assert not User.objects.filter(username="ann").exists()
    assert told() == []
