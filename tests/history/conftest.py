"""What the tests of the record share: a gate, a recorder that steps by hand, and people."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from core import ApprovalGate
from core.history.approvals import decisions, signing
from core.history.recorder.recorder import Recorder
from core.values.signature import public_key_text
from tests.live_record import live_record
from tests.memory_disk import memory_folder


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data directory for a site of its own; on a busy disk its migrations alone could take a minute."""
    with memory_folder("site-") as folder:
        yield folder


@pytest.fixture
def record(clean_redis: str, transactional_db: None) -> Callable[[], int]:
    """Record everything that waits in the outbox, now, and say how many entries that were."""
    by_hand = Recorder(clean_redis)

    def until_nothing_is_left() -> int:
        total = 0
        while count := by_hand.step():
            total += count
        return total

    return until_nothing_is_left


@pytest.fixture
def repair(clean_redis: str, transactional_db: None) -> Callable[[], None]:
    """A recorder that starts anew, repairs and records everything."""

    def until_nothing_is_left() -> None:
        recorder = Recorder(clean_redis)
        recorder.step()
        while recorder._repair.due or recorder.step():
            recorder.step()

    return until_nothing_is_left


@pytest.fixture
def maria(make_user: Callable[..., User], transactional_db: None) -> User:
    return make_user("maria", "approver")


@pytest.fixture
def own_key(settings: Any, tmp_path: Path) -> None:
    """A key of this test's own signs decisions."""
    settings.TELEMETRY_DECISION_KEY_FILE = tmp_path / "decision-key.pem"


@pytest.fixture
def agents_have_the_key(own_key: None, settings: Any) -> None:
    """Agents hold its public half."""
    settings.TELEMETRY_DECISION_KEY = public_key_text(signing.keyring().public)


@pytest.fixture
def checkpoints(settings: Any, tmp_path: Path) -> None:
    """The record has a file of checkpoints of this test's own."""
    settings.TELEMETRY_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"


@pytest.fixture
def auditor(make_user: Callable[..., User], client: Client) -> Client:
    """A client of somebody who reads the record."""
    client.force_login(make_user("the auditor", "auditor", is_staff=True))
    return client


@pytest.fixture
def decide(gate: ApprovalGate) -> Callable[..., Any]:
    """Decide as the site does: `decide(user, request_id, approved=False)`."""

    def as_the_site(user: User, request_id: str, *, approved: bool = True, digest: str | None = None):
        if digest is None:
            digest = live_record(gate, request_id).digest
        return decisions.decide(
            gate._store, user, request_id, approved=approved, reason="because", digest=digest
        )

    return as_the_site


@pytest.fixture
def running(quick_to_end: None) -> Iterator[Callable[[Recorder], threading.Event]]:
    """Runs recorders in threads until the test ends: `running(recorder)` returns its stop switch."""
    started: list[tuple[threading.Event, threading.Thread]] = []

    def run(recorder: Recorder) -> threading.Event:
        stop = threading.Event()

        def work() -> None:
            try:
                recorder.run(stop)
            finally:
                connections.close_all()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        started.append((stop, thread))
        return stop

    yield run
    for stop, _thread in started:
        stop.set()
    for _stop, thread in started:
        thread.join(60)
        assert not thread.is_alive()


@pytest.fixture
def recorder_process(clean_redis, this_database, tmp_path, start_process):
    """Starts `manage.py recorder` on the database of this test, as often as asked."""
    settled = {"TELEMETRY_DATA_DIR": str(tmp_path), "REDIS_URL": clean_redis, "DATABASE_URL": this_database}
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "recorder"]
    environment = {**os.environ, **settled}
    return lambda **more: start_process(command, env=environment | more, stderr=subprocess.DEVNULL)


@pytest.fixture
def restore(raw):
    """Copies of keys, put back later: `back = restore(key, ...)` now, `back()` later."""

    def remember(*keys):
        copies = {key: raw.execute_command("DUMP", key, NEVER_DECODE=True) for key in keys}

        def back():
            for key, copy in copies.items():
                raw.delete(key)
                if copy is not None:
                    raw.restore(key, 0, copy)

        return back

    return remember
