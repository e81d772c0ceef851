"""What can be asked of an event, as columns of SQL. The same words read it for some people and publish it for all, so
that both say the same. Nothing personal is among them: what could be was taken out when the message came in.
"""

import json
from collections.abc import Collection, Sequence
from typing import Final

from regulars.facts.events import spec
from regulars.facts.events.messages import KINDS
from regulars.facts.events.personal import BLANK

_LONGEST: Final = 200
#: Below a million millions, for nobody pays more.
_NUMBER: Final = r"^\s*[+-]?(0*[0-9]{1,12}(\.[0-9]{0,30})?|\.[0-9]{1,30})\s*$"
#: Blanks of any kind, at both ends.
_BLANKS: Final = "E' \\t\\n\\r\\f\\v\\u00a0\\u3000'"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


_KNOWN: Final = ", ".join(
    f"({_literal(told)}, {_literal(one.name)}, {str(one.name in spec.OF_ONE_PRODUCT).lower()})"
    for told, one in spec.BY_TIDY.items()
)
_NAMES: Final = json.dumps({told: one.name for told, one in spec.BY_TIDY.items()})
_OF_ONE: Final = f"{{{','.join(told for told, one in spec.BY_TIDY.items() if one.name in spec.OF_ONE_PRODUCT)}}}"
#: After FROM …: an `event` of events_event; `told`, its properties; and `known`, what is understood of its name.
UNDERSTOOD: Final = (
    f" LEFT JOIN (VALUES {_KNOWN}) AS known (tidy, name, is_of_one)"
    f" ON event.kind = {KINDS['track']} AND known.tidy = {spec.TIDY_IN_SQL}"
    # Not merged into the query around it: each column would unpack the whole event again.
    " CROSS JOIN LATERAL (SELECT event.data -> 'properties' AS told OFFSET 0) AS properties"
)
#: The same for few events that are found one by one: without a join, which would be made ready for each visitor.
UNDERSTOOD_OF_FEW: Final = (
    " CROSS JOIN LATERAL (SELECT event.data -> 'properties' AS told OFFSET 0) AS properties"
    f" CROSS JOIN LATERAL (SELECT CASE WHEN event.kind = {KINDS['track']} THEN {_literal(_NAMES)}::jsonb"
    f" ->> {spec.TIDY_IN_SQL} END AS name, event.kind = {KINDS['track']}"
    f" AND {spec.TIDY_IN_SQL} = ANY ({_literal(_OF_ONE)}::text[]) AS is_of_one OFFSET 0) AS known"
)


def _first(found: Sequence[str]) -> str:
    return found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})"


def _text(of: str, *names: str) -> str:
    told = [
        f"CASE WHEN jsonb_typeof({of} -> '{name}') IN ('string', 'number')"
        f" THEN NULLIF(left(btrim({of} ->> '{name}', {_BLANKS}), {_LONGEST}), '') END"
        for name in names
    ]
    return _first(told)


def _amount(of: str, *names: str) -> str:
    told = [
        f"CASE WHEN jsonb_typeof({of} -> '{name}') IN ('string', 'number')"
        f" THEN CASE WHEN {of} ->> '{name}' ~ '{_NUMBER}' THEN round(({of} ->> '{name}')::numeric, 6) END END"
        for name in names
    ]
    return _first(told)


#: What a product came to: `price` times `quantity`, of one where nothing else is told.
AMOUNT: Final = (
    f"CASE WHEN abs(one.price * COALESCE(one.quantity, 1)) < {spec.LARGEST_AMOUNT}"
    " THEN round(one.price * COALESCE(one.quantity, 1), 6) END"
)
#: Whether it tells of a list of products.
IS_LIST: Final = (
    "CASE WHEN jsonb_typeof(told -> 'products') = 'array'"
    f" THEN jsonb_array_length(told -> 'products') <= {spec.MOST_PRODUCTS} ELSE false END"
)
#: What an event says, by column. `name` is what was done and `page` where somebody was, as programs call it.
COLUMNS: Final = {
    "name": f"CASE WHEN event.kind = {KINDS['track']} THEN COALESCE(known.name, NULLIF(event.name, '')) END",
    "page": f"CASE WHEN event.kind IN ({KINDS['page']}, {KINDS['screen']}) THEN NULLIF(event.name, '') END",
    "product": "COALESCE("
    + _text("told", "product_id", "productId")
    + ", CASE WHEN known.is_of_one THEN "
    + _text("told", "id")
    + " END, "
    + _text("told", "sku")
    + ")",
    "category": _text("told", "category"),
    # Where a contact was taken out, who searched was looking for somebody.
    "search": f"CASE WHEN strpos(told ->> 'query', {_literal(BLANK)}) = 0 THEN {_text('told', 'query')} END",
    "store": _text("told", "store_id", "storeId", "store"),
    "coupon": _text("told", "coupon_id", "couponId", "coupon"),
    "rating": _amount("told", "rating"),
    "quantity": _amount("told", "quantity"),
    "price": _amount("told", "price"),
    "value": _amount("told", "total", "value", "revenue"),
    "currency": f"upper({_text('told', 'currency')})",
}
_OF_A_PRODUCT: Final = {
    "product": _text("one.told", "product_id", "productId", "id", "sku"),
    "category": _text("one.told", "category"),
    "quantity": _amount("one.told", "quantity"),
    "price": _amount("one.told", "price"),
}
#: Each product of an event that tells of a list: `place` in it from one on, and what is told of it.
PRODUCTS: Final = (
    "SELECT one.place, "  # noqa: S608 - of constants
    + ", ".join(f"{sql} AS {name}" for name, sql in _OF_A_PRODUCT.items())
    + f" FROM jsonb_array_elements(CASE WHEN {IS_LIST} THEN told -> 'products' ELSE '[]' END)"
    " WITH ORDINALITY AS one (told, place) WHERE jsonb_typeof(one.told) = 'object'"
)
#: The same as one text of JSON, null where there is no list; amounts in minor units, of which `units` make one.
PRODUCTS_TOGETHER: Final = (
    f"CASE WHEN {IS_LIST} THEN (SELECT jsonb_agg(jsonb_build_array(one.product, one.category, one.quantity,"  # noqa: S608 - of constants
    f" round(one.price * %(units)s)::bigint, round({AMOUNT} * %(units)s)::bigint) ORDER BY one.place)"
    f" FROM ({PRODUCTS}) AS one)::text END"
)


def named(names: Collection[str]) -> tuple[str, list[str]]:
    """The condition, in SQL with one parameter, under which an `event` is known by one of these names."""
    others = sorted(name for name in names if spec.known(name) is None)
    understood = [name for name in names if spec.known(name) is not None]
    found = f"event.kind = {KINDS['track']} AND event.name = ANY(%(others)s)"
    return (f"({found} OR {spec.sql_of(understood)})" if understood else found), others
