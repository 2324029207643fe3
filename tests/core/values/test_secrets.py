"""Secrets are hidden by the name of a value and by its shape; the rest of a text stays as it was written."""

import json
import tracemalloc

import pytest

from core.values.secrets import masked_json, masked_text

pytestmark = pytest.mark.anywhere

SECRET = "correct-horse-battery"
# In pieces, so that nobody who scans this file takes them for real ones.
SHAPES = [
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_" + "a1B2" * 9,
    "github_pat_" + "a1B2" * 10,
    "glpat-" + "a1B2c3D4" * 3,
    "xoxb-" + "1234567890-abcdef",
    "sk-" + "proj-" + "a1B2" * 8,
    "sk_" + "live_" + "a1B2" * 8,
    "AIza" + "a1B2c" * 7,
    "npm_" + "a1B2" * 9,
    "hf_" + "a1B2" * 9,
    "eyJhbGciOiJI" + ".eyJzdWIiOiIx" + ".c2lnbmF0dXJl",
    # It begins at each of these and ends nowhere: it was looked for from each of them to the end.
    "eyJ" + "-eyJ" * 60_000,
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\nMIIEow, and never an end",
]


@pytest.mark.parametrize(
    "name",
    [
        *(
            "password",
            "DB_PASSWORD",
            "userPassword",
            "passwd",
            "secret",
            "client_secret",
            "apiKey",
            "api-key",
        ),
        *("API_KEY", "x-api-key", "Authorization", "access_token", "accessToken", "refresh_tokens", "token"),
        *("aws_secret_access_key", "privateKey", "credentials", "Set-Cookie", "cookie", "passphrase", "otp"),
    ],
)
def test_a_value_of_such_a_name_is_hidden(name):
    for value in (SECRET, [SECRET], {"deep": [SECRET]}):
        said, hidden = masked_json(json.dumps({"before": 1, name: value, "after": "x"}))
        assert SECRET not in said
        assert hidden == 1
        assert json.loads(said)["after"] == "x"


@pytest.mark.parametrize(
    "name", ["tokenizer", "secretary", "author", "key", "keyboard", "passenger", "monkey", "compass", "apis"]
)
def test_a_name_that_only_sounds_so_hides_nothing(name):
    assert masked_json(json.dumps({name: SECRET})).hidden == 0


@pytest.mark.parametrize("secret", SHAPES)
def test_a_known_shape_is_hidden_wherever_it_stands(secret):
    for text in (secret, f"use {secret} now", f"x=({secret})"):
        said, hidden = masked_text(text)
        assert secret not in said
        assert hidden == 1
    said, hidden = masked_json(json.dumps({"command": ["run", f"curl {secret}"], "n": 1.10}))
    assert secret not in said
    assert "MIIE" not in said
    assert json.loads(said)["n"] == 1.10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Authorization: Bearer abcdefghijkl", "Authorization: Bearer ⟦hidden: 12 characters⟧"),
        ("psql postgres://ann:hunter2@db/x", "psql postgres://⟦hidden: 11 characters⟧@db/x"),
        ("mysql --password=hunter2 -u root", "mysql --password=⟦hidden: 7 characters⟧ -u root"),
        ("API_KEY='hunter22'", "API_KEY='⟦hidden: 8 characters⟧'"),
        ('{"a": "token: abcdef"}', '{"a": "token: ⟦hidden: 6 characters⟧"}'),
        ('{"a": "to\u212aen: abcdef"}', '{"a": "to\u212aen: ⟦hidden: 6 characters⟧"}'),
    ],
)
def test_only_the_secret_is_hidden(text, said):
    assert masked_json(text) == (said, 1)


@pytest.mark.parametrize(
    "text",
    [
        '{"input_tokens": 5, "max_tokens": 1e3, "token": null, "secret": true, "password": ""}',
        '{"amount": 1.10, "big": 9007199254740993, "a" : [ "b" , {} ]}',
        '{"path": "/etc/passwd", "url": "https://example.org/a:b@c", "note": "the author keeps the keys"}',
        "plain text, no secret in it",
        "[1, 2",
        '"', "{", '{}}]],,:: "a password"', '{"a', "\\",
    ],
)  # fmt: skip
def test_what_has_no_secret_is_as_it_was(text):
    assert masked_json(text) == (text, 0)


def test_a_number_of_such_a_name_is_hidden_unless_it_counts():
    assert masked_json('{"password": 12345, "token": 7}') == (
        '{"password": "⟦hidden: 5 characters⟧", "token": 7}',
        1,
    )


def test_a_hidden_text_is_not_hidden_again():
    once = masked_text("password=hunter2 Bearer abcdefghijkl").text
    assert masked_text(once) == (once, 0)


def test_hostile_texts_take_no_time():
    for text in (
        "password=" * 30_000,
        "://" + "a:" * 100_000,
        "-----BEGIN PRIVATE KEY-----" * 5_000,
        "bearer " * 40_000,
    ):
        masked_json(text)
        masked_json(json.dumps({"a": text}))


def test_a_text_that_was_cut_off_in_a_secret_shows_none_of_it():
    for context in ({"password": SECRET * 100}, {"a": f"Bearer {'abcdefgh' * 100}"}, {"a": SHAPES[-2] * 9}):
        text = json.dumps(context)
        for end in range(20, 60):
            said = masked_json(text[:end]).text
            assert "correct-horse" not in said
            assert "abcdefgh" not in said
            assert "MIIE" not in said


def test_what_was_looked_at_is_not_kept_however_long_its_names_are():
    masked_json('{"secret": "is read once"}')
    tracemalloc.start()
    try:
        for number in range(100):
            masked_json(json.dumps({f"token {number}" + "k" * 50_000: SECRET}))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
