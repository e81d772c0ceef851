"""People with points; a test says only what matters to it."""

from datetime import UTC, datetime, timedelta
from itertools import count

from regulars.facts.customers import customers
from regulars.kit.actors import Actor
from regulars.levers.loyalty import points, reasons
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.models import Entry, Lot
from regulars.levers.loyalty.reasons import Reason

MONDAY = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
DAY = timedelta(days=1)
FRIDAY = MONDAY + 4 * DAY
MAREK = Actor("operator", "7")
THE_SHOP = Actor("connector", "shop")
_number = count(1)


def key() -> str:
    """One nobody has used."""
    return f"k{next(_number)}"


def a_member(ref="priya", **points_by_expiry) -> int:
    """Somebody with points: `a_member("li", points=50)`; each other word is a lot of its own."""
    number = customers.resolve_many(namespace="shop", refs=[ref], at=MONDAY, by=MAREK, origin="live")[ref]
    for amount in points_by_expiry.values():
        if amount:
            an_award(number, amount)
    return number


def an_award(customer, amount, *, at=MONDAY, **more) -> int:
    """The number of the entry."""
    done = points.award(customer=customer, amount=amount, key=key(), at=at, by=THE_SHOP, **more)
    return done.of("award").id


def spends(customer, amount, *, at=MONDAY) -> int:
    return points.redeem(customer=customer, amount=amount, key=key(), at=at, by=THE_SHOP).of("redeem").id


def takes_back(entry, *, at=MONDAY, **more):
    return points.reverse(entry=entry, key=key(), at=at, by=MAREK, **more)


def has(customer, *, at=MONDAY, **more) -> tuple[int, int, int, int]:
    """Pending, available, held, owed."""
    now = points.balance(customer=customer, at=at, **more)
    return now.pending, now.available, now.held, now.debt


def said(customer) -> list[str]:
    """Kind and reason of each entry, in order."""
    rows = Entry.objects.filter(account__customer_id=customer).order_by("id")
    return [f"{row.kind}: {reasons.say(Reason(row.reason, row.arguments))}" for row in rows]


def lots_of(customer, *, at) -> list[tuple[object, ...]]:
    """Where each of the lots on the customer's account is, when all that is due by `at` is booked."""
    clockwork.book_due(at=at, by=THE_SHOP)
    amounts = ("pending", "available", "held", "spent", "lapsed", "taken_back", "settled", "short", "owed")
    found = Lot.objects.filter(account__customer_id=customer).order_by("id")
    return list(found.values_list("record_id", "original", "expires_on", *amounts))
