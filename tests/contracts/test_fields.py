"""Every field a room offers reads for a real customer, is called as no other is, and speaks two languages."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils import translation

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.customers import customers, profiles
from regulars.facts.customers.profiles import Profile
from regulars.kit.actors import Actor
from regulars.runtime import rooms
from regulars.runtime.database.offered import PYTHON, Field

MAREK = Actor("operator", "7")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def _priya() -> int:
    orders.record(
        report=OrderReport(
            namespace="till",
            ref="1001",
            customer_ref="priya",
            placed_at=MONDAY,
            currency="GBP",
            lines=[LineReport(1, "coat", Decimal(1), Decimal("80.00"))],
        ),
        at=MONDAY,
        by=MAREK,
    )
    (priya,) = customers.find_by_ref(ref="priya")
    profiles.describe(
        customer=priya,
        profile=Profile(
            given_name="Priya", email="priya@example.com", birthday="1990-12-31", country="GB", language="en"
        ),
        key="told",
        at=MONDAY,
        by=MAREK,
    )
    return priya


def test_every_field_reads_for_a_real_customer() -> None:
    priya, stranger = _priya(), 10**12
    answered = set()
    for name, field in rooms.fields().items():
        for value in (found := field.read([priya, stranger])).values():
            assert type(value) is PYTHON[field.type], f"{name} says it is {field.type}"
        assert set(found) <= {priya, stranger}, name
        assert field.read([]) == {}, f"{name} asked of nobody"
        answered |= {name} if priya in found else set()
    assert {"customers.name", "customers.birthday", "customers.country", "commerce.orders"} <= answered
    assert rooms.fields()["commerce.orders"].read([priya]) == {priya: 1}


def test_every_field_speaks_two_languages() -> None:
    for field in rooms.fields().values():
        with translation.override("en"):
            english = f"{field.label}|{field.meaning}"
        with translation.override("zh-hans"):
            chinese = f"{field.label}|{field.meaning}"
        assert all(english.split("|")), field.name
        assert all(one != other for one, other in zip(english.split("|"), chinese.split("|"), strict=True)), field.name


def test_a_field_is_named_after_its_room() -> None:
    for module in rooms.modules("fields"):
        for field in getattr(module, "FIELDS", ()):
            assert field.name.split(".")[0] == module.__name__.split(".")[-2]
    with pytest.raises(ValueError, match="is no field's name"):
        Field(name="orders", type="text", kind="fact", label="x", meaning="x", read=lambda wanted: {})
