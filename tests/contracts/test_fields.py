"""Every field and collection a room offers reads for a real customer, has its own name, and speaks two languages."""

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
from regulars.runtime.database.offered import PYTHON, Field, Wanted

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


def test_every_collection_reads_for_a_real_customer() -> None:
    priya, stranger = _priya(), 10**12
    for name, collection in rooms.collections().items():
        assert collection.read([], Wanted()) == {}, f"{name} asked of nobody"
        types = {column.name: PYTHON[column.type] for column in collection.columns}
        parts = {part.name: {column.name: PYTHON[column.type] for column in part.columns} for part in collection.parts}
        found = collection.read([priya, stranger], Wanted())
        assert set(found) <= {priya}, name
        for row in found.get(priya, ()):
            assert {known: type(value) for known, value in row.values.items()}.items() <= types.items(), name
            for part, told in row.parts.items():
                for values in told:
                    assert {known: type(value) for known, value in values.items()}.items() <= parts[part].items(), name
    (coat,) = rooms.collections()["commerce.orders"].read([priya], Wanted())[priya]
    assert coat.at == MONDAY
    assert coat.parts["lines"][0]["product"] == "coat"


def test_every_collection_speaks_two_languages() -> None:
    for collection in rooms.collections().values():
        said = {}
        for language in ("en", "zh-hans"):
            with translation.override(language):
                of_parts = [(part.label, *(column.label for column in part.columns)) for part in collection.parts]
                columns = [column.label for column in collection.columns]
                labels = (collection.label, collection.did, *columns, *(label for one in of_parts for label in one))
                said[language] = [str(label) for label in labels]
        assert all(said["en"]), collection.name
        same = [one for one, other in zip(*said.values(), strict=True) if one == other]
        assert set(same) <= {"SKU"}, collection.name


def test_a_field_is_named_after_its_room() -> None:
    for module in rooms.modules("fields"):
        for field in getattr(module, "FIELDS", ()):
            assert field.name.split(".")[0] == module.__name__.split(".")[-2]
        for collection in getattr(module, "COLLECTIONS", ()):
            assert collection.name.split(".")[0] == module.__name__.split(".")[-2]
    with pytest.raises(ValueError, match="is no field's name"):
        Field(name="orders", type="text", kind="fact", label="x", meaning="x", read=lambda wanted: {})
