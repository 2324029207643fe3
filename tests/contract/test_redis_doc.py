"""docs/reference/redis.md says of keys and scripts what the code says."""

import re
from pathlib import Path

from core.history.recorder.registry import HANDLERS
from core.store.keys import Keys
from core.store.script import SCRIPTS
from tests.contract.key_patterns import key_patterns

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs/reference/redis.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the tables under a heading, without their heads."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)[1]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def code(cell: str) -> str:
    return cell.strip("`")


def test_the_table_has_every_key_as_it_is_built():
    documented = {code(row[0]): "{telemetry}:" + code(row[1]) for row in rows("Keys")}
    assert documented == key_patterns(Keys())


def test_type_and_lifetime_are_those_of_the_docstrings():
    for name, _key, kind, lifetime, *_others in rows("Keys"):
        member = vars(Keys)[code(name)]
        said = (member.__doc__ or "").lower()
        assert said.startswith(kind), name
        assert lifetime.startswith("permanent: ") == ("permanent" in said), name


def test_the_table_has_every_script():
    documented = {code(row[0]) for row in rows("Scripts")}
    assert documented == {f"{name}.lua" for name in SCRIPTS}


def test_the_number_and_order_of_each_scripts_keys_is_that_of_its_header():
    """The first comment of a script counts its keys; the table names as many."""
    for name, keys, _answer in rows("Scripts"):
        if keys.startswith("as "):
            continue
        header = re.search(
            r"^-- KEYS  (.*)$", (ROOT / f"core/store/lua/{code(name)}").read_text(), re.MULTILINE
        )
        said = [word for word in re.split(r"[,\[\]]\s*", header[1]) if word.strip()]
        assert len(re.findall(r"`\w+`", keys)) == len(said), name


def test_no_script_makes_up_a_key():
    """Each key of a script comes from KEYS: neither a text nor a piece of one stands where a key does."""
    for file in (ROOT / "core/store/lua").rglob("*.lua"):
        for key in re.findall(r"redis\.p?call\(\s*'[A-Z]+',\s*(?:'STREAM',\s*)?([^,)]+)", file.read_text()):
            assert re.fullmatch(r"KEYS\[[^'\"]+\]|[a-z_.]+", key), (file.name, key)


def test_the_table_has_every_entry_of_the_outbox():
    assert {code(entry) for stream, entry, _fields in rows("Stream entries") if code(stream) == "outbox"} == {
        *HANDLERS
    }


def test_the_stream_entries_have_the_fields_that_the_scripts_write():
    prelude = (ROOT / "core/store/lua/prelude.lua").read_text()
    lua = prelude + "".join((ROOT / f"core/store/lua/{name}.lua").read_text() for name in SCRIPTS)
    for stream, entry, fields in rows("Stream entries"):
        if code(stream) != "outbox":
            continue
        call = re.search(rf"remember\([^()]*'type', '{code(entry)}'.*?\)\n", lua, re.DOTALL)[0]
        written = re.findall(r"'(\w+)'", call.replace(f"'type', '{code(entry)}'", "'type'"))
        assert re.findall(r"`(\w+)`", fields) == written, entry


def test_the_keys_of_scripts_are_keys():
    named = {name for _script, keys, _answer in rows("Scripts") for name in re.findall(r"`(\w+)`", keys)}
    without_a_script = TEXT.split("\nWithout a script: ")[1].split("\n")[0]
    assert named | set(re.findall(r"`(\w+)`", without_a_script)) == set(key_patterns(Keys()))
