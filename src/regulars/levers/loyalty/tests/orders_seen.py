"""Orders as rules see them; a test says only what matters to it."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from regulars.kit.conditions.vocabulary import Asked, Vocabulary
from regulars.levers.loyalty import programme_files
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import deciding
from regulars.levers.loyalty.rules.deciding import Decision, no_limit
from regulars.levers.loyalty.rules.views import Context, LineView, OrderView

#: A Tuesday.
TUESDAY = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
ASKED = Vocabulary(
    {
        "customers.country": Asked("customers.country", "text", "country"),
        "customers.gender": Asked("customers.gender", "text", "gender"),
        "measures.churn": Asked("measures.churn", "decimal", "churn", kind="prediction"),
    },
    {},
    "GBP",
    {"aud_regulars": "Regulars"},
)


def a_line(number=1, price="80.00", *, quantity=1, kept=None, **more) -> LineView:
    amount = int(Decimal(price) * 100) * quantity
    whole = Decimal(quantity)
    return LineView(number, whole, whole if kept is None else Decimal(kept), amount, **more)


def an_order(*lines: LineView, at=TUESDAY, paid=None, **more) -> OrderView:
    """An order of these lines, all of it paid and kept unless said otherwise."""
    lines = lines or (a_line(),)
    total = sum(line.amount_minor for line in lines) - more.get("discount_minor", 0) + more.get("shipping_minor", 0)
    if not more.get("prices_include_tax"):
        total += more.get("tax_minor", 0)
    values = {
        "total_minor": total,
        "due_minor": total,
        "kept_minor": total if paid is None else paid,
        "currency": "GBP",
    }
    return OrderView(placed_at=at, placed_on=at.date(), lines=lines, **(values | more))


def a_programme(*rules: str, above: str = "", customers=ASKED) -> Programme:
    """A programme of these rules, each in one line of YAML; `above` is what stands beside them."""
    text = f"programme: tried\n{above}\nrules:\n" + "\n".join(f"  - {{{rule}}}" for rule in rules)
    return programme_files.read(text, currency="GBP", zone="Europe/London", customers=customers)


#: Read once, where the same is asked of a thousand people.
_read_once = lru_cache(maxsize=64)(a_programme)


def decided(*rules: str, order=None, context=None, above: str = "", limit=no_limit) -> Decision:
    programme = _read_once(*rules, above=above)
    return deciding.of_order(programme.of_orders, order or an_order(), context or Context(), programme.terms, limit)


def given(*rules: str, **more) -> dict[str, int]:
    return {grant.rule: grant.parts for grant in decided(*rules, **more).grants}


HALF_A_POUND = Fraction(1, 2)
