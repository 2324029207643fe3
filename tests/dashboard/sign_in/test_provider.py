"""Signing in by an OpenID Connect provider that really runs, with proof keys, groups and a known subject."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit
from wsgiref.simple_server import WSGIRequestHandler, make_server

import oidc_provider_mock
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from core.models import AuditEntry
from telemetry_site.env import Environment
from telemetry_site.provider import Provider, one_provider, providers
from tests.receivers import serving
from tests.waiting import PATIENCE

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.anywhere,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the provider, about itself
]


class Silent(WSGIRequestHandler):
    def log_message(self, *_words: object) -> None:
        pass


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    server = make_server("127.0.0.1", 0, oidc_provider_mock.app(), handler_class=Silent)
    with serving(server) as url:
        yield url


@pytest.fixture
def provider(issuer, settings) -> str:
    groups = {"sre": ["approver"], "everybody": ["viewer"]}
    settings.TELEMETRY_OIDC = Provider(issuer, "us", "a secret", "the house", "groups", groups)
    settings.SOCIALACCOUNT_PROVIDERS = providers(settings.TELEMETRY_OIDC)
    return issuer


def known(issuer: str, sub: str, **claims: object) -> None:
    """Let the provider know somebody, with what it says of them."""
    requests.put(f"{issuer}/users/{sub}", json=claims, timeout=PATIENCE).raise_for_status()


def come(
    issuer: str, sub: str, client: Client | None = None, process: str = "login"
) -> tuple[Client, object, dict[str, list[str]]]:
    """Go the whole way as a browser would: the client, the last answer, and what the provider was asked."""
    client = client or Client(headers={"Host": "localhost"})
    sent = client.post("/sign-in/with/provider/", {"process": process})
    assert sent.status_code == 302
    asked = parse_qs(urlsplit(sent["Location"]).query)
    back = requests.post(sent["Location"], data={"sub": sub}, allow_redirects=False, timeout=PATIENCE)
    assert back.status_code in (302, 303), back.text
    place = urlsplit(back.headers["Location"])
    return client, client.get(f"{place.path}?{place.query}"), asked


def groups_of(name: str) -> set[str]:
    return set(User.objects.get(username=name).groups.values_list("name", flat=True))


def test_somebody_of_a_group_comes_in_and_has_our_groups_from_then_on(provider):
    known(provider, "s1", preferred_username="maria", groups=["sre", "everybody", "others"])
    client, answer, asked = come(provider, "s1")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert asked["code_challenge_method"] == ["S256"]
    assert client.get("/account/").status_code == 200
    assert groups_of("maria") == {"approver", "viewer"}
    assert not User.objects.get(username="maria").has_usable_password()
    assert AuditEntry.objects.filter(kind="session.started", actor="maria").count() == 1
    known(provider, "s1", preferred_username="maria", groups=["everybody"])
    come(provider, "s1")
    assert groups_of("maria") == {"viewer"}
    known(provider, "s1", preferred_username="maria", groups=["others"])
    _client, refused, _asked = come(provider, "s1")
    assert (refused.status_code, groups_of("maria")) == (403, set())
    assert client.get("/").status_code == 403, "nor has she them in the session of before"
    assert User.objects.filter(username__startswith="maria").count() == 1


def test_whoever_has_none_of_the_groups_is_not_let_in_and_has_no_account(provider):
    known(provider, "s2", preferred_username="nobody", groups=["others"])
    client, answer, _asked = come(provider, "s2")
    assert answer.status_code == 403
    assert "no group that may use this site" in answer.content.decode()
    assert not User.objects.exists()
    assert client.get("/account/").status_code == 302


def test_an_account_of_here_is_not_taken_over_by_its_name(provider, make_user):
    make_user("paul", "auditor")
    known(provider, "s3", preferred_username="Paul", email="paul@example.org", groups=["sre"])
    _client, answer, _asked = come(provider, "s3")
    assert answer.status_code == 403
    assert "already" in answer.content.decode()
    assert groups_of("paul") == {"auditor"}


@pytest.mark.parametrize("name", ["p\u0430ul", "PAU1"], ids=ascii)
def test_a_name_that_looks_like_somebodys_here_is_refused_with_what_to_do(provider, make_user, name):
    make_user("paul", "auditor")
    known(provider, f"like {name}", preferred_username=name, groups=["sre"])
    _client, answer, _asked = come(provider, f"like {name}")
    assert answer.status_code == 403
    assert "ask an administrator" in answer.content.decode()
    assert list(User.objects.values_list("username", flat=True)) == ["paul"]


@pytest.mark.parametrize("process", ["connect", "redirect"])
def test_nobody_of_the_provider_is_tied_to_the_account_of_who_is_signed_in(provider, make_user, process):
    paul, client = make_user("paul", "auditor"), Client(headers={"Host": "localhost"})
    client.force_login(paul)
    known(provider, "s6", preferred_username="mallory", groups=["sre"])
    _client, answer, _asked = come(provider, "s6", client, process)
    assert answer.status_code == 403
    assert not SocialAccount.objects.exists()
    assert groups_of("paul") == {"auditor"}


def test_an_account_that_is_switched_off_stays_out(provider):
    known(provider, "s4", preferred_username="olga", groups=["sre"])
    come(provider, "s4")
    User.objects.update(is_active=False)
    client, answer, _asked = come(provider, "s4")
    assert answer["Location"] == "/sign-in/inactive/"
    assert client.get("/account/").status_code == 302


def test_a_callback_that_nobody_asked_for_signs_nobody_in(provider):
    known(provider, "s5", preferred_username="pia", groups=["sre"])
    stranger = Client()
    answer = stranger.get("/sign-in/with/provider/back/?code=stolen&state=guessed")
    assert answer.status_code == 401
    assert stranger.get("/account/").status_code == 302


def test_without_the_setting_there_is_no_such_way(db):
    assert "Sign in with" not in Client().get("/sign-in/").content.decode().replace(
        "Sign in with a passkey", ""
    )
    assert Client().post("/sign-in/with/provider/").status_code == 404


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEMETRY_OIDC_ISSUER", "http://login.example.org"),
        ("TELEMETRY_OIDC_CLIENT_ID", ""),
        ("TELEMETRY_OIDC_GROUPS", ""),
        ("TELEMETRY_OIDC_GROUPS", "sre"),
    ],
)
def test_a_setting_that_cannot_be_used_stops_the_start_and_is_named(name, value):
    good = {
        "TELEMETRY_OIDC_ISSUER": "https://login.example.org/",
        "TELEMETRY_OIDC_CLIENT_ID": "us",
        "TELEMETRY_OIDC_GROUPS": "sre=approver,sre=auditor",
    }
    found = one_provider(Environment(good))
    assert found is not None
    assert found.groups == {"sre": ["approver", "auditor"]}
    with pytest.raises(ImproperlyConfigured, match=name):
        one_provider(Environment({**good, name: value}))
