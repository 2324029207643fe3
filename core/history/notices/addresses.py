"""Where a notice may be sent: a name is resolved once, every address of it is looked at, and that is connected to.

So a name that answers differently the second time changes nothing, and no notice reaches into the network of the
site, its cloud's metadata or this machine, unless a setting names that network.
"""

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

Result = TypeVar("Result")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The last 32 bits are the address that is reached: NAT64, IPv4-translated, and the first form, which is given up.
WRAPS_IPV4 = [ipaddress.ip_network(said) for said in ("64:ff9b::/96", "::ffff:0:0:0/96", "::/96")]
# Private by their own documents (RFC 8215, RFC 3879), and global to `ipaddress` of some versions.
OF_ONE_SITE = [ipaddress.ip_network(said) for said in ("64:ff9b:1::/48", "fec0::/10")]
ISATAP = 0x0000_5EFE  # before the last 32 bits, with or without the bit for a global address


class SendRefused(Exception):
    """Nothing is sent there, now or later; the message is a sentence for people, and names no secret."""


class NotResolved(Exception):
    """The name leads nowhere now."""


class Target(NamedTuple):
    """One place to connect to. `is_named`: a setting names its network."""

    family: int
    place: Any
    is_named: bool


def parsed(url: str) -> SplitResult:
    """Its parts. SendRefused for what is no `https` or `http` address with a host, or has a name in it."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise SendRefused("this is no address of the web") from error
    if parts.scheme not in ("https", "http") or not host or parts.username is not None:
        raise SendRefused(
            "an address begins with https:// and a host, without a name and a password before it"
        )
    if not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
        raise SendRefused("an address is ASCII, without spaces and control characters")
    return parts


def may_be_plain() -> bool:
    """Whether any network is named, to which plain `http` goes; which one, is seen when the host is looked up."""
    return bool(settings.TELEMETRY_NOTICE_NETWORKS)


def resolve(host: str, port: int, seconds: float) -> Target:
    """Where to connect to. SendRefused where any address is not allowed; NotResolved within `seconds`."""
    found = _resolved(host, port, seconds)
    targets = [Target(family, place, _is_named(str(place[0]))) for family, place in found]
    if not targets:
        raise NotResolved("its host has no address")
    if any(not target.is_named and _is_private(str(target.place[0])) for target in targets):
        raise SendRefused("its host is in a private network, which TELEMETRY_NOTICE_NETWORKS does not name")
    return targets[0]


def _resolved(host: str, port: int, seconds: float) -> list[tuple[int, Any]]:
    try:
        found = within(seconds, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except TimeoutError:
        raise NotResolved("its host was not found in time") from None
    except (OSError, UnicodeError) as error:
        raise NotResolved("its host was not found") from error
    return [(int(one[0]), one[4]) for one in found]


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """What it returns or raises, of work that knows no limit of its own; TimeoutError: its thread is left behind."""
    done: Future[Result] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:
            done.set_exception(error)

    threading.Thread(target=run, name="within", daemon=True).start()
    return done.result(max(0.0, seconds))


def _is_private(said: str) -> bool:
    return not all(
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in OF_ONE_SITE)
        for address in _meant(_address(said))
    )


def _is_named(said: str) -> bool:
    networks = settings.TELEMETRY_NOTICE_NETWORKS
    return all(
        any(address in network for network in networks if network.version == address.version)
        for address in _meant(_address(said))
    )


def _address(said: str) -> Address:
    return ipaddress.ip_address(said.partition("%")[0])


def _meant(address: Address) -> Iterable[Address]:
    """The address, or those of IPv4 that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if int(address) < 1 << 24:  # :: and ::1 mean themselves
        return [address]
    inside = [address.sixtofour, *(address.teredo or ())]
    is_isatap = (int(address) >> 32) & 0xFDFF_FFFF == ISATAP
    if is_isatap or any(address in network for network in WRAPS_IPV4):
        inside.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return [address, *(one for one in inside if one is not None)]
