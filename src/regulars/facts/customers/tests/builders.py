"""People for tests."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from regulars.facts.customers import customers, identity, profiles
from regulars.facts.customers.rules import DEFAULTS, IdentityRules
from regulars.kit.actors import Actor

MAREK = Actor("operator", "7")
THE_IMPORT = Actor("import", "1")
_KEYS = count()
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def a_key() -> str:
    """One that nobody used before."""
    return f"key:{next(_KEYS)}"


def a_customer(ref: str = "ines", *, namespace: str = "till") -> int:
    """Somebody who has just bought something."""
    return customers.resolve_many(namespace=namespace, refs=[ref], at=MONDAY, by=THE_IMPORT, origin="live")[ref]


def platforms_suffice() -> None:
    """The shop lets a phone, an address and a card join who told nothing else, where platforms vouch for both."""
    kinds = {name: replace(DEFAULTS[name], alone_from="platform", alone_days=90) for name in ("phone", "email", "card")}
    identity.set_rules(rules=IdentityRules(kinds=DEFAULTS | kinds), at=MONDAY, by=MAREK)


def described(customer: int, profile: profiles.Profile, *, key: str = "") -> profiles.Described:
    """The customer has told Marek something about themselves."""
    return profiles.describe(customer=customer, profile=profile, key=key or f"told-{customer}", at=MONDAY, by=MAREK)
