"""Each start compares the settings with the last ones that the record knows, and tells which changed."""

import json
import platform
from ipaddress import ip_network

import pytest

from core.history import configuration
from core.models import AuditEntry
from telemetry_site import settings as _settings  # noqa: F401  each name is asked for while it loads
from telemetry_site.env import environment
from telemetry_site.provider import Provider
from tests.history.audit.chain import assert_chain_is_whole

SECRETS = {
    "SECRET_KEY": "s3cret-of-the-site",
    "REDIS_URL": "rediss://user:s3cret-of-redis@redis.example.org:6380/2?x=s3cret",
    "TELEMETRY_SITE_REDIS_URL": "rediss://user:s3cret-of-redis@site.example.org:6380/3?x=s3cret",
    "TELEMETRY_METRICS_TOKEN": "s3cret-of-the-metrics",
    "TELEMETRY_SITE_URL": "https://user:s3cret@site.example.org",
}


# What an installation is made of, and no word on who may do what, from where, and what is kept for how long.
OF_THE_MACHINE = {
    *("HOST", "PORT", "LOG_LEVEL", "TELEMETRY_REDIS_PROGRAM", "TELEMETRY_HELP"),
    *("TELEMETRY_HASHING_THREADS", "TELEMETRY_HASHING_WAITING", "TELEMETRY_HALF_OPEN"),
    *("TELEMETRY_SOCKETS_PER_SESSION", "TELEMETRY_STUCK_SECONDS", "TELEMETRY_BODY_BYTES"),
    *("DEFAULT_FROM_EMAIL", "EMAIL_PORT", "EMAIL_USE_TLS", "EMAIL_USE_SSL"),
}
# Said otherwise: DATABASE, SESSION_COOKIE_AGE, TELEMETRY_OIDC, TELEMETRY_CONTEXT_KEYS.
UNDER_ANOTHER_NAME = {
    *("DATABASE_URL", "TELEMETRY_SESSION_HOURS", "TELEMETRY_CONTEXT_KEY"),
    *(f"TELEMETRY_OIDC_{part}" for part in ("ISSUER", "CLIENT_ID", "NAME", "CLAIM", "GROUPS")),
}
SECRET = {"SECRET_KEY", "EMAIL_HOST_USER", "EMAIL_HOST_PASSWORD", "TELEMETRY_OIDC_CLIENT_SECRET"}


def test_every_setting_is_noted_or_known_to_be_none_of_the_record(db):
    noted = configuration.current().keys()
    others = OF_THE_MACHINE | UNDER_ANOTHER_NAME | SECRET
    assert environment.names - noted - others == set(), (
        "into NAMES of core/history/configuration.py, or above"
    )
    assert others - environment.names == set(), "no settings"
    assert {"DATABASE", "SESSION_COOKIE_AGE", "TELEMETRY_OIDC", "TELEMETRY_CONTEXT_KEYS"} <= noted


def told() -> list[dict]:
    entries = AuditEntry.objects.filter(kind="settings.changed").order_by("sequence")
    return [json.loads(entry.details) for entry in entries]


def test_the_first_start_tells_all_settings_and_the_next_says_nothing(db):
    assert configuration.note("recorder") == []
    assert configuration.note("web") == []
    (first,) = told()
    assert (first["process"], first["changed"]) == ("recorder", [])
    assert first["settings"]["TELEMETRY_BODY_DAYS"] == "365"


def test_a_changed_setting_is_named_with_its_new_value(db, settings):
    configuration.note("recorder")
    settings.TELEMETRY_BODY_DAYS = 7
    settings.ALLOWED_HOSTS = ["telemetry.example.org"]
    assert configuration.note("web") == ["ALLOWED_HOSTS", "TELEMETRY_BODY_DAYS"]
    last = told()[-1]
    assert last["process"] == "web"
    assert last["changed"] == ["ALLOWED_HOSTS", "TELEMETRY_BODY_DAYS"]
    assert last["settings"]["TELEMETRY_BODY_DAYS"] == "7"
    assert configuration.note("recorder") == last["changed"]
    assert assert_chain_is_whole() == 3


