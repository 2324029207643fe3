"""In whose names instances ask: each in its own, however long its maker's words are."""

import uuid

import pytest
from django.utils import timezone

from core.history.people import tokens
from core.history.people.tokens import TokenSpec
from core.history.protocol import instances
from core.models import AgentOwner, AgentToken, ProtocolInstance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("length", [1, 100, 240])
def test_two_of_one_long_name_are_two(maria, length):
    AgentOwner.objects.create(agent="p", is_prefix=True, person=maria)
    maker, _secret = tokens.make(maria, TokenSpec("maker", "p" * length, True, (tokens.PROVISION,), 1))
    bearer = tokens.Bearer(maker.pk, maker.agent, True, frozenset({tokens.PROVISION}), maker.expires_at)
    for key in ("one", "two"):
        row, mine = instances.begin(maker.pk, "create", key, "d")
        assert mine
        instances.make(bearer, row, uuid.uuid4(), instances.InstanceChange("n" * 200, None))
    names = set(ProtocolInstance.objects.values_list("agent", flat=True))
    assert len(names) == 2
    assert all(name.startswith("p" * length) and len(name) <= 255 for name in names)
    assert AgentToken.objects.filter(expires_at__gt=timezone.now()).count() == 3
