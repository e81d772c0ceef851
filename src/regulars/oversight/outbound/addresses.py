"""Where calls may go: which URLs, which ports, and which addresses a name may stand for.

The networks are those of IANA's two registries of special-purpose addresses. Of IPv6 only the part that is handed out
(2000::/3) counts as public, without what carries or stands for something else in it: addresses that hold an IPv4
address inside (6to4, Teredo, NAT64 and mapped ones) would be a way around the table.
"""

import os
import re
import socket
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.utils.translation import gettext_lazy as _

from regulars.kit.refusals import Refusal

Address = IPv4Address | IPv6Address

#: Ports of receivers on the public internet.
PORTS = frozenset({443, 8443})
LONGEST_URL = 2000
#: Hosts of the operator's own network, or this machine, that may be called, also by plain http and on any port:
#: names or addresses with commas between them.
SETTING = "REGULARS_WEBHOOKS_OWN_HOSTS"

_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared behind carriers
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # link-local, and the metadata of cloud machines
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # examples
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # examples
        "203.0.113.0/24",  # examples
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # examples
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # examples
    )
)
#: What an own host may stand for beside public addresses. Link-local is not among them: metadata lives there.
_OWN = (
    IPv4Network("10.0.0.0/8"),
    IPv4Network("100.64.0.0/10"),
    IPv4Network("127.0.0.0/8"),
    IPv4Network("172.16.0.0/12"),
    IPv4Network("192.168.0.0/16"),
    IPv6Network("::1/128"),
    IPv6Network("fc00::/7"),
)
#: Inside fc00::/7, yet a cloud's metadata.
_METADATA_6 = frozenset({IPv6Address("fd00:ec2::254")})
_HOST = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*\.?", re.ASCII)

#: The last part of no name in the world: such a host is an address in another spelling, and looked up as one.
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


class BadUrl(Refusal):
    """Not an address messages may be sent to."""

    code = "webhooks.bad_url"


class NotAllowed(Exception):
    """The name stands for an address that must not be called."""


@dataclass(frozen=True)
class Target:
    """A checked URL in its parts. `host` is as the name is looked up, without brackets; `is_own` one of ours."""

    scheme: str
    host: str
    port: int
    path: str
    is_own: bool

    @property
    def authority(self) -> str:
        """Host and port as the Host header says them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.scheme == "https" else 80
        return host if self.port == usual else f"{host}:{self.port}"


def own_hosts(setting: str = SETTING) -> frozenset[str]:
    """The hosts that the environment's `setting` names, in small letters."""
    return frozenset(one.strip().lower() for one in os.environ.get(setting, "").split(",") if one.strip())


def target(url: str, *, own: Collection[str]) -> Target:
    """The URL's parts. Refuses whatever is not plainly a receiver; looks no name up."""
    if len(url) > LONGEST_URL or not url.isascii() or re.search(r"[\x00-\x20\\]", url):
        raise _bad(
            _("is no address of at most %(longest)s plain characters; write names in other scripts as xn--…")
            % {"longest": LONGEST_URL}
        )
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _bad(_("is no address; write it as https://example.com/hooks")) from None
    is_own = host in own
    if parts.scheme != "https" and not (is_own and parts.scheme == "http"):
        raise _bad(_("must begin with https://; plain http is for hosts named in %(setting)s") % {"setting": SETTING})
    if parts.username is not None or parts.password is not None:
        raise _bad(_("holds a user or a password; messages are signed instead, leave them out"))
    if parts.fragment:
        raise _bad(_("has a part after #, which is never sent; leave it out"))
    literal = _literal(host)
    if literal is None and _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]):
        # What looks names up takes 127.1, 0x7f.1 and 2130706433 for 127.0.0.1.
        raise _bad(_("names a number and no host; write it as https://example.com/hooks"))
    if literal is None and not _HOST.fullmatch(host):
        raise _bad(_("names no host; write it as https://example.com/hooks"))
    port = port if port is not None else (443 if parts.scheme == "https" else 80)
    if port not in PORTS and not is_own:
        raise _bad(_("has a port that is not called; use 443 or 8443"))
    if literal is not None and not may_call(literal, is_own=is_own):
        raise _bad(_("is an address inside a private network or of this machine, which is never called"))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port, path, is_own)


def may_call(address: Address, *, is_own: bool) -> bool:
    """Whether a connection to this address may be opened for a host that is, or is not, one of our own."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # What is connected to is the IPv4 address inside; of strangers such a spelling is only ever a trick.
        return is_own and may_call(address.ipv4_mapped, is_own=True)
    if isinstance(address, IPv4Address):
        is_public = not any(address in network for network in _NOT_PUBLIC_4)
    else:
        is_public = address in _PUBLIC_6 and not any(address in network for network in _NOT_PUBLIC_6)
    if is_public:
        return True
    return is_own and address not in _METADATA_6 and any(address in network for network in _OWN)


def looked_up(where: Target) -> list[str]:
    """The addresses of the target's host, each of which may be called. One look-up: connect to these and to no other.

    Raises NotAllowed when even one of them must not be called, OSError when the name is not known.
    """
    found = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        # An address with a zone (fe80::1%eth0) is link-local whatever follows.
        if "%" in address or not may_call(ip_address(address), is_own=where.is_own):
            raise NotAllowed
    return addresses


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _bad(why: object) -> BadUrl:
    return BadUrl(_("url: %(why)s") % {"why": why}, field="url")
