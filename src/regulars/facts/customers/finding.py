"""Customers by a contact or by how a name begins: what is shown of them, and what other records of theirs told."""

from regulars.facts.company import company
from regulars.facts.customers import _also_known, _names, contacts
from regulars.facts.customers.models import Identifier, NamePrefix
from regulars.facts.customers.models import Profile as Row
from regulars.runtime.secrets import lookup


def by_email(text: str) -> list[int]:
    """Customers with that address: who is known by it, then others who gave it as a contact, also one that
    another record of theirs goes before. Three indexed queries."""
    return _find("email", lookup.digest("email", contacts.email(text).key))


def by_phone(text: str, region: str | None = None) -> list[int]:
    """Customers with that number. Without a country code it is read in `region`, or the shop's country."""
    return _find("phone", lookup.digest("phone", contacts.phone(text, region or company.shop().country)))


def by_name_prefix(text: str, limit: int = 50) -> list[int]:
    """Customers with a name that begins so, oldest first: two letters at least, or one Chinese character. Two queries.

    No more than the first six letters (three Chinese characters) of the first word count, and accents do not.
    """
    prefix = _names.sought(text)
    if not prefix:
        return []
    digest = _names.digest(prefix)
    found = NamePrefix.objects.filter(digest=digest).order_by("customer_id").values_list("customer_id", flat=True)
    joined = _also_known.people_by("name", digest)
    return sorted({*found[:limit], *joined[:limit]})[:limit]


def _find(kind: str, digest: bytes) -> list[int]:
    known_by = Identifier.objects.filter(namespace="", kind=kind, digest=digest).values_list("customer_id", flat=True)
    given = (
        Row.objects.filter(**{f"{kind}_digest": digest}).order_by("customer_id").values_list("customer_id", flat=True)
    )
    return list(dict.fromkeys([*known_by, *given, *_also_known.people_by(kind, digest)]))
