"""What people do with the requests that wait: whose approval is held, and to whom each was handed over."""

from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import (
    BooleanField,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    UUIDField,
    Value,
)
from django.db.models.functions import Cast

from core.history.approvals.policy import read_about
from core.models import DecisionIntent, HandOver, Preferences, Team
from core.values.approvals import HELD


class HandOverSummary(NamedTuple):
    """To whom a request was handed over, and by whom. `mine`: it was handed to who looks, or to people with them."""

    name: str
    giver: str
    mine: bool = False


class RequestStandings(NamedTuple):
    """By request. `keys`: whether one key alone does something on the pages of whoever looks."""

    held: dict[str, str]
    handed: dict[str, HandOverSummary]
    keys: bool = True


def standing_for(user: Any) -> RequestStandings:
    """As one person sees it; one query, with what they set for their pages. What has ended may be among it."""
    held, handed, keys = {}, {}, True
    for kind, request_id, name, giver, flag in read_about(user, _rows):
        if kind == "keys":
            keys = bool(flag)
        elif kind == "held":
            held[str(UUID(str(request_id)))] = name
        else:
            handed[str(UUID(str(request_id)))] = HandOverSummary(name, giver, bool(flag))
    return RequestStandings(held, handed, keys)


def _rows(user: Any) -> Any:
    in_team = Team.people.through.objects.filter(team=OuterRef("team"), user=user.pk)
    in_group = User.groups.through.objects.filter(group=OuterRef("group"), user=user.pk)
    mine = ExpressionWrapper(
        Q(person=user.pk) | Q(Exists(in_team)) | Q(Exists(in_group)), output_field=BooleanField()
    )
    no, nobody = Value(False, BooleanField()), Value("", CharField())
    nothing = Cast(Value(None), UUIDField())
    rows = [
        _row(
            DecisionIntent.objects.filter(outcome=HELD),
            "held",
            F("request_id"),
            F("user__username"),
            nobody,
            no,
        ),
        _row(HandOver.objects.filter(is_open=True), "handed", F("request_id"), F("name"), F("giver"), mine),
        _row(Preferences.objects.filter(person=user.pk), "keys", nothing, nobody, nobody, F("single_keys")),
    ]
    return rows[0].union(*rows[1:], all=True)


def _row(found: Any, kind: str, *columns: Any) -> Any:
    names = ("row_kind", "row_request", "row_name", "row_giver", "row_flag")
    said = dict(zip(names, (Value(kind, CharField()), *columns), strict=True))
    return found.order_by().annotate(**said).values_list(*names)
