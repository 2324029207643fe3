"""Whatever a browser says on a socket has no meaning: the process goes on, and others hear what they should."""

import json
import random

import pytest
from websockets.exceptions import ConnectionClosed

from tests.dashboard.live.frames import next_frame, next_partial

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]

SAID = [
    *(
        "",
        "null",
        "[]",
        '{"type":"session.ended"}',
        '{"type":"websocket.close","code":1000}',
        "ping",
        "\x00",
        "💥",
    ),
    *('{"type":"decide","approved":true}', "[" * 5_000, '{"a":' * 2_000, "x" * 60_000, "\u202e<script>"),
]
BYTES = [b"", b"\x00" * 9, b"\xff\xfe", b"\x16\x03\x01", b"x" * 60_000]
CLOSED = [b"x" * 70_000, "x" * 70_000]  # more than the server takes


def frame(chance: random.Random) -> str | bytes:
    kind = chance.random()
    if kind < 0.3:
        return chance.choice(SAID)
    if kind < 0.4:
        return chance.choice(BYTES)
    if kind < 0.42:
        return chance.choice(CLOSED)
    if kind < 0.7:
        return chance.randbytes(chance.randrange(200))
    return json.dumps(
        {"type": chance.choice(SAID[:6]), "id": "".join(chr(chance.randrange(1, 0xD7FF)) for _ in range(9))}
    )


@pytest.mark.parametrize(
    "count", [pytest.param(50, id="50"), pytest.param(5_000, id="5,000", marks=pytest.mark.long)]
)
def test_no_frame_ends_the_process_or_keeps_news_from_others(gate, signed_in, open_socket, count):
    client, chance = signed_in("viewer"), random.Random(10)
    bystander = open_socket(signed_in("approver"))
    next_partial(bystander, "live")
    said = 0
    while said < count:
        socket = open_socket(client)
        try:
            for _ in range(min(100, count - said)):
                said += 1
                parts = frame(chance)
                socket.send([parts[:3], parts[3:]] if chance.random() < 0.1 else parts)
        except ConnectionClosed:
            pass  # it said too much at once
        finally:
            socket.close()
    request = gate.open_request("deploy")
    next_frame(bystander, lambda told: request.request_id in told, "the new request")
    assert gate.get_request(request.request_id).status == "pending"
