"""Addresses and networks in settings."""

import ipaddress
from urllib.parse import urlsplit

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ANY_HOST = ("127.0.0.1", "0.0.0.0", "::1", "::")


def networks(said: str, default: list[str]) -> list[Network]:
    """Addresses and networks with commas between them; ValueError for what is none."""
    words = [word.strip() for word in said.split(",") if word.strip()]
    return [ipaddress.ip_network(word, strict=False) for word in words or default]


def site_url(said: str, hosts: list[str], host: str, port: int, *, https: bool) -> str:
    """Where people open this site, without a `/` at the end; ValueError for what is no such address.

    Where nothing is said it is the first of its own host names, without TLS at the port that it listens on.
    """
    if not said:
        own = hosts[0].removeprefix(".")
        if https:
            return f"https://{own}"
        name = own if host in ANY_HOST else f"[{host}]" if ":" in host else host
        return f"http://{name}:{port}"
    parts = urlsplit(said)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"must be an address such as https://telemetry.example.org, not {said!r}")
    return said.rstrip("/")
