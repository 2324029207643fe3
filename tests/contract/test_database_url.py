"""DATABASE_URL: what it may be, what it becomes, and that its password is never repeated."""

from pathlib import Path

import pytest

from core.history.database.url import database

FILE = Path("/data/history.sqlite3")


def test_without_one_the_record_is_a_sqlite_file_that_survives_a_power_cut():
    config = database("", FILE)
    assert (config["ENGINE"], config["NAME"]) == ("core.history.database.sqlite", FILE)
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in config["OPTIONS"]["init_command"]


def test_a_sqlite_address_names_another_file_with_the_same_options():
    assert database("sqlite:////elsewhere/x.sqlite3", FILE) == database("", Path("/elsewhere/x.sqlite3"))


def test_postgresql_has_a_pool_and_nothing_that_waits_for_ever():
    config = database("postgresql://maria:p%40ss@db.example.org:5433/telemetry?sslmode=verify-full", FILE)
    said = [config[name] for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME", "CONN_MAX_AGE")]
    assert said == ["maria", "p@ss", "db.example.org", 5433, "telemetry", 0]
    options = config["OPTIONS"]
    assert options["pool"] == {"min_size": 2, "max_size": 10, "timeout": 5}
    assert options["sslmode"] == "verify-full"
    assert options["connect_timeout"] == 5
    for name in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"):
        assert f"-c {name}=" in options["options"]


def test_options_of_the_address_go_before_ours():
    config = database("postgresql://h/x?options=-c%20lock_timeout=1&connect_timeout=2&pool=false", FILE)
    assert config["OPTIONS"]["options"].endswith("-c lock_timeout=1")
    assert (config["OPTIONS"]["connect_timeout"], config["OPTIONS"]["pool"]) == (2, False)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "secret",
        "mysql://u:secret@h/x",
        "postgresql:/u:secret@h/x",
        "postgresql://u:secret@h:port/x",
        "postgresql://u:secret@h:99999/x",
        "postgresql://u:secret@[::1/x",
        "postgresql://u:secret@h",
        "postgresql://u:secret@h/",
        "sqlite://",
        "sqlite://:memory:",
        "postgresql://u:secret@h/x?pool=maybe",
        "postgresql://u:secret@h/x?pool=5",
        "postgresql://u:secret@h/x?connect_timeout=abc",
        "postgresql://u:secret@h/x?tcp_user_timeout=1.5",
        "postgresql://u:secret@h/x?sslmode=bogus",
        "postgresql://u:secret@h/x?nonsense=1",
    ],
)
def test_what_is_no_database_is_an_error_that_does_not_repeat_it(url):
    with pytest.raises(ValueError) as refusal:
        database(url, FILE)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None


def test_a_pool_that_is_asked_for_is_the_usual_one():
    assert database("postgresql://h/x?pool=true", FILE) == database("postgresql://h/x", FILE)
