"""What names look like, and words that mix scripts."""

import pytest

from core.values.skeleton import looks_like, mixed_script_words, skeleton

pytestmark = pytest.mark.anywhere

DEPLOYER = [
    *("DEPLOYER", "Deployer", " deployer ", "de\u200bployer", "deployer\u3164", "deploуer", "dерlоуеr"),
    *("ｄｅｐｌｏｙｅｒ", "𝐝𝐞𝐩𝐥𝐨𝐲𝐞𝐫", "dep1oyer", "depIoyer", "depl0yer", "DEPLΟYER", "ԁeployer", "dep|oyer"),
    *("de\u00adployer", "deployer\ufe0f", "\u3164deployer"),
]


@pytest.mark.parametrize("name", DEPLOYER)
def test_names_that_look_like_one_are_one(name):
    assert looks_like(name, "deployer")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Agent-X", "agent\u2011x"),
        ("agent x", "agent\xa0x"),
        ("ВАНЯ", "ваня"),
        ("ΝΙΚΟΣ", "νικος"),
        ("Ivan", "lvan"),
        ("STRASSE", "straße"),
        ("modern", "modem"),
        ("İzmir", "i̇zmir"),
    ],
)
def test_alike_holds_both_ways(one, other):
    assert looks_like(one, other)
    assert looks_like(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deployer", "deployers"),
        ("agent-1", "agent-2"),
        ("bob-u", "bob-y"),
        ("иван", "ivan"),
        ("研究", "研究員"),
        ("a b", "ab"),
    ],
)
def test_names_that_can_be_told_apart_are_two(one, other):
    assert not looks_like(one, other)


def test_a_skeleton_is_a_key_for_what_looks_alike():
    assert {skeleton(name) for name in ("dерlоуеr", "ＤＥＰＬＯＹＥＲ", "de\u2060ployer")} == {"deployer"}
    assert skeleton("") == skeleton("\u200b \u3164") == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("send it to pаypal.com now", [("pаypal.com", ("Cyrillic", "Latin"))]),
        ("аррӏе.com", [("аррӏе.com", ("Cyrillic", "Latin"))]),
        ("/usr/lοcal/bin", [("/usr/lοcal/bin", ("Greek", "Latin"))]),
        ("ρassword", [("ρassword", ("Greek", "Latin"))]),
        ("roοt and roοt", [("roοt", ("Greek", "Latin"))]),
        ("rооt:ｒoot", [("rооt:ｒoot", ("Cyrillic", "Latin", "Styled Latin"))]),
        ("Отчёт за май: файл.txt, report", []),
        ("naïve café, 5 µm, 日本語DB テスト, 한국어API, Ελλάδα", []),
        ('{"a":"Отчёт","b":"com","c":["rооt"]}', [("rооt", ("Cyrillic", "Latin"))]),
        ("plain", []),
    ],
)
def test_words_of_mixed_scripts_are_named_with_their_scripts(text, found):
    assert [tuple(word) for word in mixed_script_words(text)] == found


def test_only_so_many_words_are_named():
    assert len(mixed_script_words(" ".join(f"rоot{i}" for i in range(500)), most=7)) == 7


def test_a_long_word_costs_no_more_than_its_letters():
    # Were each letter a place to begin anew, this would take an hour.
    assert mixed_script_words("x" * 2_000_000 + " é pаypal") == [("pаypal", ("Cyrillic", "Latin"))]
