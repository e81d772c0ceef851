"""The format in which any shop can tell us: typed, strict, and with an answer that says what to mend. Pure.

A message is `{"items": [...]}`, each item with its `type`. What is not written in these classes is refused by name, for
a field that is spelled wrong would otherwise be passed over in silence.
"""

import re
import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from regulars.doors.connectors.reading import Document, NotUnderstood, is_keepable
from regulars.facts.commerce.order_reports import Fulfilment, OrderState, TenderKind, TenderState
from regulars.facts.commerce.shipment_reports import ShipmentState

#: Items of one message.
MOST_ITEMS = 500
Ref = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^\S(.*\S)?$")]
Short = Annotated[str, Meta(max_length=100)]
Words = Annotated[str, Meta(max_length=300)]
Code = Annotated[str, Meta(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$")]
#: With its offset: a time without one is several.
Instant = Annotated[datetime, Meta(tz=True)]
_LARGEST = Decimal(10) ** 12
_LARGEST_VERSION = 2**63 - 1
_THOUSANDTH = Decimal("0.001")


class _Strict(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is not written here is refused."""


class Line(_Strict):
    """One line of an order. `amount` is what it costs after its discount; left out, quantity times price less it."""

    number: Annotated[int, Meta(ge=1, le=100_000)]
    product_ref: Ref
    quantity: Decimal
    unit_price: Decimal
    amount: Decimal | None = None
    discount: Decimal = Decimal(0)
    tax: Decimal | None = None
    title: Words | None = None
    category: Words | None = None
    variant_ref: Ref | None = None
    sku: Short | None = None
    is_gift_card: bool = False
    personalisation: list[Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$")]] = []


class Tender(_Strict):
    """One means by which an order is paid."""

    ref: Ref
    kind: TenderKind
    state: TenderState
    amount: Decimal
    at: Instant | None = None


class Order(_Strict, tag="order"):
    """One order as it stands now, whole: what is left out is not so any more."""

    ref: Ref
    updated_at: Instant
    placed_at: Instant
    currency: Code
    lines: list[Line]
    number: Annotated[str, Meta(max_length=64)] | None = None
    state: OrderState = "placed"
    is_test: bool = False
    cancelled_at: Instant | None = None
    customer_ref: Ref | None = None
    country: Country | None = None
    channel: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] = "web"
    store: Ref | None = None
    discount: Decimal = Decimal(0)
    shipping: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    total: Decimal | None = None
    prices_include_tax: bool = False
    paid: Decimal | None = None
    refunded: Decimal | None = None
    tenders: list[Tender] = []
    shop_currency: Code | None = None
    rate: Decimal | None = None
    exchange_of: Ref | None = None
    till: Short | None = None
    taken_by: Short | None = None
    fulfilment: Fulfilment | None = None
    version: int | None = None


class BackLine(_Strict):
    """Goods that came back: `amount` for all of `quantity`, `of_line` the number of the order's line."""

    product_ref: Ref
    quantity: Decimal
    amount: Decimal
    of_line: int | None = None
    restock: bool | None = None


class Refund(_Strict, tag="refund"):
    """One refund, of goods or of money alone, before or after its order."""

    ref: Ref
    order_ref: Ref
    returned_at: Instant
    updated_at: Instant
    currency: Code
    amount: Decimal | None = None
    lines: list[BackLine] = []
    shipping: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    customer_ref: Ref | None = None
    store: Ref | None = None
    is_void: bool = False
    reason: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9_]{0,59})?$")] = ""
    version: int | None = None


class Answered(_Strict):
    """An answer to whether somebody may be written to, and when it was given."""

    channel: Literal["email", "sms", "phone", "post", "push", "wechat"]
    is_granted: bool
    at: Instant
    purpose: Literal["marketing"] = "marketing"
    proof: Words = ""


class Customer(_Strict, tag="customer"):
    """One customer. What is left out stays as it is; an empty text clears it."""

    ref: Ref
    updated_at: Instant
    first_seen_at: Instant | None = None
    given_name: Annotated[str, Meta(max_length=80)] | None = None
    family_name: Annotated[str, Meta(max_length=80)] | None = None
    email: Annotated[str, Meta(max_length=250)] | None = None
    phone: Annotated[str, Meta(max_length=40)] | None = None
    address: Annotated[str, Meta(max_length=500)] | None = None
    country: Country | None = None
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", max_length=12)] | None = None
    consents: list[Answered] = []


class Variant(_Strict):
    """One form of a product."""

    ref: Ref
    title: Words | None = None
    sku: Short | None = None
    barcode: Annotated[str, Meta(max_length=64)] | None = None
    options: dict[str, str] | None = None
    status: Literal["active", "draft", "discontinued"] | None = None


class Product(_Strict, tag="product"):
    """One product with its forms. `category` is a path such as "Tea > Oolong"."""

    ref: Ref
    updated_at: Instant
    title: Words | None = None
    category: Words | None = None
    brand: Short | None = None
    status: Literal["active", "draft", "discontinued"] | None = None
    variants: list[Variant] = []


class Price(_Strict, tag="price"):
    """What a product, or one form of it, costs from a moment on; `sale_price` where it is reduced."""

    product_ref: Ref
    currency: Code
    price: Decimal
    valid_from: Instant
    sale_price: Decimal | None = None
    variant_ref: Ref | None = None
    store: Ref | None = None
    channel: Short | None = None


class Stock(_Strict, tag="stock"):
    """How much of one form is in one store."""

    variant_ref: Ref
    store: Ref
    on_hand: Decimal
    updated_at: Instant
    product_ref: Ref | None = None
    may_oversell: bool | None = None
    version: int | None = None
    reserved: Decimal | None = None


class SentLine(_Strict):
    """How much of an order's line, by its number, is in a shipment."""

    line: int
    quantity: Decimal


class Shipment(_Strict, tag="shipment"):
    """One shipment or pick-up, before or after its order."""

    ref: Ref
    order_ref: Ref
    state: ShipmentState
    updated_at: Instant
    mode: Fulfilment = "ship"
    lines: list[SentLine] = []
    store: Ref | None = None
    carrier: Short = ""
    tracking: Annotated[str, Meta(max_length=200)] = ""
    shipped_at: Instant | None = None
    promised_from: Instant | None = None
    promised_until: Instant | None = None
    expected_at: Instant | None = None
    ready_at: Instant | None = None
    arrived_at: Instant | None = None
    version: int | None = None


class MembershipPayment(_Strict, tag="membership_payment"):
    """Money of a paid membership, by its id here: paid, failed or refunded. `payment` is your number of it; what went
    back under a number of its own says with `of` which payment it was."""

    payment: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^\S+$")]
    state: Literal["paid", "failed", "refunded"]
    amount: Decimal
    currency: Code
    membership: Annotated[str, Meta(pattern=r"^mbs_[0-9A-Za-z]{1,40}$")] | None = None
    of: Annotated[str, Meta(max_length=60, pattern=r"^\S+$")] | None = None


class Gone(_Strict, tag="deleted"):
    """It is gone from the shop."""

    what: Literal["order", "product", "variant", "customer"]
    ref: Ref
    deleted_at: Instant


Item = Order | Refund | Customer | Product | Price | Stock | Shipment | MembershipPayment | Gone
KINDS: Mapping[str, type[Struct]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Item)}


