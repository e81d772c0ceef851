"""One customer's dealings with the shop, newest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.goods_returns import ReturnView
from regulars.facts.commerce.orders import OrderView
from regulars.facts.company import company
from regulars.facts.events import events, spec
from regulars.facts.events.events import EventView
from regulars.facts.sources import sources
from regulars.facts.sources.sources import Source
from regulars.kit import civil, paging
from regulars.kit.paging import Page
from regulars.oversight.timeline import phrases

What = Literal["purchase", "giveaway", "adjustment", "draft", "double", "return", "visit"]
_LIST = "timeline"
_LAST = 2**63 - 1
#: Who does nothing for so long and comes back, comes for another visit.
VISIT_ENDS = timedelta(minutes=30)
#: Events looked at for each line of a page; a visit with more goes on in the next line.
EVENTS_A_LINE = 10
#: Calls that tell who somebody is, or how they are connected, are no deeds.
_DEEDS = ("track", "page", "screen")
_RANK = {OrderView: 2, ReturnView: 1, EventView: 0}


@dataclass(frozen=True)
class Line:
    """One product of a document. `amount_minor` is after the line's discount; `returned` of it came back later."""

    title: str
    ref: str
    quantity: Decimal
    amount_minor: int
    returned: Decimal


@dataclass(frozen=True)
class Moment:
    """One document, as it is told. Money in minor units of `currency`; a return's is what was paid back.

    `known_minor` of a return belongs to purchases on record; `place` is the channel, and the store where there is one.
    """

    what: What
    public_id: str
    ref: str
    at: datetime
    on: date
    place: tuple[str, ...]
    currency: str
    total_minor: int
    shipping_minor: int
    tax_minor: int
    known_minor: int
    is_cancelled: bool
    lines: Sequence[Line]


@dataclass(frozen=True)
class Deed:
    """The same thing done `count` times in a row, last at `at`: an event's name, and what it was about."""

    name: str
    what: str
    at: datetime
    count: int

    @property
    def words(self) -> str:
        """In the reader's language."""
        return phrases.told(self.name, self.what)


@dataclass(frozen=True)
class Visit:
    """What somebody did without a long pause, newest first, and where; `on` is the shop's day of its end."""

    what: What
    at: datetime
    since_at: datetime
    on: date
    sources: Sequence[str]
    deeds: Sequence[Deed]

    @property
    def count(self) -> int:
        """Events in all."""
        return sum(deed.count for deed in self.deeds)

    @property
    def most_telling(self) -> Deed:
        """What to name where there is room for one: of several alike the last."""
        return max(self.deeds, key=lambda deed: (phrases.weight(deed.name), deed.at))


def of(
    customer: int,
    cursor: str | None = None,
    *,
    size: int = 20,
    zone: str | None = None,
    known: Sequence[Source] | None = None,
) -> Page[Moment | Visit]:
    """Orders, returns and visits, newest first; at one instant an order before what came back. Three queries, and two
    more where there are events and the caller has neither the shop's `zone` nor the sources, `known`.

    Refuses a cursor of another list with BadCursor.
    """
    paging.check_size(size)
    before: dict[int, tuple[datetime, int]] = {}
    if cursor is not None:
        at, rank, number = paging.decode(cursor, _LIST, datetime, int, int)
        assert isinstance(at, datetime)
        assert isinstance(rank, int)
        assert isinstance(number, int)
        before = {one: (at, number if one == rank else _LAST if one < rank else 0) for one in _RANK.values()}
    most = size * EVENTS_A_LINE
    done = events.of_customer(customer, before=before.get(_RANK[EventView]), kinds=_DEEDS, limit=most)
    found: list[OrderView | ReturnView | EventView] = [
        *orders.of_customer(customer, before=before.get(_RANK[OrderView]), limit=size + 1),
        *goods_returns.of_customer(customer, before=before.get(_RANK[ReturnView]), limit=size + 1),
        *done,
    ]
    found.sort(key=_place, reverse=True)
    if len(done) == most:
        # What is older than the last of these events may have others before it.
        found = [one for one in found if _place(one) >= _place(done[-1])]
    if known is None:
        known = sources.every() if done else ()
    by_number = {source.id: source for source in known}
    clock = civil.zone(zone or company.shop().zone) if done else None
    runs: list[list[OrderView | ReturnView | EventView]] = []
    taken = 0
    for one in found:
        if isinstance(one, EventView) and _is_told(one, by_number):
            taken += 1
            continue
        if not (runs and _goes_on(runs[-1][-1], one)):
            if len(runs) == size:
                break
            runs.append([])
        runs[-1].append(one)
        taken += 1
    is_last = taken == len(found) and len(done) < most
    return Page(
        tuple(_told_run(run, by_number, clock) for run in runs),
        None if is_last or not found else paging.encode(_LIST, _place(found[taken - 1])),
    )


