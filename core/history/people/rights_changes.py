"""A change of rights is told to all web processes around its commit, so that nothing is shown by rights of before.

Redis hears of it before the commit and after it: in between every page is told nothing. Where Redis is away, no
page is told anything either; plain SQL is noticed by the look at rights, every four seconds.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.dispatch import Signal

from core.errors import StoreUnavailable
from core.store import rights
from core.store.client import open_store

logger = logging.getLogger(__name__)

changed = Signal()  # after a commit that changed what somebody may do, once Redis was told of it


def changing() -> None:
    """In the transaction that changes what somebody may do; once is enough, and more does no harm."""
    connection = transaction.get_connection()
    if any(isinstance(one[1], _Settle) for one in connection.run_on_commit):
        return
    token = _begin()
    if token:
        transaction.on_commit(_Settle(token))
        transaction.on_commit(_tell)


def _tell() -> None:
    changed.send(sender=None)


@contextmanager
def change() -> Iterator[None]:
    """Around a change that is no transaction of its own, such as the end of a session."""
    token = _begin()
    try:
        yield
    finally:
        if token:
            _Settle(token)()


class _Settle:
    """On Django's list of what to do after the commit. After a rollback the mark ends by itself."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self) -> None:
        try:
            rights.settle(open_store(), self._token)
        except StoreUnavailable as error:
            logger.warning("a change of rights was not told to Redis: %s", error)


def _begin() -> str:
    try:
        store = open_store()
    except StoreUnavailable:
        return ""  # no Redis runs at all, as at the first `migrate`, so no page is open
    try:
        return rights.begin(store)
    except StoreUnavailable as error:
        logger.warning("a change of rights is not told to Redis: %s", error)
        return ""
