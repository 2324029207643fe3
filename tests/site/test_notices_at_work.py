"""Notices by a real worker: it finds what is due by itself, and one that is killed tells nobody twice."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as site_settings
from django.utils import timezone

from core import ApprovalGate
from core.history.notices import sending
from core.history.notices.channels import set_address
from core.history.recorder.recorder import Recorder
from core.models import Notice, NoticeChannel, NoticeWish
from tests.receivers import Receiver, receiving
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
ROUND = "import django; django.setup(); from core.history.notices import sending; sending.tell_people()"
State = Notice.State

pytestmark = pytest.mark.django_db(transaction=True)

KILLED = [("notices.after_claim", 0), ("notices.after_send", 1)]  # where, and how many were sent by then


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def asked(clean_redis: str, make_user: Callable, receiver: Receiver) -> str:
    """A request that waits, of which somebody wants to hear at once; its id."""
    hook = NoticeChannel(name="hook", kind="webhook")
    set_address(hook, receiver.url, "a secret of 16 or more")
    hook.save()
    wish = NoticeWish.objects.create(person=make_user("ann", "approver"), after_seconds=0)
    wish.channels.add(hook)
    request = ApprovalGate(clean_redis, "builder").open_request("deploy", timeout=600)
    recorder = Recorder(clean_redis)
    while recorder.step():
        pass
    return request.request_id


@pytest.fixture
def run(
    clean_redis: str, this_database: str, tmp_path: Path, start_process: Callable[..., subprocess.Popen]
) -> Callable[..., subprocess.Popen]:
    """Start Python in the site's environment."""

    def start(*words: str, **environment: str) -> subprocess.Popen:
        env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "telemetry_site.settings",
            "TELEMETRY_DATA_DIR": str(tmp_path),
            "SECRET_KEY": site_settings.SECRET_KEY,
            "REDIS_URL": clean_redis,
            "TELEMETRY_SITE_REDIS_URL": "",
            "DATABASE_URL": this_database,
            "TELEMETRY_NOTICE_NETWORKS": "127.0.0.0/8",
            **environment,
        }
        return start_process([sys.executable, *words], env=env, cwd=ROOT)

    return start


def states() -> list[str]:
    return list(Notice.objects.values_list("state", flat=True))


@pytest.mark.long
def test_the_worker_finds_by_itself_what_is_due_and_tells_it(asked, run, receiver):
    worker = run("manage.py", "worker", "--burst")
    assert worker.wait(120) == 0
    assert [taken.said["requests"][0]["id"] for taken in receiver.taken] == [asked]
    assert states() == [State.SENT]


@pytest.mark.long
@pytest.mark.parametrize(("place", "reached"), KILLED)
def test_whoever_is_killed_around_the_sending_leaves_it_unknown_and_nobody_hears_it_twice(
    asked, run, receiver, place, reached
):
    killed = run("-c", ROUND, TELEMETRY_FAILPOINT=place, TELEMETRY_TESTING="1")
    assert killed.wait(120) == -signal.SIGKILL
    assert (states(), len(receiver.taken)) == ([State.CLAIMED], reached)
    # The next round leaves it alone while it may still come back, and then says that nobody knows.
    assert sending.tell_people() == {}
    Notice.objects.update(claimed_at=timezone.now() - sending.ABANDONED - timedelta(seconds=1))
    assert sending.tell_people() == {State.UNKNOWN: 1}
    assert len(receiver.taken) == reached


@pytest.mark.long
def test_whoever_is_killed_while_the_receiver_thinks_leaves_it_unknown(asked, run, receiver):
    receiver.answer = lambda _handler: wait_until(lambda: False, "never", 20)
    process = run("-c", ROUND, TELEMETRY_NOTICE_SECONDS="60")
    wait_until(lambda: receiver.taken, "it is being sent")
    process.kill()
    process.wait()
    Notice.objects.update(claimed_at=timezone.now() - sending.ABANDONED - timedelta(seconds=1))
    assert sending.tell_people() == {State.UNKNOWN: 1}
    assert len(receiver.taken) == 1


@pytest.mark.long
def test_four_processes_at_once_tell_a_hundred_requests_once_each(asked, run, receiver, clean_redis):
    gate, recorder = ApprovalGate(clean_redis, "builder"), Recorder(clean_redis)
    ids = {asked, *(gate.open_request("deploy", timeout=600).request_id for _ in range(99))}
    while recorder.step():
        pass
    for process in [run("-c", ROUND) for _ in range(4)]:
        assert process.wait(120) == 0
    told = [one["id"] for taken in receiver.taken for one in taken.said["requests"]]
    assert sorted(told) == sorted(ids)
    assert set(states()) == {State.SENT}
