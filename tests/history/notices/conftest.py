"""What tests of notices share: receivers, a channel to one, somebody who wants to hear, and requests of any age."""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from core.history.notices.channels import set_address
from core.models import ApprovalRecord, NoticeChannel, NoticeWish
from core.store.keys import Keys
from tests.receivers import MailServer, Receiver, receiving, taking_mail
from tests.servers import client_of

CANARY = "canary-7c1e-never-told"


@pytest.fixture(autouse=True)
def this_machine_may_be_reached(settings) -> None:
    settings.TELEMETRY_NOTICE_NETWORKS = [ipaddress.ip_network("127.0.0.0/8")]
    links = settings.TELEMETRY_LINKS.items()
    site = settings.TELEMETRY_SITE_URL
    settings.TELEMETRY_LINKS = {
        name: link.replace(site, "https://telemetry.example.org") for name, link in links
    }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def mail_server(settings) -> Iterator[MailServer]:
    with taking_mail() as found:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", found.port
        yield found


@pytest.fixture
def channel(db) -> Callable[..., NoticeChannel]:
    def make(
        kind: str, address: str = "", secret: str = "a secret of 16 or more", name: str = ""
    ) -> NoticeChannel:
        made = NoticeChannel(name=name or f"{kind} {uuid4()}", kind=kind)
        set_address(made, address, secret)
        made.save()
        return made

    return make


@pytest.fixture
def wish(db) -> Callable[..., NoticeWish]:
    def make(person, *channels: NoticeChannel, **said) -> NoticeWish:
        made = NoticeWish.objects.create(person=person, **{"after_seconds": 60, "remind_seconds": 0, **said})
        made.channels.set(channels)
        return made

    return make


@pytest.fixture
def pending(db, clean_redis: str) -> Iterator[Callable[..., ApprovalRecord]]:
    """A request that was asked so many seconds ago and waits, by the record and by Redis."""
    queue = Keys().approvals_pending

    def make(
        kind: str = "deploy", agent: str = "builder", *, ago: float = 120, left: float = 600
    ) -> ApprovalRecord:
        now = timezone.now()
        request_id = uuid4()
        redis.zadd(queue, {str(request_id): (now + timedelta(seconds=left)).timestamp() * 1000})
        return ApprovalRecord.objects.create(
            request_id=request_id,
            agent_id=agent,
            approval_type=kind,
            context=f'{{"secret": "{CANARY}"}}',
            digest="0" * 64,
            requested_at=now - timedelta(seconds=ago),
            deadline_at=now + timedelta(seconds=left),
            timeout_seconds=ago + left,
        )

    with client_of(clean_redis) as redis:
        yield make