def _place(one: OrderView | ReturnView | EventView) -> tuple[datetime, int, int]:
    if isinstance(one, OrderView):
        return one.placed_at, _RANK[OrderView], one.id
    if isinstance(one, ReturnView):
        return one.returned_at, _RANK[ReturnView], one.id
    return one.occurred_at, _RANK[EventView], one.id


def _is_told(event: EventView, known: dict[int, Source]) -> bool:
    """Where a source's orders are taken for orders, the document stands in the timeline already."""
    if event.source not in known or not known[event.source].is_order_feed:
        return False
    understood = spec.known(event.name)
    return understood is not None and understood.group == "order"


def _goes_on(later: OrderView | ReturnView | EventView, one: OrderView | ReturnView | EventView) -> bool:
    """Whether both are events of one visit."""
    return (
        isinstance(later, EventView)
        and isinstance(one, EventView)
        and later.occurred_at - one.occurred_at <= VISIT_ENDS
    )


def _told_run(
    run: Sequence[OrderView | ReturnView | EventView], known: dict[int, Source], zone: ZoneInfo | None
) -> Moment | Visit:
    first = run[0]
    if not isinstance(first, EventView):
        return _told(first)
    assert zone is not None, "it was asked for with the events"
    done = [event for event in run if isinstance(event, EventView)]
    deeds: list[Deed] = []
    for event in done:
        name = event.name if event.kind == "track" else f":{event.kind}"
        what = phrases.subject(name, event.properties, called=event.name)
        if deeds and (deeds[-1].name, deeds[-1].what) == (name, what):
            deeds[-1] = Deed(name, what, deeds[-1].at, deeds[-1].count + 1)
        else:
            deeds.append(Deed(name, what, event.occurred_at, 1))
    names = dict.fromkeys(known[event.source].name for event in done if event.source in known)
    on = civil.day_of(first.occurred_at, zone)
    return Visit("visit", first.occurred_at, done[-1].occurred_at, on, tuple(names), deeds)


def _told(document: OrderView | ReturnView) -> Moment:
    return _return(document) if isinstance(document, ReturnView) else _order(document)


def _return(document: ReturnView) -> Moment:
    return Moment(
        what="return",
        public_id=document.public_id,
        ref=document.ref,
        at=document.returned_at,
        on=document.returned_on,
        place=(),
        currency=document.currency,
        total_minor=document.amount_minor,
        shipping_minor=0,
        tax_minor=0,
        known_minor=document.matched_minor,
        is_cancelled=document.is_void,
        lines=[Line(one.title, one.product_ref, one.quantity, one.amount_minor, Decimal(0)) for one in document.lines],
    )


def _order(document: OrderView) -> Moment:
    kinds: dict[str, What] = {
        "giveaway": "giveaway",
        "adjustment": "adjustment",
        "draft": "draft",
        "double": "double",
    }
    return Moment(
        what=kinds.get(document.kind, "purchase"),
        public_id=document.public_id,
        ref=document.ref,
        at=document.placed_at,
        on=document.placed_on,
        place=tuple(part for part in (document.channel, document.store) if part),
        currency=document.currency,
        total_minor=document.total_minor,
        shipping_minor=document.shipping_minor,
        tax_minor=document.tax_minor,
        known_minor=0,
        is_cancelled=document.cancelled_at is not None,
        lines=[
            Line(one.title, one.product_ref, one.quantity, one.amount_minor, one.returned_quantity)
            for one in document.lines
        ],
    )
