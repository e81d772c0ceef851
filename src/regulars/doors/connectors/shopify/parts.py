"""What several kinds of things that Shopify tells have in common: amounts, ages, places, people. Pure."""

import re
from datetime import datetime
from decimal import Decimal

from regulars.doors.connectors.protocol import About
from regulars.doors.connectors.reading import (
    Document,
    NotUnderstood,
    currency,
    got,
    instant_or_none,
    listing,
    mapping,
    minor,
    number,
    ref,
    ref_or_none,
    text,
)
from regulars.doors.connectors.reports import (
    ConsentTold,
)
from regulars.kit.countries import check_country
from regulars.kit.refusals import Refusal


def by_age(doc: Document, name: str) -> list[Document]:
    """The parts of a thing by their ids, which grow: their places stay the same when others are added."""
    found = [mapping(one, name) for one in listing(doc.get(name), name)]
    return sorted(found, key=lambda one: (len(told := ref(one.get("id"), f"{name}.id")), told))


def money_of(doc: Document, name: str, code: str) -> tuple[object, str] | None:
    """An amount of the buyer's currency: of its set where there is one, else as it stands."""
    money = got(doc, f"{name}_set", "presentment_money") or got(doc, f"{name}_set", "shop_money")
    if money is not None:
        told = currency(money.get("currency_code"), f"{name}_set")
        if told != code:
            raise NotUnderstood("mixed_currencies", f"{name}_set: is in {told}, its order in {code}")
        return money.get("amount"), f"{name}_set.amount"
    return None if doc.get(name) in (None, "") else (doc.get(name), name)


def amount_of(doc: Document, name: str, code: str) -> int:
    found = money_of(doc, name, code)
    return 0 if found is None else minor(found[0], code, found[1])


def decimal_of(doc: Document, name: str, code: str) -> Decimal:
    found = money_of(doc, name, code)
    if found is None:
        raise NotUnderstood("no_amount", f"{name}: says no amount")
    return number(*found)


def rate_of(doc: Document, code: str, shop_code: str) -> Decimal | None:
    """Of the shop's currency for one of the buyer's, as the order's total shows it; None where they are the same."""
    if code == shop_code:
        return None
    paid = got(doc, "total_price_set", "presentment_money", "amount")
    own = got(doc, "total_price_set", "shop_money", "amount")
    if paid is None or own is None or not (amount := number(paid, "total_price_set")):
        return None
    return (number(own, "total_price_set") / amount).quantize(Decimal("0.000000000001")) or None


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


def language_of(told: object) -> str | None:
    code = text(told, 12)
    return code if code is not None and re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", code) else None


def address_of(told: object) -> str | None:
    names = ("address1", "address2", "zip", "city", "province", "country")
    parts = [part for name in names if (part := text(got(told, name), 120)) is not None]
    return ", ".join(parts)[:500] or None


def consent_of(channel: str, told: object, otherwise: datetime, about: About) -> ConsentTold | None:
    state = str(got(told, "state") or "").lower()
    if state not in {"subscribed", "unsubscribed"}:
        return None
    at = instant_or_none(got(told, "consent_updated_at"), about.zone, "consent_updated_at")
    return ConsentTold(channel=channel, is_granted=state == "subscribed", at=at or otherwise, proof="shopify")
