"""The index of requests by their words: what is found, and that it follows the record and never stands in its way."""

from datetime import UTC, datetime, timedelta
from hashlib import md5
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from core.history.approvals.effects import prune_bodies
from core.history.search import find as finding
from core.history.search import index
from core.history.search.find import NoIndex, SearchQuery, everything, find
from core.history.search.words import MARK, fact, terms_of
from core.models import ApprovalRecord
from tests import chosen_servers

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = {
    "payment": {"amount": 2070.32, "to": "Müller & Söhne", "mail": "ann.larsen@example.com"},
    "file": "/srv/app/main.py",
    "note": 'He said "never OR always", it\'s 100% NOT near(5)',
}


@pytest.fixture
def ask(gate, record):
    """Ask and record: the id of the request."""

    def asked(context: dict, kind: str = "payment", *, by: str = "", reason: str = "") -> str:
        request = gate.open_request(kind, context)
        if by:
            gate.respond_to_approval(request.request_id, True, by, reason)
        record()
        return str(request.request_id)

    return asked


def found(query: str = "", **asked: object) -> list[str]:
    return [str(row.pk) for row in find(SearchQuery(query, **asked), 25).rows]


AS_TYPED = [
    "2070.32",
    "payment 2070.32",
    "ann.larsen@example.com",
    "larsen@example",
    "example.com",
    "/srv/app/main.py",
    "app/main",
    "main.py",
    "muller",
    "MÜLLER söhne",
    "100%",
    "lars*",
    "2070.3*",
    "/srv/ap*",
    '"never OR always"',
    "near(5)",
    "it's",
    "deployer payment",
]


def test_words_that_were_read_before_their_text_was_removed_are_not_indexed(ask):
    wanted, kept = ask(ASKED), ask({"to": "Müller"})
    rows = list(ApprovalRecord.objects.all())
    known = index.read_ahead([], [row.pk for row in rows])
    assert all(row.context in known for row in rows)

    ApprovalRecord.objects.filter(pk=wanted).update(context="")
    index.index_again([row.pk for row in rows], known)
    assert found("müller") == [kept]
    assert wanted in found("payment")


def test_what_was_asked_is_found_as_typed(ask):
    wanted = ask(ASKED)
    ask({"amount": 1}, "other")
    for query in AS_TYPED:
        assert found(query) == [wanted], query


NOT_TYPED = [
    "2070.3",
    "2070.33",
    "32.2070",
    "207*.3",
    "lars",
    "app/mai",
    "ain.py",
    "example.com.uk",
    "never xyz OR always",
]


def test_what_was_not_typed_so_is_not_found(ask):
    ask(ASKED)
    for query in NOT_TYPED:
        assert found(query) == [], query


def test_a_number_is_one_word_and_not_its_parts_somewhere(ask):
    ask({"first": 2070, "second": 32})
    wanted = ask({"amount": 2070.32})
    assert found("2070.32") == [wanted]


DATA = [
    '"',
    "'",
    "*",
    "NEAR(",
    "a AND",
    "NOT",
    "-",
    "(",
    "{",
    "words:x",
    "\\",
    ":*",
    "&",
    "|",
    "!a",
    "\x00",
    "\ud800",
    "%s",
]


def test_quotes_and_operators_are_data(ask):
    ask({"n": 1})
    for query in DATA:
        find(SearchQuery(query), 25)


def test_a_request_is_found_by_its_id_with_and_without_dashes_and_by_its_digest(ask):
    wanted = ask({"n": 1})
    row = ApprovalRecord.objects.get(pk=wanted)
    for query in (wanted, wanted.replace("-", ""), wanted.upper(), row.digest, f"{row.digest[:10]}*"):
        assert found(query) == [wanted]


def test_an_end_is_found_by_who_and_why_beside_what_was_asked(ask):
    wanted = ask({"amount": 2070.32}, by="maria", reason="as agreed with Jörg")
    assert found("2070.32 maria jorg agreed") == [wanted]
    assert found("2070.32 maria ann") == []


def test_a_request_recorded_before_its_end_is_found_by_its_end_later(gate, record):
    request = gate.open_request("payment", {"amount": 5.5})
    record()
    gate.respond_to_approval(request.request_id, False, "maria", "too much")
    record()
    assert found("maria 5.5 much") == [str(request.request_id)]


