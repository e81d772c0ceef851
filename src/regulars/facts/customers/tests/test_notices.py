import json
from typing import Any

import pytest
from django.db import connection

from regulars.facts.customers import customers
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import MONDAY, THE_IMPORT, a_customer, described

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str, dict[str, Any]]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT kind, subject, body FROM notices_notice ORDER BY id")
        return [
            (kind, subject, json.loads(body) if isinstance(body, str) else body)
            for kind, subject, body in cursor.fetchall()
        ]


def test_somebody_new_is_told_once_and_history_greets_nobody() -> None:
    ines = a_customer("ines")
    a_customer("ines")
    customers.resolve_many(namespace="old", refs=["a", "b"], at=MONDAY, by=THE_IMPORT, origin="history")
    assert told() == [("customers.customer_seen", f"customer:{ines}", {"customer": ines})]


def test_a_description_tells_names_of_fields_and_a_repeat_nothing() -> None:
    ines = a_customer("ines")
    for _ in range(2):
        described(ines, Profile(given_name="Inés", email="ines@example.com"))
    assert told()[1:] == [
        (
            "customers.customer_described",
            f"customer:{ines}",
            {"customer": ines, "fields": ["email", "given_name"], "shared": []},
        )
    ]
