"""What this room offers of a customer to conditions, templates and lists: when they were here, what they did."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from regulars.facts.events import asking, events, words
from regulars.facts.events.events import Summary
from regulars.facts.sources import plan, sources
from regulars.runtime.database.offered import Collection, Column, Field, Part, Value


def _of(pick: Callable[[Summary], Value | None]) -> Callable[[Sequence[int]], Mapping[int, Value]]:
    def read(wanted: Sequence[int]) -> Mapping[int, Value]:
        found = {number: pick(one) for number, one in events.summaries(wanted).items()}
        return {number: value for number, value in found.items() if value is not None}

    return read


def _last_source(wanted: Sequence[int]) -> Mapping[int, Value]:
    names = {source.id: source.name for source in sources.every()}
    found = events.summaries(wanted)
    return {number: names[one.last_source] for number, one in found.items() if one.last_source in names}


_VISITORS = (
    "FROM visitors AS visitor JOIN customers AS customer ON customer.customer_id = visitor.customer_id{joined}"
    " WHERE NOT visitor.is_shared"
)


def _of_everyone(what: str) -> str:
    visitors = _VISITORS.format(joined="")
    return f"SELECT customer.person_id AS person, {what} AS value {visitors} GROUP BY customer.person_id"


_LAST_SOURCE_OF_EVERYONE = (
    "SELECT person, value FROM (SELECT customer.person_id AS person, visitor.last_source AS value, row_number() OVER"  # noqa: S608 - of constants
    " (PARTITION BY customer.person_id ORDER BY visitor.last_seen_at DESC, visitor.first_seen_at, visitor.visitor_id)"
    f" AS place {_VISITORS.format(joined='')}) AS visitor WHERE place = 1 AND value IS NOT NULL"
)
_PRODUCTS = " JOIN visitor_products AS product ON product.visitor_id = visitor.visitor_id"
_PRODUCTS_OF_EVERYONE = (
    "SELECT person, value FROM (SELECT person, value,"  # noqa: S608 - of constants
    " row_number() OVER (PARTITION BY person ORDER BY seen_at DESC, value) AS place"
    " FROM (SELECT customer.person_id AS person, product.ref AS value, max(product.at) AS seen_at"
    f" {_VISITORS.format(joined=_PRODUCTS)} GROUP BY customer.person_id, product.ref) AS seen) AS seen"
    f" WHERE place <= {events.MOST_PRODUCTS}"
)

FIELDS: tuple[Field, ...] = (
    Field(
        name="events.last_seen_at",
        type="timestamp",
        kind="fact",
        label=_("Last seen"),
        meaning=_("When they were last active in a shop, an app or on a page."),
        read=_of(lambda one: one.last_seen_at.astimezone(UTC)),
        everyone=_of_everyone("max(visitor.last_seen_at)"),
    ),
    Field(
        name="events.last_source",
        type="text",
        kind="fact",
        label=_("Last seen in"),
        meaning=_("The source of events they were last active in."),
        read=_last_source,
        everyone=_LAST_SOURCE_OF_EVERYONE,
    ),
    Field(
        name="events.events",
        type="int64",
        kind="fact",
        label=_("Events"),
        meaning=_("How many events of theirs came in."),
        read=_of(lambda one: one.events),
        everyone=_of_everyone("CAST(sum(visitor.events) AS BIGINT)"),
    ),
    Field(
        name="events.products_viewed",
        type="texts",
        kind="fact",
        label=_("Products viewed"),
        meaning=_("The products they looked at last, by their number in the source."),
        read=_of(lambda one: tuple(product.ref for product in one.viewed) or None),
        everyone=_PRODUCTS_OF_EVERYONE,
    ),
)

_CALLS: Final = {
    "track": _("Something done"),
    "page": _("A page seen"),
    "screen": _("A screen of an app seen"),
    "identify": _("Told who they are"),
    "group": _("Told where they belong"),
    "alias": _("Got another name"),
}


def _names() -> Sequence[tuple[str, str | Promise]]:
    return [(name, words.of(name)) for name in asking.names(plan.names())]


def _sources() -> Sequence[tuple[str, str | Promise]]:
    return [(source.name, source.name) for source in sources.every()]


COLLECTIONS: tuple[Collection, ...] = (
    Collection(
        name="events.events",
        label=_("Events"),
        did=_("did something"),
        columns=(
            Column("name", "text", _("What was done"), _names),
            Column("kind", "text", _("Kind of call"), lambda: list(_CALLS.items())),
            Column("source", "text", _("Source"), _sources),
            Column("page", "text", _("Page or screen")),
            Column("product", "text", _("Product")),
            Column("category", "text", _("Category")),
            Column("search", "text", _("Searched for")),
            Column("store", "text", _("Store")),
            Column("coupon", "text", _("Coupon")),
            Column("rating", "decimal", _("Rating")),
            Column("value", "money", _("What it was worth")),
        ),
        read=asking.read,
        everyone=asking.EVERYONE,
        parts=(
            Part(
                "products",
                _("Products"),
                (
                    Column("product", "text", _("Product")),
                    Column("category", "text", _("Category")),
                    Column("quantity", "decimal", _("Quantity")),
                    Column("price", "money", _("Price")),
                    Column("amount", "money", _("Amount")),
                ),
                asking.PRODUCTS_OF_EVERYONE,
            ),
        ),
    ),
)