def test_what_it_is_narrows_what_is_found(ask):
    mine = ask({"n": 1}, "payment", by="maria")
    ask({"n": 1}, "deploy", by="ann")
    day = ApprovalRecord.objects.get(pk=mine).requested_at.date()
    assert (
        found("1", kind="payment")
        == found(person="maria")
        == found(outcome="approved", kind="payment")
        == [mine]
    )
    assert found(agent="nobody") == found(outcome="rejected") == []
    assert len(found(first=day, last=day)) == 2
    assert found(first=day + timedelta(days=1)) == found(last=day - timedelta(days=1)) == []


def test_a_common_word_or_beginning_with_a_filter_is_found_beside_many_and_page_by_page(ask, monkeypatch):
    monkeypatch.setattr(finding, "NEWEST", 2)  # what is older than these comes from the index alone
    mine = [ask({"word": "same"}, "payment", by="maria") for _ in range(3)][::-1]
    others = [ask({"word": "same"}, "deploy", by="ann") for _ in range(4)]
    for query in ("same", "s*", "sam*", "same*", ""):
        assert found(query, person="maria", kind="payment") == mine
        assert found(query, person="maria", kind="deploy") == found(query, person="Maria") == []
        first = find(SearchQuery(query, person="maria"), 2)
        assert (first.count, [str(row.pk) for row in first.rows]) == (3, mine[:2])
        assert [
            str(row.pk) for row in find(SearchQuery(query, person="maria"), 2, first.before).rows
        ] == mine[2:]
    assert found("s*") == found("same") == [*others[::-1], *mine]


@pytest.mark.parametrize("typed", ["\N{NOT SIGN}", "\N{NOT SIGN}s", "\N{NOT SIGN}\N{NOT SIGN}person"])
def test_what_the_index_keeps_for_itself_cannot_be_typed(ask, typed):
    ask({"word": "same"}, by="maria")
    wanted = terms_of(typed + fact("person", "maria").word)
    assert all(not term.word.startswith(MARK) for term in [*terms_of(typed), *wanted])


def test_an_index_of_before_still_finds_what_it_has_and_is_brought_up_by_the_command(ask):
    mine, other = ask({"word": "same"}, by="maria"), ask({"word": "same"}, by="ann")
    an_index_of_before()
    assert found("sa*", person="maria") == [mine]
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {index.REQUESTS} DROP COLUMN made")
    index.ensure()
    with connection.cursor() as cursor:
        assert index.has_facts(cursor)
    assert found("sa*", person="maria") == [mine]
    assert found("sa*") == found("same") == [other, mine]


