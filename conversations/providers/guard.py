"""Which addresses this site may call on behalf of an administrator.

A provider's base URL must not become a way into the network that the server stands in. One function
decides about one IP address; the resolver and the check of literal addresses both ask it.
"""

import ipaddress
from urllib.parse import urlsplit

from .errors import AddressRefused

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
COMPATIBLE = ipaddress.IPv6Network("::/96")


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, whatever form it is written in."""
    try:
        found = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    inner = _embedded(found) if isinstance(found, ipaddress.IPv6Address) else None
    if inner is not None:
        return is_public(str(inner))
    site_local = isinstance(found, ipaddress.IPv6Address) and found.is_site_local
    return found.is_global and not (found.is_multicast or found.is_reserved or site_local)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside mapped, 6to4, NAT64 and compatible forms. Teredo is never public."""
    if address in NAT64 or (address in COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def check_address(address: str, *, allow_private: bool) -> None:
    """Raise `AddressRefused` unless `address` may be connected to."""
    if not allow_private and not is_public(address):
        raise AddressRefused(f"{address} is not a public address")


def check_url(url: str, *, allow_private: bool) -> None:
    """Raise `AddressRefused` for other schemes, for sign-in data, and for literal addresses."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError as trouble:
        raise AddressRefused("the address cannot be read") from trouble
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise AddressRefused("only plain http and https addresses are called")
    if _is_literal(host):
        check_address(host, allow_private=allow_private)


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return False
    return True