@dataclass(frozen=True)
class Wrong(Exception):
    """What is wrong with an item: which field, what stands there, and how to mend it."""

    field: str
    value: object
    mend: str


def items(doc: Document) -> list[object]:
    """The items of a message; NotUnderstood where it is none."""
    if not isinstance(doc.get("items"), list) or not 1 <= len(doc["items"]) <= MOST_ITEMS or set(doc) != {"items"}:
        raise NotUnderstood("no_items", f'body: must be {{"items": […]}} with 1 to {MOST_ITEMS} items and nothing else')
    return list(doc["items"])


def parsed(told: object) -> Item:
    """One item, checked; Wrong where it is none."""
    if not isinstance(told, dict):
        raise Wrong("", told, "send an object with a type")
    kind = KINDS.get(told["type"]) if isinstance(told.get("type"), str) else None
    if kind is None:
        raise Wrong("type", told.get("type"), f"send one of {', '.join(KINDS)}")
    _refuse_unkeepable(told, "")
    try:
        return cast("Item", msgspec.convert(told, kind, strict=True))
    except msgspec.ValidationError as problem:
        raise _wrong(kind, told, str(problem)) from None


def within(amount: Decimal, field: str) -> Decimal:
    """A number that goods or money come to."""
    if not amount.is_finite() or abs(amount) >= _LARGEST:
        raise Wrong(field, str(amount), "send a number below a million million")
    return amount


