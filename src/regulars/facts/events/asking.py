"""Events as conditions ask for them: of some people from the database, and of everyone from what is published.

Amounts are in whole minor units of the shop's currency, halves away from zero; those told in another currency are
unknown. Events of a device that many use are nobody's.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from regulars.facts.company import company
from regulars.facts.customers.relation import CUSTOMERS
from regulars.facts.events import _asked, spec
from regulars.facts.events.messages import DECODER, KINDS, NAMES_OF_KINDS
from regulars.facts.sources import sources
from regulars.kit import money
from regulars.kit.conditions.holding import Row, Values
from regulars.runtime.database import arrays
from regulars.runtime.database.offered import Value, Wanted

_NO_PARTS: Final[Mapping[str, Sequence[Values]]] = {}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Final = "products"
_IS_OURS: Final = "one.currency IS NULL OR one.currency = %(currency)s"
#: What is told of an event, and what it is made of.
_TOLD: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    **{name: (f"one.{name}", (name,)) for name in ("name", "page", "product", "category", "search", "store", "coupon")},
    "rating": ("one.rating", ("rating",)),
    "value": (f"CASE WHEN {_IS_OURS} THEN round(one.value * %(units)s)::bigint END", ("value", "currency")),
}
_OF_PARTS: Final = ("product", "category", "quantity", "price", "currency")
# Visitor by visitor, each walked from the month in which it was first seen: a planner that knows nothing of the tables
# yet would otherwise read those of everybody. Columns that nobody asks for are not worked out.
_MINE: Final = f"""
WITH mine AS MATERIALIZED (
    SELECT visitor.id, greatest(visitor.first_seen_at, asked.since) AS since, record.person
      FROM unnest(%(people)s::bigint[], %(since)s::timestamptz[]) AS asked (person, since)
     CROSS JOIN LATERAL (
            SELECT id, id AS person FROM {CUSTOMERS} WHERE id = asked.person AND person_id IS NULL
             UNION ALL SELECT id, person_id FROM {CUSTOMERS} WHERE person_id = asked.person OFFSET 0) AS record
     CROSS JOIN LATERAL (
            SELECT id, first_seen_at FROM events_visitor WHERE customer_id = record.id AND NOT is_shared OFFSET 0)
        AS visitor)
SELECT one.person, (extract(epoch FROM one.occurred_at) * 1000000)::bigint, one.kind, one.source"""  # noqa: S608 - of constants
_EVENTS: Final = """
  FROM mine AS visitor
 CROSS JOIN LATERAL (
    SELECT * FROM events_event AS event WHERE event.visitor = visitor.id
       AND event.occurred_at >= visitor.since"""
_SO: Final = f" OFFSET 0) AS event{_asked.UNDERSTOOD_OF_FEW} OFFSET 0) AS one"

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
    since_of = wanted.since_of
    since = [wanted.since or _EPOCH] * len(people)
    if since_of is not None:
        since = [since_of.get(person, _EPOCH) or _EPOCH for person in people]
    values |= {"people": arrays.of_numbers(people), "since": arrays.of_instants(since)}
    values |= {"currency": shops, "units": 10 ** money.exponent(shops)}
    names = [name for name in _TOLD if wanted.columns is None or name in wanted.columns]
    has_parts = wanted.parts is None or _PARTS in wanted.parts
    found: dict[int, list[Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_asking(names, only, has_parts=has_parts), values)
        # Many thousands of rows, most of them with three or four values; the driver takes its time over an instant.
        for person, micros, kind, source, *told in cursor.fetchall():
            known: dict[str, Value] = {"kind": NAMES_OF_KINDS[kind], "source": called[source]}
            for name, value in zip(names, told, strict=False):
                if value is not None:
                    known[name] = value
            parts = _parts(told[len(names) :]) if has_parts else _NO_PARTS
            row = Row(_EPOCH + timedelta(microseconds=micros), known, parts)
            if person in found:
                found[person].append(row)
            else:
                found[person] = [row]
    return found


def _asking(names: Sequence[str], only: str, *, has_parts: bool) -> str:
    told = [_TOLD[name][0] for name in names]
    of = dict.fromkeys(one for name in names for one in _TOLD[name][1])
    if has_parts:
        of |= dict.fromkeys(_OF_PARTS)
        told += ["one.product", "one.category", "one.quantity", "round(one.price * %(units)s)::bigint"]
        told += [f"round({_asked.AMOUNT} * %(units)s)::bigint", _IS_OURS, "one.listed"]
    made = [f"{_asked.COLUMNS[name]} AS {name}" for name in of]
    made += [f"{_asked.PRODUCTS_TOGETHER} AS listed"] if has_parts else []
    within = ", ".join(["visitor.person, event.occurred_at, event.kind, event.source", *made])
    return f"{', '.join([_MINE, *told])} FROM (SELECT {within}{_EVENTS}{only}{_SO}"


def _parts(told: Sequence[Any]) -> Mapping[str, Sequence[Values]]:
    """The products an event tells of: one, or a list of them."""
    *one, is_ours, listed = told
    if listed is not None:
        return {_PARTS: [_product(each, is_ours) for each in DECODER.decode(listed)]}
    return _NO_PARTS if one[0] is None else {_PARTS: (_product(one, is_ours),)}


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


def _product(one: Sequence[Any], is_ours: bool) -> Values:
    product, category, quantity, price, amount = one
    told: dict[str, Value] = {}
    if product is not None:
        told["product"] = product
    if category is not None:
        told["category"] = category
    if quantity is not None:
        told["quantity"] = Decimal(quantity)
    if is_ours and price is not None:
        told["price"] = price
    if is_ours and amount is not None:
        told["amount"] = amount
    return told
