"""The small sender: one limit, no redirect, the head of the answer alone, and no address that is not allowed."""

import ipaddress
import socket
import threading

import pytest

from core.history.notices import addresses
from core.history.notices.addresses import SendRefused
from core.history.notices.post import DeliveryUnknown, NotSent, post
from tests.receivers import drip, flood, nobody_listens, status

pytestmark = pytest.mark.anywhere

SOON = 0.4  # a limit that a test waits out


def send(url: str, seconds: float = 20.0) -> None:
    post(url, b"{}", {"Content-Type": "application/json"}, seconds)


def test_a_receiver_gets_the_bytes_and_the_headers(receiver):
    post(receiver.url, "{“}".encode(), {"X-One": "two"}, 20.0)
    [taken] = receiver.taken
    assert (taken.path, taken.body, taken.headers["X-One"]) == ("/hook", "{“}".encode(), "two")


@pytest.mark.parametrize("answer", [drip, lambda handler: threading.Event().wait(20)], ids=["drips", "hangs"])
def test_whoever_is_too_slow_is_left_when_the_time_is_over_and_nobody_knows_whether_it_was_taken(
    receiver, answer
):
    receiver.answer = answer
    with pytest.raises(DeliveryUnknown, match="no answer in time"):
        send(receiver.url, SOON)
    assert len(receiver.taken) == 1


def test_of_an_answer_without_an_end_the_head_is_enough(receiver):
    receiver.answer = flood
    send(receiver.url)


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver, code):
    receiver.answer = status(code, Location=receiver.url.replace("hook", "inside"))
    with pytest.raises(SendRefused, match="redirect"):
        send(receiver.url)
    assert [taken.path for taken in receiver.taken] == ["/hook"]


@pytest.mark.parametrize(
    ("code", "error"), [(400, SendRefused), (404, SendRefused), (429, NotSent), (503, NotSent)]
)
def test_what_was_not_taken_is_tried_again_where_that_may_help(receiver, code, error):
    receiver.answer = status(code)
    with pytest.raises(error, match=str(code)):
        send(receiver.url)


def test_where_nobody_listens_nothing_was_sent():
    with pytest.raises(NotSent, match="cannot be reached"):
        send(nobody_listens())


def test_a_host_that_is_not_found_may_be_found_later():
    with pytest.raises(NotSent, match="not found"):
        send("http://no-such-host.invalid/", 20)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "10.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "2130706433",
        "[::1]",
        "[fd00::1]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        *(
            "[::127.0.0.1]",
            "[::ffff:0:127.0.0.1]",
            "[64:ff9b:1::7f00:1]",
            "[fec0::1]",
            "[2001:db8::5efe:7f00:1]",
        ),
        *("[2600::5efe:a9fe:a9fe]", "[2600::200:5efe:a00:1]", "0x7f.1", "0177.0.0.1", "127.1"),
    ],
)
def test_nothing_is_sent_into_a_private_network_that_no_setting_names(settings, monkeypatch, host):
    settings.TELEMETRY_NOTICE_NETWORKS = []
    monkeypatch.setattr(socket.socket, "connect", lambda *_place: pytest.fail("it connects"))
    with pytest.raises(SendRefused, match="TELEMETRY_NOTICE_NETWORKS"):
        send(f"https://{host}/")


def test_a_name_with_one_private_address_among_others_is_refused(settings, monkeypatch):
    settings.TELEMETRY_NOTICE_NETWORKS = []
    found = [(socket.AF_INET, 1, 6, "", (address, 443)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_asked, **_options: found)
    with pytest.raises(SendRefused, match="private"):
        send("https://mixed.example/")


def test_a_name_is_looked_up_once_and_that_address_is_connected_to(receiver, monkeypatch):
    asked = []

    def changing(host, port, **_options):
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1" if len(asked) == 1 else "10.0.0.1", port))]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", changing)
    send(receiver.url.replace("127.0.0.1", "rebinding.example"))
    assert asked == ["rebinding.example"]
    assert receiver.taken[0].headers["Host"].startswith("rebinding.example:")


def test_looking_up_a_host_is_within_the_limit_too(monkeypatch):
    released = threading.Event()

    def slow(*_asked, **_options):
        released.wait(20)
        return []

    monkeypatch.setattr(addresses.socket, "getaddrinfo", slow)
    with pytest.raises(NotSent, match="in time"):
        send("https://slow.example/", SOON)
    released.set()


def test_plain_http_is_for_networks_that_a_setting_names(settings, monkeypatch):
    found = [(socket.AF_INET, 1, 6, "", ("93.184.216.34", 80))]
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_asked, **_options: found)
    monkeypatch.setattr(socket.socket, "connect", lambda *_place: pytest.fail("it connects"))
    with pytest.raises(SendRefused, match="use https"):
        send("http://plain.example/")


def test_a_server_that_speaks_no_tls_gets_nothing(receiver):
    with pytest.raises(NotSent):
        send(receiver.url.replace("http:", "https:"), 20)
    assert receiver.taken == []


def test_a_server_that_never_finishes_its_handshake_is_left(settings):
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NotSent):
        send(f"https://127.0.0.1:{silent.getsockname()[1]}/", SOON)


@pytest.mark.parametrize(
    "url",
    ["", "ftp://a.example/", "https://", "https://name:word@a.example/", "https://a.example/a b", "https://a.example/\n",
     "https://a.example:x/", "file:///etc/passwd", "https://a.example/ü"],
)  # fmt: skip
def test_what_is_no_address_of_the_web_is_refused(url):
    with pytest.raises(SendRefused):
        send(url)


def test_a_network_that_a_setting_names_lets_in_nothing_beside_it(settings):
    settings.TELEMETRY_NOTICE_NETWORKS = [ipaddress.ip_network("10.20.0.0/16")]
    assert addresses._is_named("10.20.3.4")
    assert not addresses._is_named("10.21.0.1")
    assert not addresses._is_named("::1")


def test_this_machine_by_its_ipv6_name_is_a_network_that_a_setting_can_name(settings):
    settings.TELEMETRY_NOTICE_NETWORKS = [ipaddress.ip_network("::1/128")]
    assert addresses.resolve("::1", 443, 5).is_named