def test_web_and_recorder_that_are_given_different_settings_tell_them_once_and_not_at_each_start(
    db, settings
):
    for _start in range(2):
        settings.ALLOWED_HOSTS = ["localhost"]
        configuration.note("recorder")
        settings.ALLOWED_HOSTS = ["telemetry.example.org"]
        configuration.note("web")
    first, second = told()
    assert (first["process"], second["process"], second["changed"]) == ("recorder", "web", ["ALLOWED_HOSTS"])


def test_of_several_machines_each_is_compared_with_itself_and_one_that_is_alike_tells_nothing(
    db, settings, monkeypatch
):
    def start(machine: str, *hosts: str) -> list[str]:
        monkeypatch.setattr(platform, "node", lambda: machine)
        settings.ALLOWED_HOSTS = list(hosts)
        return configuration.note("web")

    for _start in range(2):
        start("one", "a.example")
        start("two", "b.example")
        start("three", "b.example")
    assert [(entry["machine"], entry["changed"]) for entry in told()] == [
        ("one", []),
        ("two", ["ALLOWED_HOSTS"]),
    ]
    assert start("one", "b.example") == ["ALLOWED_HOSTS"]
    assert start("three", "b.example") == []


def test_no_secret_is_in_the_record(db, settings):
    for name, value in SECRETS.items():
        setattr(settings, name, value)
    settings.TELEMETRY_OIDC = Provider("https://sso.example.org", "us", "s3cret-of-the-client", "SSO")
    settings.TELEMETRY_CONTEXT_KEYS = (b"s3cret-that-seals".ljust(32),)
    configuration.note("web")
    text = AuditEntry.objects.first().details
    assert "sso.example.org" in text
    assert "s3cret" not in text
    assert "rediss://redis.example.org:6380/2" in text
    assert "rediss://site.example.org:6380/3" in text
    assert json.loads(text)["settings"]["TELEMETRY_METRICS_TOKEN"] == "set"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEMETRY_BACKUP_DIR", "/elsewhere"),
        ("TELEMETRY_BACKUP_KEEP", 1),
        ("TELEMETRY_SITE_REDIS_URL", "redis://elsewhere:6379/1"),
        ("TELEMETRY_METRICS_TOKEN", "a token of thirty-two characters"),
        ("TELEMETRY_RULES", False),
        ("TELEMETRY_SECOND_FACTOR", ["approver"]),
        ("TELEMETRY_TRUSTED_PROXIES", [ip_network("10.0.0.0/8")]),
        ("TELEMETRY_CONTEXT_KEYS", (b"a key of thirty-two characters..",)),
    ],
)
def test_who_may_do_what_and_where_it_goes_is_told(db, settings, name, value):
    configuration.note("recorder")
    setattr(settings, name, value)
    assert configuration.note("web") == [name]


@pytest.mark.parametrize(
    "url",
    ["", "unix:///data/redis.sock", "redis://:made-up@127.0.0.1:39123", "redis://:other@127.0.0.1:41717"],
)
def test_a_private_server_is_the_same_one_whatever_its_port_and_password_are_now(url):
    assert configuration.where_it_leads(url) == "this machine"


def test_two_processes_that_start_at_once_tell_it_once(transactional_db, background):
    for future in [background(configuration.note, "web") for _ in range(8)]:
        future.result(60)
    assert len(told()) == 1


def test_a_damaged_entry_does_not_keep_the_site_from_starting(db):
    from tests.history.audit.attacker import edit, without_guards

    configuration.note("recorder")
    with without_guards():
        edit(1, "details", "{no json")
    configuration.note("recorder")
    assert AuditEntry.objects.count() == 2