def quantity(amount: Decimal, field: str) -> Decimal:
    """How much of some goods."""
    if within(amount, field) != amount.quantize(_THOUSANDTH):
        raise Wrong(field, str(amount), "send a quantity with at most 3 places")
    return amount


def version(number: int | None) -> int | None:
    """Which version of the thing it is."""
    if number is not None and abs(number) > _LARGEST_VERSION:
        raise Wrong("version", str(number), "send a whole number of at most 64 bits, or leave it out")
    return number


def _refuse_unkeepable(told: object, path: str) -> None:
    """Halves of characters and NUL are no text that anybody can keep."""
    if isinstance(told, str) and not is_keepable(told):
        raise Wrong(path, told, "send whole characters: no lone surrogates, and no NUL")
    if isinstance(told, list):
        for n, one in enumerate(told):
            _refuse_unkeepable(one, f"{path}[{n}]")
    if isinstance(told, dict):
        for name, one in told.items():
            field = f"{path}.{name}".lstrip(".")
            if not is_keepable(name):
                raise Wrong(field, None, "send names of whole characters: no lone surrogates, and no NUL")
            _refuse_unkeepable(one, field)


_AT = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
_NAMED = re.compile(r"field `([^`]*)`")
_WANTED = re.compile(r"Expected `([^`]*)`")
_MENDS = {
    "str": "send a text in quotes, of what length and form the documentation says",
    "int": "send a whole number",
    "bool": "send true or false",
    "decimal": 'send a number, best as a text such as "12.30"',
    "datetime": "send a time with its offset, such as 2026-03-02T10:00:00+08:00",
    "array": "send a list",
    "object": "send an object",
}


def _wrong(kind: type[Struct], told: Mapping[str, Any], problem: str) -> Wrong:
    place = _AT.search(problem)
    path = place.group(1) if place else ""
    said = problem[: place.start()] if place else problem
    if (named := _NAMED.search(said)) is not None:
        field = f"{path}.{named.group(1)}".lstrip(".")
        if "missing" in said:
            return Wrong(field, None, "send it: there is none without")
        known = ", ".join(_hints(_hint(kind, path) or kind))
        return Wrong(field, _value(told, field), f"leave it out; known are {known}")
    if "enum value" in said:
        return Wrong(path, _value(told, path), f"send one of {', '.join(map(str, _choices(_hint(kind, path))))}")
    if "tz" in said or "timezone" in said or "RFC3339" in said:
        return Wrong(path, _value(told, path), _MENDS["datetime"])
    wanted = _WANTED.search(said)
    names = (wanted.group(1) if wanted else "").split(" | ")
    found = [_MENDS[name] for name in names if name in _MENDS]
    if said.startswith("Invalid decimal"):
        found = [_MENDS["decimal"]]
    return Wrong(path, _value(told, path), found[0] if found else said)


def _value(told: object, path: str) -> object:
    """What stands at a path such as lines[0].quantity."""
    for step in re.findall(r"[^.\[\]]+", path):
        if isinstance(told, list) and step.isdigit() and int(step) < len(told):
            told = told[int(step)]
        elif isinstance(told, dict):
            told = told.get(step)
        else:
            return None
    return told


@cache
def _hints(kind: type) -> dict[str, Any]:
    return {name: hint for name, hint in get_type_hints(kind, include_extras=True).items() if not name.startswith("_")}


def _hint(kind: Any, path: str) -> Any:
    """What is wanted at the path; of a list or an option, of what it is made."""
    for step in re.findall(r"[^.\[\]]+", path):
        kind = _bare(kind)
        if not step.isdigit():
            kind = _hints(kind).get(step) if isinstance(kind, type) and issubclass(kind, Struct) else None
    return _bare(kind)


def _bare(hint: Any) -> Any:
    while get_origin(hint) in {Annotated, list, Union, types.UnionType}:
        hint = next(one for one in get_args(hint) if one is not type(None))
    return hint


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) is Literal else ()
