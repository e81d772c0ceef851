"""Events as conditions ask for them: of some people from the database, and of everyone from what is published.

Amounts are in whole minor units of the shop's currency, halves away from zero; those told in another currency are
unknown. Events of a device that many use are nobody's.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from django.db import connection

from regulars.facts.company import company
from regulars.facts.customers.relation import CUSTOMERS
from regulars.facts.events import _asked, spec
from regulars.facts.events.messages import DECODER, KINDS, NAMES_OF_KINDS
from regulars.facts.sources import sources
from regulars.kit import money
from regulars.kit.conditions.holding import Row
from regulars.runtime.database.offered import Value, Wanted

_MINE: Final = ("name", "page", "product", "category", "search", "store", "coupon", "rating")
#: Digits of a product of two amounts, and what is published of it.
_WIDE: Final = Context(prec=60)
_PUBLISHED: Final = Decimal("0.000001")
_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
# One walk a visitor, from the month in which it was first seen.
_READ: Final = f"""
SELECT visitor.person, event.occurred_at, event.kind, event.source, {", ".join(_asked.COLUMNS[one] for one in _MINE)},
       {_asked.COLUMNS["value"]}, {_asked.COLUMNS["currency"]}, {_asked.COLUMNS["quantity"]},
       {_asked.COLUMNS["price"]}, {_asked.PRODUCTS_TOGETHER}
  FROM (SELECT visitor.id, visitor.first_seen_at, record.person FROM (
            SELECT id, id AS person FROM {CUSTOMERS} WHERE id = ANY(%(people)s) AND person_id IS NULL
             UNION ALL SELECT id, person_id FROM {CUSTOMERS} WHERE person_id = ANY(%(people)s)) AS record
          JOIN events_visitor AS visitor ON visitor.customer_id = record.id WHERE NOT visitor.is_shared) AS visitor
 CROSS JOIN LATERAL (
    SELECT * FROM events_event AS event WHERE event.visitor = visitor.id
       AND event.occurred_at >= greatest(visitor.first_seen_at, %(since)s)"""  # noqa: S608 - of constants
_SO: Final = f" OFFSET 0) AS event{_asked.UNDERSTOOD}"

_IN_SHOPS_MONEY: Final = (
    "CASE WHEN {currency} IS NULL OR {currency} = shop.currency"
    " THEN CAST(round({amount} * shop.minor_units) AS BIGINT) END AS {name}"
)


def _minor(amount: str, name: str) -> str:
    return _IN_SHOPS_MONEY.format(currency="event.currency", amount=amount, name=name)


_THEIRS: Final = (
    " JOIN visitors AS visitor ON visitor.visitor_id = event.visitor_id"
    " JOIN customers AS customer ON customer.customer_id = visitor.customer_id"
    " CROSS JOIN shop WHERE NOT visitor.is_shared"
)
EVERYONE: Final = (
    "SELECT customer.person_id AS person, event.event_id AS row, event.occurred_at AS at, event.name, event.kind,"  # noqa: S608 - of constants
    " event.source, event.page, event.product, event.category, event.search, event.store, event.coupon, event.rating,"
    f" {_minor('event.value', 'value')} FROM events AS event{_THEIRS}"
)
PRODUCTS_OF_EVERYONE: Final = (
    "SELECT event.event_id AS row, event.product, event.category, event.quantity,"  # noqa: S608 - of constants
    f" {_minor('event.price', 'price')}, {_minor('event.amount', 'amount')}"
    " FROM events AS event CROSS JOIN shop WHERE event.product IS NOT NULL AND NOT event.is_list"
    " UNION ALL SELECT event.event_id AS row, event.product, event.category, event.quantity,"
    f" {_minor('event.price', 'price')}, {_minor('event.amount', 'amount')}"
    " FROM event_products AS event CROSS JOIN shop"
)


def names(told: Collection[str]) -> Sequence[str]:
    """The names that can be asked for: those that are understood, then the senders' own among `told`."""
    understood = [one.name for one in spec.KNOWN]
    return [*understood, *sorted({name for name in told if spec.known(name) is None})]


def read(people: Sequence[int], wanted: Wanted) -> Mapping[int, Sequence[Row]]:
    """What these people did: a `Collection`'s reader. Three queries, and no event is read that is surely not asked for;
    `only` is heeded for `name`, `kind` and `source`."""
    if not people:
        return {}
    called = {source.id: source.name for source in sources.every()}
    only, values = _narrowed(wanted, called)
    shops = company.shop().currency
    minor_units = 10 ** money.exponent(shops)
    found: dict[int, list[Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"{_READ}{only}{_SO}", {"people": list(people), "since": wanted.since or _BEGINNING, **values})
        for person, at, kind, source, *mine, value, currency, quantity, price, listed in cursor.fetchall():
            known: dict[str, Value] = {"kind": NAMES_OF_KINDS[kind], "source": called[source]}
            known |= {name: one for name, one in zip(_MINE, mine, strict=True) if one is not None}
            is_ours = currency is None or currency == shops
            units = minor_units if is_ours else None
            if value is not None and is_ours:
                known["value"] = _in_minor(value, minor_units)
            if listed is not None:
                parts = {"products": [_product(one, units) for one in DECODER.decode(listed)]}
            elif "product" in known:
                parts = {"products": [_product((known["product"], known.get("category"), quantity, price), units)]}
            else:
                parts = {}
            found.setdefault(person, []).append(Row(at, known, parts))
    return found


def _narrowed(wanted: Wanted, called: Mapping[int, str]) -> tuple[str, dict[str, Any]]:
    only = ""
    values: dict[str, Any] = {}
    for column, among in wanted.only.items():
        if column == "name":
            condition, values["others"] = _asked.named(among)
            only += f" AND {condition}"
        elif column == "kind":
            values["kinds"] = [KINDS[kind] for kind in among if kind in KINDS]
            only += " AND event.kind = ANY(%(kinds)s)"
        elif column == "source":
            values["sources"] = [number for number, name in called.items() if name in among]
            only += " AND event.source = ANY(%(sources)s)"
    return only, values


def _product(one: Sequence[Any], minor_units: int | None) -> Mapping[str, Value]:
    product, category, quantity, price = one
    told: dict[str, Value] = {}
    if product is not None:
        told["product"] = product
    if category is not None:
        told["category"] = category
    if quantity is not None:
        told["quantity"] = Decimal(quantity)
    if price is not None and minor_units is not None:
        told["price"] = _in_minor(Decimal(price), minor_units)
        amount = _WIDE.multiply(Decimal(price), Decimal(1 if quantity is None else quantity))
        if abs(amount) < spec.LARGEST_AMOUNT:
            told["amount"] = _in_minor(amount.quantize(_PUBLISHED, ROUND_HALF_UP, _WIDE), minor_units)
    return told


def _in_minor(amount: Decimal, minor_units: int) -> int:
    return int((amount * minor_units).to_integral_value(ROUND_HALF_UP))
