"""Which hosts are not on the public internet, so that a base URL cannot point the bridge at its own network."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
PRIVATE_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")
# Azure's host agent answers on an address that is public by number
METADATA = frozenset({IPv4Address("168.63.129.16")})
NAT64 = ip_network("64:ff9b::/96")


def inside(host: str) -> str:
    """
    Return why a host is not certainly on the public internet, or "" when nothing speaks against it. Asks no DNS.

    host: a name or an address, without port and brackets. The address that a name stands for needs `inside_ip` at
    the time of the connection.
    """
    name = host.rstrip(".").lower()
    try:
        return inside_ip(ip_address(name))
    except ValueError:
        pass
    last = name.rpartition(".")[2]
    if not NAME.fullmatch(name) or last.isdigit() or last.startswith("0x"):  # 127.1 and 0x7f000001 are addresses too
        return "neither a plain address nor a name in ASCII"
    if any(name == known or name.endswith(f".{known}") for known in PRIVATE_NAMES):
        return "a name of the local network"
    return "" if "." in name else "a name without a dot, so of the local network"


def inside_ip(ip: IPv4Address | IPv6Address) -> str:
    """Return why an address is not on the public internet, or ""."""
    if isinstance(ip, IPv6Address):
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            wrapped = IPv4Address(int(ip) & 0xFFFF_FFFF)
        if wrapped is not None:
            return inside_ip(wrapped)
    if ip.is_loopback:
        return "a loopback address"
    if ip.is_link_local or ip in METADATA:
        return "a link-local or metadata address"
    return "" if ip.is_global and not ip.is_multicast else "a private or reserved address"


def belongs(host: str, endings: tuple[str, ...]) -> bool:
    """Tell whether a host is one of the endings or below it; label by label, so `evilacme.com` is not `acme.com`."""
    name = host.rstrip(".").lower()
    bare = [ending.lstrip(".").lower() for ending in endings]
    return any(name == ending or name.endswith(f".{ending}") for ending in bare)
