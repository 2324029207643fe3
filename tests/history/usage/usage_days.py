"""What the tests of touched days share."""

from collections.abc import Callable

from core.models import Cursor
from tests.waiting import wait_until


def settle(record: Callable[[], object]) -> None:
    """Record by hand until the totals of every touched day are made anew."""

    def settled() -> bool:
        record()
        return not Cursor.objects.filter(name__startswith=Cursor.TOUCHED).exists()

    wait_until(settled, "the touched days are made anew")
