"""What the recorder tells others of itself, about once a second. Telling never stops recording."""

import logging
import os
import socket
import time

from django.db import Error

from core.errors import StoreUnavailable
from core.history.approvals import alarms
from core.models import SetAsideEntry
from core.store import recorder as recorder_state
from core.store.client import Store
from core.values.json import storable

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0


class Heartbeat:
    """The heartbeat of one recorder; core/store/recorder.py reads it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._instance = f"{socket.gethostname()}:{os.getpid()}"
        self._beat_at = float("-inf")
        self._recorded = self._replaced = False
        self._trouble = self._untold = ""
        self._set_aside = self._alarms = self.unanswerable = 0

    def went_well(self, count: int) -> None:
        """A round went by and recorded so many entries."""
        self._recorded = self._recorded or count > 0
        was_troubled, self._trouble = bool(self._trouble), ""
        if was_troubled or time.monotonic() - self._beat_at >= BEAT_SECONDS:
            self._beat()

    def went_wrong(self, error: Exception) -> None:
        """Nothing can be recorded now."""
        trouble = storable(f"{type(error).__name__}: {error}")
        if trouble != self._trouble:
            self._untold = trouble
        self._trouble = trouble
        self._beat()

    def redis_was_replaced(self) -> None:
        """The data in Redis is not the one that was known."""
        self._replaced = True
        self._beat_at = float("-inf")

    def _beat(self) -> None:
        self._count()
        try:
            self._store.run(
                recorder_state.sign(
                    self._store.keys,
                    self._instance,
                    recorded=self._recorded,
                    trouble=self._trouble,
                    replaced=self._replaced,
                    set_aside=self._set_aside,
                    error=self._untold,
                    alarms=self._alarms,
                    unanswerable=self.unanswerable,
                )
            )
        except StoreUnavailable as error:
            logger.debug("the recorder's heartbeat was not stored: %s", error)
            return
        self._beat_at = time.monotonic()
        self._recorded = self._replaced = False
        self._untold = ""

    def _count(self) -> None:
        try:
            self._alarms = alarms.count_recent()
            self._set_aside = SetAsideEntry.worrying().count()
        except Error as error:
            logger.debug("set aside entries and alarms were not counted: %s", error)
