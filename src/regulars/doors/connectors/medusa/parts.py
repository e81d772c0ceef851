"""What several kinds of things that Medusa tells have in common: amounts, ages, places. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    got,
    instant,
    listing,
    mapping,
    number,
    ref,
    ref_or_none,
    text,
)
from regulars.kit import money as monies
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal

#: What of an order's document has its own times, and is the order's: its customer's or a product's times are not.
PARTS = frozenset(
    {
        *("items", "detail", "shipping_methods", "adjustments", "tax_lines", "transactions", "credit_lines"),
        *("payment_collections", "payments", "captures", "refunds", "fulfillments", "labels", "returns"),
    }
)


def latest(doc: Document, about: About, parts: frozenset[str]) -> datetime:
    """The latest update time of a thing and all its parts: what changed last is its version."""
    found = [instant(doc.get("updated_at"), about.zone, "updated_at")]
    for name in sorted(parts & doc.keys()):
        inner = doc[name] if isinstance(doc[name], list | tuple) else [doc[name]]
        for one in inner:
            if isinstance(one, Mapping) and one.get("updated_at") is not None:
                found.append(latest(one, about, parts))
    return max(found)


def figure(doc: Document, name: str) -> Decimal:
    """An amount, exactly: its raw twin {value, precision} where there is one, else a number, a text or an object."""
    told = got(doc, f"raw_{name}")
    value = doc.get(name) if told is None else told
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("value", "numeric") if key in value), None)
    return Decimal(0) if value in (None, "") else number(value, name)


def minor_of(amount: Decimal, code: str) -> int:
    return monies.to_minor(amount, code)


def whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def by_age(doc: Document, name: str) -> list[Document]:
    """The parts of a thing by when they were made: their places stay the same when others are added."""
    found = [mapping(one, name) for one in listing(doc.get(name), name)]
    return sorted(found, key=lambda one: (str(one.get("created_at") or ""), ref(one.get("id"), f"{name}.id")))


def store_of(told: object, about: About) -> str | None:
    """Our code of a location: what the settings call it (`stores`: id=code, with commas between), else its id."""
    place = ref_or_none(told, "location_id")
    if place is None:
        return None
    named = dict(
        pair.strip().split("=", 1) for pair in str(about.settings.get("stores") or "").split(",") if "=" in pair
    )
    return named.get(place) or f"{about.namespace}-{place}"


def country_of(told: object) -> str | None:
    code = text(told, 2)
    try:
        return None if code is None else check_country(code.upper())
    except Refusal:
        return None


def address_of(told: object) -> str | None:
    names = ("address_1", "address_2", "postal_code", "city", "province", "country_code")
    parts = [part for name in names if (part := text(got(told, name), 120)) is not None]
    return ", ".join(parts)[:500] or None
