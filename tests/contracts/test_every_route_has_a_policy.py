"""Every route says who may use it (`runtime/staff/policy`); one that says nothing fails here."""

from django.urls import get_resolver

from regulars.runtime.staff import policy


def test_every_route_has_a_policy():
    silent = policy.routes_without_policy(get_resolver().url_patterns)
    assert silent == [], "put @requires(...) or @open_to_everyone(because=...) on the views of these routes"
