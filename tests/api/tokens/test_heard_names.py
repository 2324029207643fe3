"""A name that was heard without a token gets one only where an administrator says that it is the same agent."""

from uuid import uuid4

import pytest
from django.utils import timezone

from core.history.people import tokens
from core.history.people.tokens import HeardElsewhere, TokenSpec
from core.history.recorder.recorder import Recorder
from core.models import AgentOwner, AgentRun, AgentToken, AuditEntry

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
WANTED = TokenSpec("my laptop", "deployer", False, ("ask",), 30)


@pytest.fixture
def heard(gate_of, clean_redis):
    """The agent asked over Redis."""
    gate_of("deployer").open_request("deploy")
    recorder = Recorder(clean_redis)
    while recorder.step():
        pass


@pytest.mark.parametrize("wanted", [WANTED, WANTED._replace(agent="dep", is_prefix=True)])
def test_only_an_administrator_who_says_so_binds_it(heard, owner, make_user, wanted):
    olga = make_user("olga", "approver")
    AgentOwner.objects.create(agent="dep", is_prefix=True, person=olga)
    for person, binds in ((olga, False), (olga, True), (owner, False)):
        with pytest.raises(HeardElsewhere, match="deployer"):
            tokens.make(person, wanted._replace(binds=binds))
    assert not AgentToken.objects.exists()
    tokens.make(owner, wanted._replace(binds=True))
    assert "binds" in AuditEntry.objects.get(kind="token.made").details
    tokens.make(olga, wanted)  # since then it is bound


def test_names_that_nobody_heard_need_nothing(heard, owner):
    tokens.make(owner, WANTED._replace(agent="deploy"))
    tokens.make(owner, WANTED._replace(agent="Dep", is_prefix=True))
    assert AgentToken.objects.count() == 2


def test_one_among_very_many_that_are_bound_is_seen(owner):
    now = timezone.now()
    names = [f"job-{number:04}" for number in range(1_001)]
    AgentRun.objects.bulk_create(
        AgentRun(run_id=uuid4(), agent_id=name, instance_id="one", started_at=now) for name in names
    )
    terms = {"scopes": "ask", "owner": owner, "created_at": now, "expires_at": now}
    AgentToken.objects.bulk_create(AgentToken(agent=name, digest=name, **terms) for name in names[:-1])
    with pytest.raises(HeardElsewhere, match=names[-1]):
        tokens.make(owner, WANTED._replace(agent="job-", is_prefix=True))
