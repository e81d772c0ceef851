"""Who has an e-mail address or a phone number, for many at once: who is known by it first, then who gave it."""

from collections.abc import Sequence

from regulars.facts.customers import contacts
from regulars.facts.customers.models import AlsoKnown, Identifier, Profile
from regulars.runtime.secrets import lookup


def by_email(addresses: Sequence[str]) -> dict[str, list[int]]:
    """Each address's customers, of those that somebody has. Three indexed queries, none for no addresses."""
    return _holders("email", {lookup.digest("email", contacts.email(one).key): one for one in addresses})


def by_phone(numbers: Sequence[str]) -> dict[str, list[int]]:
    """The same for numbers in E.164."""
    return _holders("phone", {lookup.digest("phone", one): one for one in numbers})


def _holders(kind: str, values: dict[bytes, str]) -> dict[str, list[int]]:
    if not values:
        return {}
    known = Identifier.objects.filter(namespace="", kind=kind, digest__in=values).values_list("digest", "customer_id")
    given = Profile.objects.filter(**{f"{kind}_digest__in": values}).order_by("customer_id")
    found: dict[str, list[int]] = {}
    # Who answers for a record that was joined is the record: parted again, it has the answer it came with.
    joined = AlsoKnown.objects.filter(kind=kind, digest__in=values).order_by("record_id")
    everybody = [
        *known,
        *given.values_list(f"{kind}_digest", "customer_id"),
        *joined.values_list("digest", "record_id"),
    ]
    for digest, customer in everybody:
        holders = found.setdefault(values[bytes(digest or b"")], [])
        if customer not in holders:
            holders.append(customer)
    return found
