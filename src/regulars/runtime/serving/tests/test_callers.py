"""Who calls, as proxies tell it: only those of the shop's own are believed."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory

from regulars.runtime.serving import callers

OURS = callers.networks("10.0.0.0/8, 192.0.2.7,fd00::/8")


@pytest.mark.parametrize(
    ("remote", "told", "caller"),
    [
        ("203.0.113.5", None, "203.0.113.5"),
        ("203.0.113.5", "198.51.100.1", "203.0.113.5"),  # a stranger says who they are not
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", "198.51.100.1"),  # what the caller wrote stands further left
        ("10.0.0.1", "198.51.100.1, 192.0.2.7", "198.51.100.1"),  # two proxies of ours in a row
        ("10.0.0.1", "10.0.0.9", "10.0.0.9"),  # somebody inside the house
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("fd00::1", "[2001:db8::5]:4711", "2001:db8::5"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", None),
    ],
)
def test_the_caller_is_the_last_address_that_is_none_of_ours(settings, remote, told, caller):
    settings.REGULARS_TRUSTED_PROXIES = OURS
    headers = {"X-Forwarded-For": told} if told else {}
    assert callers.address(RequestFactory(REMOTE_ADDR=remote).get("/", headers=headers)) == caller


def test_nobody_is_believed_unless_somebody_said_so(settings):
    settings.REGULARS_TRUSTED_PROXIES = callers.networks("")
    asked = RequestFactory(REMOTE_ADDR="127.0.0.1").get("/", headers={"X-Forwarded-For": "198.51.100.1"})
    assert callers.address(asked) == "127.0.0.1"


@pytest.mark.parametrize("told", ["10.0.0.0/33", "proxy.example", "10.0.0.1/8"])
def test_what_is_no_network_is_told_at_the_start(told):
    with pytest.raises(ImproperlyConfigured, match="REGULARS_TRUSTED_PROXIES"):
        callers.networks(told)
