"""Which addresses a webhook may go to: resolved once, all of them checked, and connected to as they were checked.

A name that resolves to something else a moment later (DNS rebinding) changes nothing.
"""

import ipaddress
import socket

from acci.store.reacting.senders.sender import DeliveryFailed, DeliveryRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


def resolve(host: str, port: int, private: bool) -> list[tuple[str, int]]:
    """Every address of the host, as pairs for a socket. `private`: those of a private network or this machine may be.

    Raises `DeliveryRefused` if one of them may not be, `DeliveryFailed` if there is none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryFailed(f"{host} has no address ({getattr(error, 'strerror', None) or error})") from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not may_go_to(address, private):
            remedy = "" if private else "; allow-private allows addresses of private networks"
            raise DeliveryRefused(f"{host} has the address {address}, which is not one of the internet{remedy}")
    return [(address, port) for address in addresses]


def may_go_to(address: str, private: bool) -> bool:
    """Whether a webhook may go there. Link-local, multicast and reserved addresses it may never."""
    meant = _meant(ipaddress.ip_address(address.partition("%")[0]))
    never = meant.is_link_local or meant.is_multicast or meant.is_unspecified
    # The whole range of IPv6 is reserved but for what is given out; ::1 is in that.
    if never or (meant.is_reserved and not meant.is_loopback):
        return False
    return private or meant.is_global


def _meant(address: Address) -> Address:
    """The IPv4 address that one of IPv6 stands for, if it does."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64 or address in LOCAL_NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
