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


def a_token(*may: str) -> str:
    now = datetime.now(UTC)
    return api_keys.make(name="till", may=may, at=now, by=SYSTEM).token


def called(method: str, path: str, token: str | None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return Client().generic(method, path, headers=headers).status_code


def test_there_are_routes_for_keys():
    assert len(KEY_ROUTES) >= 8


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "action"), KEY_ROUTES)
def test_no_key_a_wrong_key_and_a_key_for_everything_else_stay_outside(method, path, action):
    assert called(method, path, None) == 401
    assert called(method, path, "rk_" + "0" * 64) == 401
    assert called(method, path, a_token(*(roles.ALLOWED.keys() - {action}))) == 403


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "action"), KEY_ROUTES)
def test_the_key_that_was_granted_it_comes_in(method, path, action):
    assert called(method, path, a_token(action)) not in {401, 403, 405, 500}


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "action"), KEY_ROUTES)
def test_signed_in_owners_need_a_key_too(method, path, action, django_user_model):
    owner = django_user_model.objects.create(
        email="ana@example.com", name="Ana", role="owner", joined_at=datetime.now(UTC)
    )
    client = Client()
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    assert client.generic(method, path).status_code == 401
