"""The admin shows what hides in a text as a mark on every kind of its pages, and changes nothing that is typed."""

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType

from dashboard.display.marks import PLACE, marked_page
from tests.dashboard.agents.test_agent_text import hiding_in
from tests.dashboard.display.markup import parse

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

HIDDEN = "in\u202evoice\u200b\xa0x"
SHOWN = "in⟦U+202E⟧voice⟦U+200B⟧⟦U+00A0⟧x"


def test_lists_filters_history_and_confirmations_show_marks(signed_in):
    client = signed_in("superuser")
    group = Group.objects.create(name=HIDDEN)
    user = User.objects.create_user("someone")
    user.groups.add(group)
    kind = ContentType.objects.get_for_model(Group)
    LogEntry.objects.create(
        user=user,
        content_type=kind,
        object_id=group.pk,
        object_repr=HIDDEN,
        action_flag=CHANGE,
        change_message=HIDDEN,
    )
    own = f"/admin/auth/group/{group.pk}"
    for address in (
        "/admin/auth/group/",
        "/admin/auth/user/",
        f"{own}/history/",
        f"{own}/delete/",
        f"{own}/change/",
    ):
        page = client.get(address).content.decode()
        assert SHOWN in page, address
        assert not hiding_in(parse(page).text), address
        assert "3 characters" in page or "characters are unseen" in page, address
    change = client.get(f"{own}/change/").content.decode()
    assert f'value="{HIDDEN}"' in change  # saved again, it stays what it is


def test_a_page_is_marked_around_what_is_typed():
    page = (
        f'{PLACE}<title>a\u202e</title><a title="\u200b" href="#">pаypal</a><input value="\u202e">'
        "<textarea>\u202e</textarea><p>password=hunter22</p>"
    )
    warning, shown = marked_page(page).split("<title>")
    assert shown == (
        'a⟦U+202E⟧</title><a title="⟦U+200B⟧" href="#">pаypal</a><input value="\u202e">'
        "<textarea>\u202e</textarea><p>password=⟦hidden: 8 characters⟧</p>"
    )
    assert "1 character is unseen" in warning
    assert "pаypal (Cyrillic and Latin)" in warning
    assert "1 value is hidden" in warning


def test_an_honest_page_is_as_it_was():
    page = "<p>Ünïcödé ✔ &nbsp;</p><pre>a\n\tb</pre>"
    assert marked_page(page) == page


def test_the_title_of_a_new_password_is_not_taken_for_a_secret(signed_in):
    client = signed_in("superuser")
    user = User.objects.create_user("somebody")
    page = client.get(f"/admin/auth/user/{user.pk}/password/").content.decode()
    assert "<h1>A new password</h1>" in page
    assert "hidden: " not in page
    assert "<strong>somebody</strong>" in page


def test_how_a_request_stands_has_the_word_of_the_pages_in_list_filter_and_row(signed_in, gate, record):
    waiting, denied = (gate.open_request("deploy").request_id for _ in range(2))
    gate.respond_to_approval(denied, False, "ann")
    record()
    client, there = signed_in("auditor"), "/admin/core/approvalrecord/"
    everything = client.get(there).content.decode()
    row = client.get(f"{there}{waiting}/change/").content.decode()
    for page in (everything, row):
        assert "Waiting" in page
        assert "Pending" not in page
    chosen = client.get(f"{there}?status=pending").content.decode()
    assert (waiting in chosen, denied in chosen) == (True, False)
    assert client.get(f"{there}?status__exact=pending").status_code == 200  # a link that somebody kept
