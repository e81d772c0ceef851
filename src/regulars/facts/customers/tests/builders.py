"""People for tests."""

from datetime import UTC, datetime

from regulars.facts.customers import customers, profiles
from regulars.kit.actors import Actor

MAREK = Actor("operator", "7")
THE_IMPORT = Actor("import", "1")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def a_customer(ref: str = "ines", *, namespace: str = "till") -> int:
    """Somebody who has just bought something."""
    return customers.resolve_many(namespace=namespace, refs=[ref], at=MONDAY, by=THE_IMPORT, origin="live")[ref]


def described(customer: int, profile: profiles.Profile, *, key: str = "") -> profiles.Described:
    """The customer has told Marek something about themselves."""
    return profiles.describe(customer=customer, profile=profile, key=key or f"told-{customer}", at=MONDAY, by=MAREK)
