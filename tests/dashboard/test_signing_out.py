"""Signing out works whatever else does not."""

import signal

import pytest
from django.test import Client, override_settings

from core.store import embedded
from telemetry_site.layers import channel_layers

pytestmark = pytest.mark.django_db(transaction=True)


def test_signing_out_works_while_redis_hangs(make_user, tmp_path):
    client = Client()
    client.force_login(make_user("maria", "approver"))
    server = embedded.start(tmp_path, durable=False)
    with override_settings(REDIS_URL=server.url, CHANNEL_LAYERS=channel_layers(server.url, "telemetry")):
        server.process.send_signal(signal.SIGSTOP)
        assert client.post("/sign-out/").status_code == 302
        assert "_auth_user_id" not in client.session
    server.process.send_signal(signal.SIGCONT)
    server.stop()
