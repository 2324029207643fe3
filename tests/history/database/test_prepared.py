"""Statements that are put together once say, with other values each time, what Django's own would."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User

from core.history.database.prepared import Query, Update
from core.models import DecisionIntent

NOON = datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC)


def _intent(user: User, reason: str, at: datetime) -> DecisionIntent:
    about = {"request_id": uuid4(), "approved": True, "reason": reason, "digest": "0" * 64}
    return DecisionIntent.objects.create(decision_id=uuid4(), user=user, not_after=at, created_at=at, **about)


@pytest.mark.django_db
def test_each_time_they_are_asked_about_the_values_of_that_time() -> None:
    mara = User.objects.create_user("mara")
    early, late = _intent(mara, "100% %s ? '", NOON), _intent(mara, "", NOON + timedelta(days=1))
    since = Query(
        lambda at, reason: (
            DecisionIntent.objects.filter(created_at__gt=at).exclude(reason=reason).order_by("pk")
        ),
        datetime,
        str,
    )
    rows = Query(
        lambda pk: DecisionIntent.objects.filter(pk=pk).values_list("pk", "created_at", "accepted_at"), UUID
    )
    note = Update(lambda pk, at: (DecisionIntent.objects.filter(pk=pk), {"accepted_at": at}), UUID, datetime)

    for intent in (early, late):
        assert rows.rows(intent.pk) == [(intent.pk, intent.created_at, None)]
        assert note.run(intent.pk, NOON) == 1
        assert rows.rows(intent.pk) == [(intent.pk, intent.created_at, NOON)]
    assert note.run(uuid4(), NOON) == 0

    found = since.one(NOON - timedelta(hours=1), "")
    assert (found, found.reason, found.created_at, found.user) == (early, early.reason, NOON, mara)
    assert since.one(NOON, "") is None
    assert since.exists(NOON, "something else")
    assert not since.exists(NOON, "")


@pytest.mark.django_db
def test_a_value_that_stands_nowhere_in_one_is_refused() -> None:
    with pytest.raises(ValueError, match="not every value stands in this statement"):
        Query(lambda _pk: DecisionIntent.objects.all(), UUID).exists(uuid4())
