import hashlib
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from click.testing import CliRunner
from django.db import connection

from regulars.facts.sources import api_keys
from regulars.facts.sources.commands import api_key
from regulars.kit.actors import Actor

pytestmark = pytest.mark.django_db

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MAREK = Actor("operator", "7")


def a_key(name="till", may=("orders.write", "members.read"), **more):
    return api_keys.make(name=name, may=may, at=MONDAY, by=MAREK, **more)


def trail_lines():
    with connection.cursor() as cursor:
        cursor.execute("SELECT by_kind, by_id, verb, subject, before, after FROM trail_line ORDER BY id")
        return cursor.fetchall()


def test_a_key_is_shown_once_and_kept_as_a_hash():
    made = a_key()
    assert re.fullmatch(api_keys.PATTERN, made.token)
    assert made.token.startswith(made.key.prefix)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text, digest FROM sources_api_key k")
        row, digest = cursor.fetchone()
        cursor.execute("SELECT string_agg(l::text, '') FROM trail_line l")
        (trail,) = cursor.fetchone()
    assert bytes(digest) == hashlib.sha256(made.token.encode()).digest()
    assert made.token not in row + trail
    assert made.token[len(made.key.prefix) :] not in row + trail


def test_the_right_secret_opens_until_the_key_ends():
    made = a_key(expires_at=MONDAY + timedelta(days=2))
    found = api_keys.present(token=made.token, at=MONDAY)
    assert found.name == "till"
    assert found.may == {"members.read", "orders.write"}
    assert str(found.actor) == f"api:{found.id}"
    assert api_keys.present(token=made.token, at=MONDAY + timedelta(days=2)) is None
    api_keys.revoke(name="till", at=MONDAY, by=MAREK)
    assert api_keys.present(token=made.token, at=MONDAY) is None


@pytest.mark.parametrize("token", ["", "rk_", "rk_" + "0" * 64, "钥匙", "\udc80", "x" * 10_000])
def test_any_other_secret_opens_nothing(token):
    a_key()
    assert api_keys.present(token=token, at=MONDAY) is None


def test_nearly_the_right_secret_opens_nothing():
    token = a_key().token
    for near in (token[:-1], token + "0", token.upper(), f" {token}", token[:-1] + ("1" if token[-1] == "0" else "0")):
        assert api_keys.present(token=near, at=MONDAY) is None


def test_last_use_is_a_day_and_written_once_a_day(django_assert_num_queries):
    token = a_key().token
    with django_assert_num_queries(2):
        api_keys.present(token=token, at=MONDAY)
    with django_assert_num_queries(1):
        api_keys.present(token=token, at=MONDAY + timedelta(hours=3))
    assert api_keys.every()[0].last_used_on == date(2026, 3, 2)


def test_making_and_revoking_leave_a_line_each_and_revoking_again_none():
    number = a_key().key.id
    first = api_keys.revoke(name="till", at=MONDAY, by=MAREK)
    again = api_keys.revoke(name="till", at=MONDAY + timedelta(days=1), by=MAREK)
    assert first == again
    assert [(kind, who, verb, subject) for kind, who, verb, subject, _, _ in trail_lines()] == [
        ("operator", "7", "api_keys.make", f"api_key:{number}"),
        ("operator", "7", "api_keys.revoke", f"api_key:{number}"),
    ]


def test_a_name_is_never_used_twice():
    a_key()
    api_keys.revoke(name="till", at=MONDAY, by=MAREK)
    with pytest.raises(api_keys.KeyNameTaken):
        a_key()


@pytest.mark.parametrize(
    ("told", "refusal"),
    [
        ({"name": ""}, api_keys.BadKeyName),
        ({"name": "Till Eins"}, api_keys.BadKeyName),
        ({"name": "x" * 61}, api_keys.BadKeyName),
        ({"may": ()}, api_keys.NothingGranted),
        ({"may": ("orders.burn",)}, api_keys.UnknownAction),
        ({"expires_at": MONDAY}, api_keys.BadExpiry),
    ],
)
def test_what_cannot_be_a_key_is_refused(told, refusal):
    with pytest.raises(refusal):
        a_key(**told)


def test_revoking_what_is_not_there_is_refused():
    with pytest.raises(api_keys.UnknownKey):
        api_keys.revoke(name="till", at=MONDAY, by=MAREK)


def test_the_commands_make_list_and_revoke():
    run = CliRunner()
    made = run.invoke(api_key, ["make", "till", "--may", "orders.write", "--may", "members.read"])
    token = made.stdout.strip()
    assert re.fullmatch(api_keys.PATTERN, token)
    (listed,) = json.loads(run.invoke(api_key, ["list", "--json"]).stdout)
    assert (listed["name"], listed["state"], listed["may"]) == ("till", "works", ["members.read", "orders.write"])
    assert token not in run.invoke(api_key, ["list"]).output
    run.invoke(api_key, ["revoke", "till"])
    assert json.loads(run.invoke(api_key, ["list", "--json"]).stdout)[0]["state"] == "revoked"
    as_json = run.invoke(api_key, ["make", "web", "--may", "orders.read", "--days", "7", "--json"])
    assert set(json.loads(as_json.stdout)) == {"key", "name", "prefix", "state", "may", "expires_at", "last_used_on"}
