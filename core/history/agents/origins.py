"""Where a call comes from, as far as one may be told from another by it."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

IPV6_PREFIX = 64  # one customer has all addresses below it
WIDER_IPV4, WIDER_IPV6 = 24, 48  # what who wants many addresses gets as one


def origin_of(address: str) -> str:
    """The address of IPv4, or the network of IPv6 that one customer has; '' for what is no address."""
    found = _parsed(address)
    if found is None or found.version == 4:
        return str(found or "")
    return _network(found, IPV6_PREFIX)


def neighbourhood_of(address: str) -> str:
    """The wider network around an origin, of which somebody may well have all; '' for what is no address."""
    found = _parsed(address)
    if found is None:
        return ""
    return _network(found, WIDER_IPV4 if found.version == 4 else WIDER_IPV6)


def _parsed(address: str) -> Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return found if found.version == 4 else found.ipv4_mapped or found


def _network(address: Address, prefix: int) -> str:
    return str(ipaddress.ip_network(f"{address}/{prefix}", strict=False))
