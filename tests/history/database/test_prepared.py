"""Statements that are put together once say, with other values each time, what Django's own would."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, transaction

from core.history.database.prepared import Insert, Query, Save, Update
from core.models import Cursor, DecisionIntent

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


@pytest.mark.django_db
def test_any_count_of_several_values_is_asked_about(django_assert_num_queries) -> None:
    mara = User.objects.create_user("mara")
    made = [_intent(mara, str(number), NOON) for number in range(5)]
    several = Query(lambda ids: DecisionIntent.objects.select_related("user").filter(pk__in=ids), [UUID])
    change = Update(
        lambda ids, others, reason: (
            DecisionIntent.objects.filter(pk__in=ids).exclude(pk__in=others),
            {"reason": reason},
        ),
        [UUID],
        [UUID],
        str,
    )

    for most in range(1, len(made) + 1):
        wanted = made[:most]
        with django_assert_num_queries(1):
            found = several.objects([intent.pk for intent in wanted])
            assert {(intent.pk, intent.reason, intent.user) for intent in found} == {
                (intent.pk, intent.reason, mara) for intent in wanted
            }
    ids = [intent.pk for intent in made]
    assert change.run(ids[:3], [], "all") == 3
    assert change.run(ids, ids[1:], "one") == 1
    assert sorted(intent.reason for intent in several.objects(ids)) == ["3", "4", "all", "all", "one"]


@pytest.mark.django_db
def test_rows_are_written_as_django_writes_them() -> None:
    made = [Cursor(name=f"place {number}", position=f"{number}-0") for number in range(3)]
    Insert(Cursor).run(made)
    found = list(Cursor.objects.order_by("name"))
    assert [(one.name, one.installation, one.position, one.updated_at) for one in found] == [
        (one.name, "", one.position, one.updated_at) for one in made
    ]
    made[0].position, made[0].installation, before = "9-9", "not said to be written", made[0].updated_at
    Save(Cursor, "position", "updated_at").run(made[0])
    first = Cursor.objects.get(name="place 0")
    assert (first.position, first.installation) == ("9-9", "")
    assert first.updated_at == made[0].updated_at > before

    with pytest.raises(IntegrityError), transaction.atomic():
        Insert(Cursor).run([made[1]])
    with pytest.raises(DatabaseError, match="is gone"), transaction.atomic():
        Save(Cursor, "position").run(Cursor(name="nobody's"))
