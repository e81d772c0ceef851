"""People who work in the shop."""

from datetime import UTC, datetime

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
