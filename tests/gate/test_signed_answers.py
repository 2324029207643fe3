"""With the site's public key set, a gate takes no yes that is not signed for what it asked, whichever way it came."""

import asyncio

import pytest

from core import AsyncGate
from core.history.approvals import decisions, signing
from core.store import approvals
from core.store.client import open_store
from core.values.signature import public_key_text
from tests.waiting import PATIENCE, beside

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]


@pytest.fixture(autouse=True)
def agents_have_the_key(settings, tmp_path):
    settings.TELEMETRY_DECISION_KEY_FILE = tmp_path / "decision-key.pem"
    settings.TELEMETRY_DECISION_KEY = public_key_text(signing.keyring().public)


def ask_awaited(way):
    async def ask():
        async with AsyncGate(**way) as gate:
            return await gate.ask("deploy", {"version": "4.2"}, timeout=PATIENCE)

    return asyncio.run(ask())


@pytest.mark.parametrize("awaited", [False, True])
def test_a_yes_of_the_site_is_verified_and_a_yes_in_redis_alone_is_none(
    gate, way, people, asked, make_user, clean_redis, awaited
):
    maria, store = make_user("maria", "approver"), open_store(clean_redis)
    for signed in (True, False):
        answer = beside(
            lambda: ask_awaited(way) if awaited else gate.ask("deploy", {"version": "4.2"}, timeout=PATIENCE)
        )
        request_id = asked().request_id
        digest = approvals.read_record(store, request_id).digest
        if signed:
            decisions.decide(store, maria, request_id, approved=True, reason="ok", digest=digest)
        else:
            people.decide(request_id, True, "mallory")
        said = answer.result(PATIENCE)
        assert (said.approved, said.verified) == (signed, signed)
        assert said.status == ("approved" if signed else "unavailable")