def an_index_of_before() -> None:
    """Words alone, as the version before wrote them."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {index.REQUESTS}_older")
        cursor.execute(f"ALTER TABLE {index.REQUESTS} DROP COLUMN made")
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {index.REQUESTS} SET words = array_to_tsvector(ARRAY(SELECT word FROM "
                f"unnest(tsvector_to_array(words)) word WHERE word NOT LIKE '{MARK}%%'))"
            )
        else:
            cursor.execute(f"SELECT rowid, words FROM {index.WORDS}")
            for number, words in cursor.fetchall():
                plain = " ".join(word for word in words.split() if not word.startswith(MARK))
                cursor.execute(f"UPDATE {index.WORDS} SET words = %s WHERE rowid = %s", [plain, number])
        cursor.execute(f"ALTER TABLE {index.REQUESTS} ADD COLUMN made smallint NOT NULL DEFAULT 1")


def test_a_request_of_more_words_than_a_row_takes_is_found_by_the_parts_of_its_runs(ask):
    runs = ["-".join(f"{start + part:06x}" for part in range(500)) for start in range(0, 20_000, 500)]
    wanted = ask({"runs": runs, "last": "marmalade"}, by="maria")
    assert found("marmalade") == found("004e1f") == found("000000", person="maria") == [wanted]


@pytest.mark.skipif(chosen_servers.DATABASE != "postgresql", reason="FTS5 keeps no words of a row")
def test_the_words_of_a_usual_request_stand_beside_its_row_so_that_many_are_looked_through(ask):
    beside = f"SELECT pg_relation_size(reltoastrelid) FROM pg_class WHERE relname = '{index.REQUESTS}'"
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {index.REQUESTS}")  # what other tests left there
    ask({"text": " ".join(md5(b"%d" % number).hexdigest()[:16] for number in range(150))})
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_column_size(words) FROM {index.REQUESTS}")
        assert cursor.fetchone()[0] > 2_000  # from where on PostgreSQL would put them elsewhere
        cursor.execute(beside)
        assert cursor.fetchone() == (0,)


def test_pages_follow_one_another_newest_first(ask):
    ids = [ask({"word": "same", "n": number}) for number in range(5)]
    first = find(SearchQuery("same"), 2)
    second = find(SearchQuery("same"), 2, first.before)
    last = find(SearchQuery("same"), 2, second.before)
    assert [str(row.pk) for page in (first, second, last) for row in page.rows] == ids[::-1]
    assert (first.count, last.before) == (5, None)
    assert [str(row.pk) for batch in everything(SearchQuery("same")) for row in batch] == ids[::-1]


def test_a_pruned_text_is_not_found_any_more_and_its_end_is(ask):
    wanted = ask({"secret": "marmalade"}, by="maria", reason="fine")
    prune_bodies(timezone.now() + timedelta(days=2), 1)
    assert found("marmalade") == []
    assert found("maria fine") == [wanted]


def test_a_pruning_that_could_not_reach_the_index_still_hides_the_text(ask):
    ask({"secret": "marmalade"}, by="maria")
    ApprovalRecord.objects.update(context="", body_pruned_at=timezone.now())
    assert found("marmalade") == []
    assert index.complete() == 1
    assert len(found("maria")) == 1


def test_a_missing_index_never_keeps_the_record_from_being_written(ask, caplog):
    index.drop()
    wanted = ask({"word": "marmalade"}, by="maria")
    assert ApprovalRecord.objects.filter(pk=wanted, status="approved").exists()
    assert "search_index" in caplog.text
    with pytest.raises(NoIndex):
        find(SearchQuery("marmalade"), 25)
    out = StringIO()
    call_command("search_index", rebuild=True, stdout=out)
    assert out.getvalue() == "1 requests are in the index\n"
    assert found("marmalade maria") == [wanted]


def test_a_damaged_index_never_keeps_the_record_from_being_written_and_is_made_anew(ask):
    first = ask({"word": "marmalade"})
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"UPDATE {index.WORDS}_data SET block = x'ffffffffffffffffffff'")
        else:
            cursor.execute(f"ALTER TABLE {index.REQUESTS} DROP COLUMN words")
    connection.close()
    second = ask({"word": "marmalade"}, by="maria")
    with pytest.raises(NoIndex):
        find(SearchQuery("marmalade"), 25)
    call_command("search_index", rebuild=True, stdout=StringIO())
    assert found("marmalade") == [second, first]


def test_a_migration_brings_in_what_was_recorded_before_and_forgets_what_is_gone(ask):
    wanted = ask({"word": "marmalade"})
    gone = ask({"word": "marmalade"})
    index.drop()
    index.ensure()
    assert found("marmalade") == [gone, wanted]
    ApprovalRecord.objects.filter(pk=gone).delete()
    assert found("marmalade") == [wanted]
    index.ensure()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {index.REQUESTS}")
        assert cursor.fetchone() == (1,)


def test_what_an_interrupted_filling_left_out_is_brought_in_by_the_command(ask):
    ids = [ask({"n": number}) for number in range(3)]
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {index.REQUESTS}")
    out = StringIO()
    call_command("search_index", stdout=out)
    assert out.getvalue().startswith("3 requests were missing")
    assert found() == ids[::-1]


def test_requests_of_one_moment_have_numbers_of_their_own(ask):
    moment = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    ids = [f"00000000-0000-4000-8000-{place:03x}000000000" for place in range(20)]
    ApprovalRecord.objects.bulk_create(
        ApprovalRecord(
            request_id=request_id,
            agent_id="robot",
            approval_type="deploy",
            context='{"word": "same"}',
            digest="0" * 64,
            requested_at=moment,
            deadline_at=moment,
            timeout_seconds=1.0,
        )
        for request_id in ids
    )
    assert index.complete() == 20
    assert sorted(found("same")) == ids


def test_odd_text_is_recorded_and_found(ask):
    wanted = ask(
        {"\U0001f600 smile": "\u202eevil x", "long": "y" * 200_000, "deep": [[[["ground"]]]], "n": 10**400}
    )
    for query in ("smile", "evil", "y" * 300, "ground", "1" + "0" * 400):
        assert found(query) == [wanted]
