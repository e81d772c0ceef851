"""A route that says it is for keys is called with the wrong ones: the mark alone opens and closes nothing."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import get_resolver

from regulars.facts.sources import api_keys
from regulars.kit.actors import SYSTEM
from regulars.runtime.staff import policy, roles

KEY_ROUTES = [
    (method, "/" + re.sub(r"<[^>]+>", "x", where), action)
    for where, view in policy.routes(get_resolver().url_patterns)
    if isinstance(found := policy.of(view), policy.KeyPolicy)
    for method, action in found.actions.items()
]
#: One test goes through all routes: a test for each made a seventh of all tests that every process collects.
ACTIONS = {action for _, _, action in KEY_ROUTES}


def a_token(name: str, *may: str) -> str:
    now = datetime.now(UTC)
    return api_keys.make(name=name, may=may, at=now, by=SYSTEM).token


def called(method: str, path: str, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client().generic(method, path, headers=headers).status_code


def test_there_are_routes_for_keys():
    assert len(KEY_ROUTES) >= 8


@pytest.mark.django_db
def test_no_key_a_wrong_key_and_a_key_for_everything_else_stay_outside():
    without = {action: a_token(action, *(roles.ALLOWED.keys() - {action})) for action in ACTIONS}
    answers = {
        (method, path): tuple(called(method, path, token) for token in (None, "rk_" + "0" * 64, without[action]))
        for method, path, action in KEY_ROUTES
    }
    assert answers == dict.fromkeys(answers, (401, 401, 403))


@pytest.mark.django_db
def test_the_key_that_was_granted_it_comes_in():
    granted = {action: a_token(action, action) for action in ACTIONS}
    answers = {(method, path): called(method, path, granted[action]) for method, path, action in KEY_ROUTES}
    assert {asked: status for asked, status in answers.items() if status in {401, 403, 405, 500}} == {}


@pytest.mark.django_db
def test_signed_in_owners_need_a_key_too(django_user_model):
    owner = django_user_model.objects.create(
        email="ana@example.com", name="Ana", role="owner", joined_at=datetime.now(UTC)
    )
    client = Client()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    answers = {(method, path): client.generic(method, path).status_code for method, path, _ in KEY_ROUTES}
    assert answers == dict.fromkeys(answers, 401)
