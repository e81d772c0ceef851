"""One box to find somebody: by public id, reference, e-mail address, phone number, or how a name begins."""

from contextlib import suppress

from regulars.facts.company import company
from regulars.facts.customers import contacts, customers, profiles
from regulars.facts.customers.contacts import BadEmail, BadPhone
from regulars.facts.customers.customers import UnknownCustomer
from regulars.kit.ids import BadId


def find(asked: str, limit: int = 50) -> list[int]:
    """Customers that what was typed may name, the surest first. Up to ten indexed queries; nothing is refused."""
    typed = asked.strip()[:200]
    if not typed or "\x00" in typed:
        return []
    with suppress(BadId, UnknownCustomer):
        return [customers.by_public_id(typed).id]
    found = customers.find_by_ref(ref=typed)
    with suppress(BadEmail):
        return _first(limit, found, profiles.find_by_email(typed))
    with suppress(BadPhone):
        number = contacts.phone(typed, company.shop().country)
        # Whom a source knows by the number alone has no profile to be found by.
        found = _first(limit, found, profiles.find_by_phone(number), customers.find_by_ref(ref=number))
    return _first(limit, found, profiles.find_by_name_prefix(typed, limit))


def _first(limit: int, *lists: list[int]) -> list[int]:
    return list(dict.fromkeys(number for numbers in lists for number in numbers))[:limit]
