"""Entries of the outbox while one of two recorders is killed 20 times: each is recorded once, in order."""

import pytest

from tests.faults.site.stand import stand
from tests.faults.streams import entries_under_kills

ENTRIES, KILLS = 3_000, 20


@pytest.mark.long
def test_twenty_kills_and_a_standby_lose_no_entry_and_double_none(database_server):
    with stand(database_server) as site:
        verdict = entries_under_kills(site, ENTRIES, KILLS)
    assert verdict["violations"] == []
    assert verdict["audit"] == verdict["entries"] == ENTRIES
