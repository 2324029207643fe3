"""Where a call comes from, as far as one may be told from another by it."""

import ipaddress

IPV6_PREFIX = 64  # one customer has all addresses below it


def origin_of(address: str) -> str:
    """The address of IPv4, or the network of IPv6 that one customer has; '' for what is no address."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return ""
    mapped = found if found.version == 4 else found.ipv4_mapped
    return str(mapped or ipaddress.ip_network(f"{found}/{IPV6_PREFIX}", strict=False))
