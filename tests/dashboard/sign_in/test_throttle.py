"""A password may be tried a few times from one place, and nobody can use that to keep somebody else out."""

import unicodedata
from types import SimpleNamespace

import pytest
from django.core.cache import cache
from django.test import Client, override_settings

from core.history.people import hashing
from core.models import AuditEntry, WebSession
from dashboard.sign_in import throttle
from telemetry_site.layers import caches
from tests.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.anywhere, pytest.mark.usefixtures("maria")]

HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"


def try_from(address: str, name: str = "maria", password: str = "wrong", client: Client | None = None):
    data = {"username": name, "password": password}
    return (client or Client()).post("/sign-in/", data, REMOTE_ADDR=address)


@pytest.fixture(autouse=True)
def within_one_window(monkeypatch):
    """The clock of the windows stands, or one may end between two tries."""
    monkeypatch.setattr(throttle, "time", SimpleNamespace(time=lambda: 1_800_000_100.0))


def test_wrong_passwords_are_throttled_and_the_owner_comes_in_from_elsewhere():
    codes = [try_from(HERE).status_code for _ in range(12)]
    assert codes == [200] * 5 + [429] * 7
    refused = try_from(HERE, password=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= throttle.SECONDS
    assert "Too many tries" in refused.content.decode()
    assert try_from(ELSEWHERE, password=PASSWORD).status_code == 302


@pytest.mark.parametrize("again", ["maria ", " maria", "\uff4daria", "mari\uff41\t"], ids=ascii)
def test_a_name_that_is_written_otherwise_and_means_the_same_account_is_counted_as_it(again):
    assert try_from(ELSEWHERE, name=again, password=PASSWORD).status_code == 302
    assert [try_from(HERE).status_code for _ in range(5)] == [200] * 5
    assert try_from(HERE, name=again, password=PASSWORD).status_code == 429


def test_a_browser_that_is_known_comes_in_from_the_very_address_of_the_attack():
    known = Client()
    assert try_from(HERE, password=PASSWORD, client=known).status_code == 302
    known.post("/sign-out/")
    for _ in range(7):
        try_from(HERE)
    assert try_from(HERE, password=PASSWORD).status_code == 429
    assert try_from(HERE, password=PASSWORD, client=known).status_code == 302


def test_a_known_browser_has_its_own_limit_and_is_known_for_its_own_name_alone(make_user):
    make_user("paul", "viewer")
    known = Client()
    try_from(HERE, password=PASSWORD, client=known)
    known.post("/sign-out/")
    assert [try_from(HERE, client=known).status_code for _ in range(7)] == [200] * 5 + [429] * 2
    for _ in range(6):
        try_from(ELSEWHERE, name="paul")
    assert try_from(ELSEWHERE, name="paul", password=PASSWORD, client=known).status_code == 429


@override_settings(TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS=10)
def test_many_names_from_one_address_are_throttled_together():
    codes = [try_from(HERE, name=f"name {number}").status_code for number in range(12)]
    assert codes == [200] * 10 + [429] * 2


def test_addresses_of_one_customer_count_as_one_place():
    codes = [try_from(f"2001:db8:1:2::{number}").status_code for number in range(1, 8)]
    assert codes == [200] * 5 + [429] * 2
    assert try_from("2001:db8:1:3::1").status_code == 200


def test_a_right_password_forgets_what_was_mistyped_before():
    for _ in range(3):
        assert [try_from(HERE).status_code for _ in range(4)] == [200] * 4
        assert try_from(HERE, password=PASSWORD).status_code == 302


def test_the_first_refused_try_is_recorded_and_the_rest_is_not():
    for _ in range(9):
        try_from(HERE)
    [entry] = AuditEntry.objects.filter(kind="session.throttled")
    assert HERE in entry.details
    assert "maria" in entry.details


def test_tries_are_counted_in_redis_by_all_processes_together_and_alone_while_it_is_away(clean_redis, raw):
    with override_settings(CACHES=caches(clean_redis, "telemetry")):
        for _ in range(6):
            try_from(HERE)
        assert [key for key in raw.keys("telemetry-site:*") if "tries:name" in key]
        assert try_from(HERE).status_code == 429
    with override_settings(CACHES=caches("redis://127.0.0.1:1/0", "telemetry")):
        assert [try_from(HERE).status_code for _ in range(7)] == [200] * 5 + [429] * 2
        cache.delete("nothing")


@override_settings(PASSWORD_HASHERS=["core.history.people.hashing.PooledPBKDF2"], TELEMETRY_HASHING_WAITING=0)
def test_beyond_its_bound_nothing_is_compared_and_the_page_says_when_to_try_again(background, monkeypatch):
    monkeypatch.setattr(hashing._pool, "_inside", 1)
    response = try_from(HERE, password=PASSWORD)
    assert response.status_code == 429
    assert response["Retry-After"] == str(hashing.RETRY_SECONDS)
    monkeypatch.setattr(hashing._pool, "_inside", 0)
    assert try_from(HERE).status_code == 200


def test_hashes_of_before_stay_good():
    from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password

    before = PBKDF2PasswordHasher().encode("a password", "salt" * 6, 1_000)
    with override_settings(PASSWORD_HASHERS=["core.history.people.hashing.PooledPBKDF2"]):
        assert check_password("a password", before)
        assert not check_password("another", before)


@pytest.mark.parametrize("cookies", [{}, {"session": "none of ours"}], ids=["no cookie", "a made up one"])
def test_a_stranger_leaves_only_so_many_sessions_behind(cookies, settings):
    settings.TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS = 3
    codes = []
    for _ in range(5):
        stranger = Client(headers={"Accept": "application/json"}, REMOTE_ADDR=HERE)
        stranger.cookies.load(cookies)
        codes.append(stranger.get("/sign-in/passkey/").status_code)
    assert codes == [200] * 3 + [429] * 2
    assert WebSession.objects.count() == 3
    assert Client(headers={"Accept": "application/json"}).get("/sign-in/passkey/").status_code == 200


def test_a_text_that_is_no_name_is_not_put_in_order_to_its_end(monkeypatch):
    normalize, longest = unicodedata.normalize, []
    monkeypatch.setattr(unicodedata, "normalize", lambda *of: longest.append(len(of[1])) or normalize(*of))
    # A stranger sent it, and it took the square of its length: minutes, before anything was counted.
    assert try_from(HERE, name="a" + "\u0301\u0316" * 100_000).status_code == 200
    assert max(longest) <= 255
