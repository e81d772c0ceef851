"""What the doctor says of who is who."""

import json

import pytest
from click.testing import CliRunner

from regulars.facts.customers import checkups, commands, identity, persons
from regulars.facts.customers.identity import Observation
from regulars.facts.customers.models import Customer
from regulars.facts.customers.tests.builders import MAREK, MONDAY, a_customer
from regulars.runtime.checkups import Finding

pytestmark = pytest.mark.django_db


def found() -> list[Finding]:
    return [finding for look in checkups.CHECKUPS for finding in look()]


def test_a_shop_without_evidence_is_fine():
    assert [one.state for one in found()] == ["fine"]


def test_somebody_stored_with_another_than_the_evidence_says_is_found_and_mended():
    web, app = a_customer("li", namespace="web"), a_customer("li", namespace="app")
    for record in (web, app):
        identity.observe(
            observation=Observation(record, "login", "app", "u-9001", "login", "app", MONDAY, f"login-{record}"),
            by=MAREK,
        )
    assert persons.of(app) == web
    assert [one.state for one in found()] == ["fine"]

    Customer.objects.filter(id=app).update(person=None, joined_at=None)
    (said,) = found()
    assert said.state == "wrong"
    assert f"1 of 2 records looked at belong to others than the evidence says: {app}" in said.said

    done = CliRunner().invoke(commands.identity, ["settle", "--json"], catch_exceptions=False)
    assert json.loads(done.output) == {"joined": 1, "parted": 0, "refused_joins_cleared": 0}
    assert persons.of(app) == web
    assert [one.state for one in found()] == ["fine"]
