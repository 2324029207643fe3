"""The headers by which browsers are told what our pages may do."""

import pytest

from tests.dashboard.conftest import UNKNOWN_ID

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere]

ADDRESSES = [
    "/",
    "/approvals/{id}/",
    "/approvals/" + UNKNOWN_ID + "/",
    "/sign-in/",
    "/admin/",
    "/admin/core/auditentry/",
    "/admin/core/auditentry/1/change/",
    "/admin/core/approvalrecord/",
    "/admin/auth/user/add/",
    "/admin/password_change/",
    "/nowhere/",
    "/approvals/{id}/approve/",
]


def policy_of(response) -> dict[str, list[str]]:
    parts = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in filter(None, parts)}


def test_every_page_comes_with_the_strict_headers(gate, record, signed_in):
    request = gate.open_request("deploy")
    record()
    client = signed_in("superuser")
    for address in ADDRESSES:
        strict(client.get(address.format(id=request.request_id)))


def strict(response) -> None:
    policy = policy_of(response)
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == ["'self'"]
    assert policy["frame-ancestors"] == policy["base-uri"] == ["'none'"]
    assert policy["form-action"] == policy["connect-src"] == ["'self'"]
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("htmx", [True, False])
def test_answers_to_posts_carry_them_too(gate, signed_in, answer, htmx):
    client, request = signed_in("viewer"), gate.open_request("deploy")
    response = answer(client, request.request_id, htmx=htmx)
    assert response.status_code == 403
    assert policy_of(response)["script-src"] == ["'self'"]


@pytest.mark.parametrize("address", ADDRESSES[:4])
def test_pages_with_private_data_are_never_stored(gate, signed_in, address):
    request = gate.open_request("deploy")
    response = signed_in("approver").get(address.format(id=request.request_id))
    if response.status_code == 200:
        assert "no-store" in response["Cache-Control"]


def test_no_page_holds_a_script_or_style_of_its_own(gate, record, signed_in):
    from tests.dashboard.display.markup import parse

    request = gate.open_request("deploy")
    record()
    client = signed_in("superuser")
    for address in ADDRESSES[:8]:
        page = parse(client.get(address.format(id=request.request_id)).content.decode())
        for element in page.elements:
            assert element.tag != "style", address
            assert element.tag != "script" or element.attributes.get("src") or not element.text.strip(), (
                address
            )
            assert not [name for name in element.attributes if name.startswith("on")], address
            assert "style" not in element.attributes, address
            for name in ("src", "href", "action", "formaction"):
                assert "//" not in element.attributes.get(name, ""), address


def test_cookies_are_for_this_site_and_no_script(person, client):
    person("approver")
    data = {"username": "the approver", "password": "correct horse battery"}
    response = client.post("/sign-in/", data)
    for name in ("session", "csrf"):
        cookie = response.cookies[name]
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"


def test_the_token_is_not_part_of_what_everybody_is_sent(gate, make_user):
    from dashboard import access
    from dashboard.access import Audience
    from dashboard.approvals import page as approvals
    from dashboard.live import fragments
    from dashboard.live import page as contexts

    request = gate.open_request("deploy")
    own = access.read_approval(request.request_id)
    page = approvals.approval_page(request.request_id, own)
    region = fragments.approval_region(page, Audience.of(make_user("maria", "approver")))
    assert 'form="decide"' in region
    for sent in (region, fragments.live_region(contexts.live_page())):
        assert "csrf" not in sent


@pytest.mark.parametrize("name", ["none.js", "..%2f..%2fmanage.py", "%00", "dashboard/", "a" * 5000])
def test_a_file_that_there_is_not_is_our_page_with_debug_too(client, settings, name):
    settings.DEBUG = True
    settings.SERVESTATIC_AUTOREFRESH = settings.SERVESTATIC_USE_FINDERS = True
    page = client.get(f"/static/{name}")
    assert page.status_code == 404
    assert "There is no such page" in page.content.decode()


def test_who_follows_an_old_link_gets_our_page_with_debug_too(clean_redis, signed_in, settings):
    settings.DEBUG = True
    page = signed_in("viewer").get(f"/approvals/{UNKNOWN_ID}/")
    assert page.status_code == 404
    assert "There is no such page, request or agent." in page.content.decode()
