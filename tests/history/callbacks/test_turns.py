"""Whose ends are told first: a receiver with many that wait keeps nobody else's from going out."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from core.history.callbacks import sending
from core.models import Callback

pytestmark = pytest.mark.django_db


def due(host: str, count: int, minutes: int) -> None:
    now = timezone.now()
    new = {"state": Callback.State.DUE, "decided_at": now, "next_at": now - timedelta(minutes=minutes)}
    Callback.objects.bulk_create(
        Callback(id=uuid.uuid4(), request_id=uuid.uuid4(), host=host, **new) for _ in range(count)
    )


def test_each_hosts_first_goes_out_before_any_hosts_second_and_of_none_more_than_a_hundred():
    due("slow.example.org", sending.OF_A_ROUND + 100, 60)
    due("quick.example.org", 2, 1)
    hosts = [row.host for row in sending._due()]
    assert hosts[:4] == ["slow.example.org", "quick.example.org"] * 2
    assert len(hosts) == 2 + sending.OF_A_HOST
