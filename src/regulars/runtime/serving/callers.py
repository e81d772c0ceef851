"""Whose address a request comes from, also when proxies of the shop's own stand before us."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address
SETTING = "REGULARS_TRUSTED_PROXIES"


def networks(told: str) -> tuple[Network, ...]:
    """`10.0.0.0/8, 192.0.2.7` as networks; ImproperlyConfigured for what is none."""
    found: list[Network] = []
    for part in filter(None, map(str.strip, told.split(","))):
        try:
            found.append(ip_network(part))
        except ValueError as problem:
            raise ImproperlyConfigured(
                f"{SETTING} has {part!r} ({problem}); give addresses or networks with commas between them, such as"
                " 10.0.0.0/8,192.0.2.7."
            ) from problem
    return tuple(found)


def address(request: HttpRequest) -> str | None:
    """The caller's address; None where the server told none.

    X-Forwarded-For is what anybody may write. It is believed from the right, as far as the one who handed on the
    request is a trusted proxy: the first address that is none of ours is the caller's.
    """
    told = request.META.get("REMOTE_ADDR") or ""
    caller = _parsed(told)
    if caller is None:
        return told or None
    trusted: Sequence[Network] = settings.REGULARS_TRUSTED_PROXIES
    for part in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if not _is_in(caller, trusted):
            break
        before = _parsed(part)
        if before is None:
            break
        caller = before
    return str(caller)


def _is_in(one: Address, nets: Sequence[Network]) -> bool:
    return any(one.version == net.version and one in net for net in nets)


def _parsed(text: str) -> Address | None:
    """An address as proxies write it: some put a port behind it, and brackets around version 6."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
