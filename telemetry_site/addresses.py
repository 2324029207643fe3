"""Addresses and networks in settings."""

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(said: str, default: list[str]) -> list[Network]:
    """Addresses and networks with commas between them; ValueError for what is none."""
    words = [word.strip() for word in said.split(",") if word.strip()]
    return [ipaddress.ip_network(word, strict=False) for word in words or default]
