"""Accounts in the admin: an administrator sets people and their groups, and does not become more than that."""

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]


def form_of(user, **said):
    return {
        **{"username": user.username, "is_active": "on"},
        **{"date_joined_0": "2026-11-01", "date_joined_1": "12:00:00"},
        **said,
    }


@pytest.fixture
def administrator(make_user):
    return make_user("adam", "administrator", is_staff=True)


def test_an_administrator_makes_nobody_a_superuser_themselves_neither(administrator, make_user, client):
    client.force_login(administrator)
    for user in (make_user("ann"), administrator):
        groups = [group.pk for group in user.groups.all()]
        said = {"groups": groups, "is_staff": "on", "email": "new@example.org"}
        said |= {"is_superuser": "on", "user_permissions": "1"}
        assert client.post(f"/admin/auth/user/{user.pk}/change/", form_of(user, **said)).status_code == 302
        user.refresh_from_db()
        assert (user.email, user.is_superuser, user.user_permissions.count()) == ("new@example.org", False, 0)


def test_an_administrator_changes_no_superuser_and_another_superuser_does(administrator, make_user, client):
    root = make_user("root", is_superuser=True, is_staff=True)
    page, password = f"/admin/auth/user/{root.pk}/change/", f"/admin/auth/user/{root.pk}/password/"
    new = {
        "password1": "a quite new password",
        "password2": "a quite new password",
        "usable_password": "true",
    }
    client.force_login(administrator)
    assert client.get(page).status_code == 200
    assert client.post(page, form_of(root, email="mine@example.org")).status_code == 403
    assert client.post(password, new).status_code == 403
    client.force_login(make_user("other", is_superuser=True, is_staff=True))
    assert client.post(password, new).status_code == 302
