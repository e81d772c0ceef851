"""Which addresses may be called and when a message is tried again: rules in tables."""

import socket
from datetime import timedelta
from ipaddress import ip_address

import pytest

from regulars.oversight.outbound import _schedule, addresses
from regulars.oversight.outbound.addresses import BadUrl, NotAllowed, Target, looked_up, may_call, target

OWN = frozenset({"127.0.0.1", "erp.shop.lan", "::1"})


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.1.2.3", "172.16.0.1", "172.31.255.255"),
        *("192.168.1.1", "100.64.0.1", "100.127.255.255", "169.254.169.254", "192.0.0.170", "192.0.2.1", "192.88.99.1"),
        *("198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:169.254.169.254", "::7f00:1", "fe80::1"),
        *("fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1"),
        *("2001::1", "2001:0:1:2:3:4:5:6", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::", "3fff::1", "fec0::1"),
        *("4000::1", "5f00::1"),
    ],
)
def test_addresses_that_are_not_public_are_never_called(address):
    assert not may_call(ip_address(address), is_own=False)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "8.8.8.8", "99.255.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1"]
)
def test_public_addresses_are(address):
    assert may_call(ip_address(address), is_own=False)


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("127.0.0.1", True),
        ("10.0.0.7", True),
        ("::1", True),
        ("fd12::1", True),
        ("::ffff:10.0.0.7", True),
        ("169.254.169.254", False),
        ("fd00:ec2::254", False),
        ("::ffff:169.254.169.254", False),
        ("fe80::1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("8.8.8.8", True),
    ],
)
def test_hosts_of_ones_own_may_be_private_but_never_metadata(address, may):
    assert may_call(ip_address(address), is_own=True) is may


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/", "ftp://example.com/", "https://", "https:///x", "//example.com", "example.com", ""),
        *("https://user@example.com/", "https://user:pw@example.com/", "https://example.com/#x"),
        *("https://example.com:22/", "https://example.com:80/", "https://example.com:0/", "https://example.com:99999/"),
        *("https://example.com:x/", "https://10.0.0.1/", "https://[::1]:443/x", "https://[fe80::1]/"),
        *(
            "https://[::ffff:127.0.0.1]/",
            "https://exa mple.com/",
            "https://example.com/\r\nX: y",
            "https://example.com\\@b/",
        ),
        *(
            "https://bücher.example/",
            "https://-a.com/",
            "https://a..b/",
            "https://" + "a" * 2000,
            "https://169.254.169.254/",
        ),
        *("http://erp.shop.lan.evil.example/", "https://[::1%25eth0]/"),
    ],
)
def test_what_is_not_plainly_a_receiver_is_refused(url):
    with pytest.raises(BadUrl) as refused:
        target(url, own=OWN - {"::1", "127.0.0.1"})
    assert refused.value.facts["field"] == "url"


@pytest.mark.parametrize(
    "spelling",
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1", "0", "127.0.0.1.", "127.0.0.0x1", "0x"],
)
def test_other_spellings_of_addresses_are_refused_as_they_are_named_and_when_looked_up(spelling):
    for own in ((), {spelling}):
        with pytest.raises(BadUrl):
            target(f"https://{spelling}/", own=own)
    with pytest.raises((NotAllowed, OSError)):
        looked_up(Target("https", spelling, 443, "/", is_own=False))


def test_a_good_url_in_its_parts():
    assert target("https://Example.com/hooks?shop=1", own=OWN) == Target(
        "https", "example.com", 443, "/hooks?shop=1", False
    )
    assert target("https://example.com:8443", own=OWN).authority == "example.com:8443"
    assert target("http://erp.shop.lan:9000/in", own=OWN) == Target("http", "erp.shop.lan", 9000, "/in", True)
    assert target("http://[::1]:9000/", own=OWN).authority == "[::1]:9000"


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    def resolved(*addresses):
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **rest: found)
        return looked_up(target("https://example.com/", own=()))

    assert resolved("93.184.216.34", "93.184.216.35") == ["93.184.216.34", "93.184.216.35"]
    with pytest.raises(NotAllowed):
        resolved("93.184.216.34", "10.0.0.1")


def test_the_setting_names_hosts(monkeypatch):
    monkeypatch.setenv(addresses.SETTING, " ERP.shop.lan, 10.0.0.7 ,")
    assert addresses.own_hosts() == {"erp.shop.lan", "10.0.0.7"}


def test_ten_tries_in_a_little_over_three_days():
    waits = [_schedule.wait_after(tries, age=timedelta(0), chance=0.0) for tries in range(1, 11)]
    assert waits[-1] is None
    assert None not in waits[:-1]
    assert waits == [*sorted(waits[:-1]), None]
    assert timedelta(days=3) < sum(waits[:-1], timedelta(0)) < timedelta(days=3, hours=6)
    latest = sum((_schedule.wait_after(n, age=timedelta(0), chance=0.999) for n in range(1, 10)), timedelta(0))
    assert latest < _schedule.MOST_AGE


@pytest.mark.parametrize(
    ("tries", "age_days", "asked_s", "wait_s"),
    [
        (1, 0, None, 5),
        (1, 0, 60, 60),
        (1, 0, 10**9, 6 * 3600),
        (2, 0, 1, 300),
        (1, 4, None, None),
        (10, 0, 60, None),
        (99, 0, None, None),
    ],
)
def test_a_receiver_may_ask_for_patience_within_limits(tries, age_days, asked_s, wait_s):
    asked = None if asked_s is None else timedelta(seconds=asked_s)
    wait = _schedule.wait_after(tries, age=timedelta(days=age_days), asked=asked, chance=0.0)
    assert wait == (None if wait_s is None else timedelta(seconds=wait_s))
