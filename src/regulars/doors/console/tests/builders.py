"""People at work in a shop, and their browsers."""

from datetime import UTC, datetime

from django.test import Client

from regulars.kit.actors import SYSTEM
from regulars.runtime.staff import operators

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PASSWORD = "seven green teapots"


def an_operator(name: str, role: str, *, language: str = "") -> int:
    """Somebody who was invited, came and chose PASSWORD. Their number; the address is <name>@shop.example."""
    handed = operators.invite(
        email=f"{name}@shop.example", name=name, role=role, language=language, at=MONDAY, by=SYSTEM
    )
    return operators.choose_password(token=handed.token, password=PASSWORD, at=MONDAY)


def signed_in(role: str, *, language: str = "", name: str = "") -> Client:
    """The browser of somebody with this role, signed in through the form."""
    name = name or role.replace("_", "-")
    an_operator(name, role, language=language)
    client = Client()
    answer = client.post("/console/sign-in", {"email": f"{name}@shop.example", "password": PASSWORD})
    assert answer.status_code == 302, answer.content
    return client
