"""Orders out of events: what a source that is the order feed tells of orders becomes commerce's orders and returns.

What any other source tells of orders stays behaviour, so that one sale told twice counts once. An order is what all the
events told of it come to: the latest says what is on it, the first when it was placed, so that neither a repeat nor
another order of arrival makes a difference. Money that goes back waits until its order is there.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final, Literal, cast

import msgspec
import polars as pl
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import Count, Q
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import goods_returns
from regulars.facts.commerce import orders as on_record
from regulars.facts.commerce.goods_returns import ReturnBatch, ReturnView
from regulars.facts.commerce.orders import OrderBatch, OrderView
from regulars.facts.commerce.return_reports import ReturnLineReport, ReturnReport
from regulars.facts.company import company
from regulars.facts.events import _sums, aside, personal, spec
from regulars.facts.events._sums import Sale, Unusable
from regulars.facts.events.messages import DECODER
from regulars.facts.events.models import OrderEvent as Row
from regulars.facts.events.stream import Event
from regulars.facts.sources import sources
from regulars.kit import civil
from regulars.kit.actors import Actor, Origin
from regulars.kit.money import Money, to_minor
from regulars.kit.refusals import Refusal
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

State = Literal["applied", "waiting", "failed", "set_aside"]
#: First half of the advisory lock under which orders are put together, one at a time.
LOCK_CLASS = 7266
BY = Actor("system", "events.orders")
_SALES: Final = ("Order Completed", "Order Updated", "Till Sale")
_PLACES: Final = ("Order Completed", "Till Sale")
_OTHERS: Final = ("Order Refunded", "Order Cancelled", "Till Return")
NAMES: Final = frozenset([*_SALES, *_OTHERS])
#: Which events the stream's reader is given.
ONLY: Final = spec.sql_of(NAMES)
#: Applied, although there was nothing left for it to do.
_NOTHING_LEFT = "nothing_left"
_IS_DONE = Q(state="applied") & ~Q(code=_NOTHING_LEFT)
_OPEN: Final = ("waiting", "failed")
#: What one call tries again or sets aside at most, and how many of them share a transaction.
MOST_AT_ONCE = 1_000
_LOT = 200
_LONGEST_WHY = 300
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Told:
    """One event as its source told it. `properties` with exact numbers; `user` as the source calls the customer, an
    e-mail address or a telephone number too, None for a guest."""

    event: int
    source: int
    name: str
    occurred_at: datetime
    origin: Origin
    properties: Mapping[str, Any]
    user: str | None


@dataclass(frozen=True)
class Done:
    """What became of an event that tells of an order. `why` says what was odd, or what is missing; `order` is its
    number in commerce where it is known."""

    event: int
    source: int
    name: str
    ref: str
    occurred_at: datetime
    state: State
    code: str
    why: str
    order: int | None


@dataclass(frozen=True)
class Tried:
    """What became of many that were tried again, and how many more there are to try."""

    applied: int
    waiting: int
    failed: int
    left: int


class NotAnOrderEvent(Refusal):
    """No event of that number tells of an order."""

    code = "events.not_an_order_event"


class OnRecord(Refusal):
    """What the event tells of is on record, so there is nothing to set aside."""

    code = "events.order_on_record"


def apply(*, events: Sequence[Told], at: datetime, by: Actor) -> list[Done]:
    """Put on record what these events tell of orders: one answer for each that does, from a source that is the feed.

    In the caller's transaction, or one of its own. The event is the key: again changes nothing. Sales of all events go
    together, some twenty statements; what goes back goes one by one. What cannot be done stays in `problems`.
    """
    feeds = {one.id: one for one in sources.every() if one.is_order_feed}
    mine = {told.event: told for told in events if told.source in feeds and spec.canonical(told.name) in NAMES}
    if not mine:
        return []
    with transaction.atomic():
        _lock()
        known = set(Row.objects.filter(event__in=mine).values_list("event", flat=True))
        fresh = [
            Row(
                event=told.event,
                source=told.source,
                namespace=feeds[told.source].namespace,
                name=spec.canonical(told.name),
                ref=spec.order(told.properties)[0].order_id,
                user_ref=None if told.user is None or personal.is_contact(told.user) else told.user,
                is_user_hidden=told.user is not None and personal.is_contact(told.user),
                occurred_at=told.occurred_at,
                origin=told.origin,
                told=_ENCODER.encode(dict(told.properties)).decode(),
                state="waiting",
            )
            for told in mine.values()
            if told.event not in known
        ]
        Row.objects.bulk_create(fresh)
        users = {told.event: told.user for told in mine.values() if told.user is not None}
        _Work(at, by, users, company.shop()).go(fresh)
        return [_done(row) for row in Row.objects.filter(event__in=mine).order_by("event")]


def take(events: Sequence[Event], *, origin: Origin | None = None, at: datetime | None = None, by: Actor = BY) -> None:
    """`apply` for what comes down the stream, in the reader's transaction. `origin` and `at` where they are not the
    events' own."""
    feeds = {one.id for one in sources.every() if one.is_order_feed}
    told = [
        Told(
            event=event.id,
            source=event.source,
            name=event.name,
            occurred_at=event.occurred_at,
            origin=origin or cast(Origin, event.origin),
            properties=event.data.get("properties", {}),
            user=event.user_ref or _hidden_user(event.id),
        )
        for event in events
        if event.source in feeds and spec.canonical(event.name) in NAMES
    ]
    apply(events=told, at=at or max(event.received_at for event in events), by=by)


def problems(
    *, state: State | None = None, source: int | None = None, before: int | None = None, limit: int = 50
) -> list[Done]:
    """What waits for its order or failed, newest first; with `state` "applied" what was done although it was odd, with
    "set_aside" what nobody waits for."""
    rows = Row.objects.order_by("-event")
    if state is None:
        rows = rows.filter(state__in=_OPEN)
    else:
        rows = rows.filter(state=state)
        if state == "applied":
            rows = rows.exclude(why="")
    if source is not None:
        rows = rows.filter(source=source)
    if before is not None:
        rows = rows.filter(event__lt=before)
    return [_done(row) for row in rows[:limit]]


def open_each() -> dict[int, int]:
    """How many events of orders failed or wait, by source; sources without any are left out. One query."""
    counted = Row.objects.filter(state__in=_OPEN).values("source").annotate(n=Count("event"))
    return {one["source"]: one["n"] for one in counted}


def of_order(*, namespace: str, ref: str) -> list[Done]:
    """All that was told of one order, in the order in which it happened."""
    return [_done(row) for row in Row.objects.filter(namespace=namespace, ref=ref).order_by("occurred_at", "event")]


def retry(*, event: int, at: datetime, by: Actor) -> Done:
    """Try again what waits, failed or was set aside, as after the shop's settings were mended. Done already changes
    nothing."""
    return retry_many(events=[event], at=at, by=by)[0]


def retry_many(*, events: Sequence[int], at: datetime, by: Actor) -> list[Done]:
    """`retry` for each of them, in one transaction. Refuses a number that is none of an order's event."""
    with transaction.atomic():
        _lock()
        open_ = [row for row in _rows(events).values() if row.state != "applied"]
        for row in open_:
            trail.record(by=by, verb="events.orders.retry", subject=f"event:{row.event}", at=at)
        _again(open_, at, by)
        return [_done(row) for row in Row.objects.filter(event__in=events).order_by("event")]


def retry_all(*, source: int, limit: int = MOST_AT_ONCE, at: datetime, by: Actor) -> Tried:
    """`retry` for what waits or failed of a source, oldest first. One line in the trail; a transaction for each 200,
    so that what was done stays done where a later one is interrupted."""
    limit = min(limit, MOST_AT_ONCE)
    waiting = list(Row.objects.filter(source=source, state__in=_OPEN).order_by("event").values_list("event", flat=True))
    numbers = waiting[:limit]
    ended: Counter[str] = Counter()
    for start in range(0, len(numbers), _LOT):
        lot = numbers[start : start + _LOT]
        with transaction.atomic():
            _lock()
            _again(list(Row.objects.filter(event__in=lot, state__in=_OPEN)), at, by)
            ended.update(Row.objects.filter(event__in=lot).values_list("state", flat=True))
    if numbers:
        trail.record(
            by=by, verb="events.orders.retry_all", subject=f"source:{source}", at=at, after={"events": len(numbers)}
        )
    return Tried(ended["applied"], ended["waiting"], ended["failed"], len(waiting) - len(numbers))


def set_aside(*, event: int, why: aside.Why, at: datetime, by: Actor) -> Done:
    """Nobody waits for it any more: it leaves the lists, and another event of its order does not bring it back. Trying
    it again does. Set aside already changes nothing; refuses what is on record."""
    with transaction.atomic():
        _lock()
        row = _rows([event])[event]
        if row.state == "applied":
            raise OnRecord(
                _("event: %(event)s is on record already; nothing is left to do") % {"event": event},
                field="event",
                value=event,
            )
        if row.state != "set_aside":
            _put_aside([row], at, by, why)
    return _done(row)


def set_aside_all(
    *, source: int, code: str = "", limit: int = MOST_AT_ONCE, why: aside.Why, at: datetime, by: Actor
) -> int:
    """`set_aside` for what failed of a source, with a `code` or all, oldest first; what waits for its order goes on
    waiting. How many."""
    with transaction.atomic():
        _lock()
        rows = Row.objects.filter(source=source, state="failed").order_by("event")
        if code:
            rows = rows.filter(code=code)
        failed = list(rows[: min(limit, MOST_AT_ONCE)])
        _put_aside(failed, at, by, why)
    return len(failed)


def _rows(events: Sequence[int]) -> dict[int, Row]:
    rows = {row.event: row for row in Row.objects.filter(event__in=events)}
    for event in events:
        if event not in rows:
            raise NotAnOrderEvent(
                _("event: %(event)s tells of no order; look at the list") % {"event": event}, field="event", value=event
            )
    return rows


def _again(rows: Sequence[Row], at: datetime, by: Actor) -> None:
    for row in rows:
        row.state, row.code, row.why = "waiting", "", ""
    Row.objects.bulk_update(rows, ["state", "code", "why"])
    _Work(at, by, {}, company.shop()).go(rows)


def _put_aside(rows: Sequence[Row], at: datetime, by: Actor, why: aside.Why) -> None:
    for row in rows:
        before, row.state = row.state, "set_aside"
        trail.record(
            by=by,
            verb="events.orders.set_aside",
            subject=f"event:{row.event}",
            at=at,
            before={"state": before},
            after={"state": row.state},
            why=why,
        )
    Row.objects.bulk_update(rows, ["state"])


@dataclass(frozen=True)
class _Standing:
    """One order as all its events together tell it. `version` grows with every event."""

    rows: Sequence[Row]
    sale: Sale
    placed_at: datetime
    version: datetime
    origin: Origin

    @property
    def ref(self) -> str:
        return self.sale.ref

    @property
    def open(self) -> list[Row]:
        return [row for row in self.rows if row.state == "waiting"]


@dataclass(frozen=True)
class _Work:
    """One run over events that have their rows."""

    at: datetime
    by: Actor
    users: Mapping[int, str]
    shop: company.Shop

    def go(self, rows: Sequence[Row]) -> None:
        recorded: set[tuple[str, str]] = set()
        sales = [row for row in rows if row.name in _SALES]
        for namespace, some in groupby(sorted(sales, key=lambda row: row.namespace), key=lambda row: row.namespace):
            recorded |= {(namespace, ref) for ref in self._sell(namespace, list(some))}
        others = {row.event: row for row in rows if row.name in _OTHERS}
        for namespace, ref in sorted(recorded):
            # What came before its order, or before the version of it that has what goes back.
            back = Row.objects.filter(namespace=namespace, ref=ref, name__in=_OTHERS).exclude(state="set_aside")
            for row in back.exclude(_IS_DONE):
                others.setdefault(row.event, row)
        for row in sorted(others.values(), key=lambda row: (row.occurred_at, row.event)):
            self._settle(row, self._give_back)

    def _sell(self, namespace: str, fresh: Sequence[Row]) -> set[str]:
        """The references of orders that are on record now."""
        for row in fresh:
            try:
                self._sale(row)
            except (Unusable, Refusal) as no:
                _fail(row, no.code, no.why if isinstance(no, Unusable) else no.message)
        _save([row for row in fresh if row.state == "failed"])
        refs = {row.ref for row in fresh if row.state == "waiting"}
        told: dict[str, list[Row]] = {}
        counting = Row.objects.filter(namespace=namespace, ref__in=refs, name__in=_SALES)
        for row in counting.exclude(state__in=("failed", "set_aside")):
            told.setdefault(row.ref, []).append(row)
        standing = [self._standing(rows) for rows in told.values()]
        done: set[str] = set()
        for origin in ("live", "history"):
            done |= self._record(namespace, [one for one in standing if one.origin == origin], origin)
        return done

    def _sale(self, row: Row) -> Sale:
        told, unread = spec.order(DECODER.decode(row.told))
        return _sums.sale(told, unread, is_till=row.name == "Till Sale", shops_currency=self.shop.currency)

    def _standing(self, rows: Sequence[Row]) -> "_Standing":
        """What an order comes to by all that was told of it. What is told later counts one microsecond more with each
        event, so that commerce takes every new state for a newer one, whatever was told first."""
        in_order = sorted(rows, key=lambda row: (row.occurred_at, row.event))
        placed = [row.occurred_at for row in in_order if row.name in _PLACES]
        return _Standing(
            rows=in_order,
            sale=self._sale(in_order[-1]),
            placed_at=min(placed, default=in_order[0].occurred_at),
            version=in_order[-1].occurred_at + _MICROSECOND * (len(in_order) - 1),
            origin=cast(Origin, max(rows, key=lambda row: row.event).origin),
        )

    def _record(self, namespace: str, standing: Sequence["_Standing"], origin: str) -> set[str]:
        if not standing:
            return set()
        try:
            with transaction.atomic():
                batch = self._batch(namespace, standing, cast(Origin, origin))
                outcome = on_record.record_many(batch=batch, at=self.at, by=self.by)
        except (OperationalError, InterfaceError):
            raise
        except (Refusal, DatabaseError, pl.exceptions.PolarsError) as problem:
            if len(standing) > 1:
                middle = len(standing) // 2
                return self._record(namespace, standing[:middle], origin) | self._record(
                    namespace, standing[middle:], origin
                )
            for row in standing[0].open:
                _fail(row, getattr(problem, "code", "unstorable"), _said(problem))
                _save([row])
            return set()
        open_ = [row for one in standing for row in one.open]
        for one in standing:
            for row in one.open:
                if one.ref in outcome.conflicts or one.ref in outcome.stale:
                    _fail(
                        row,
                        "newer_on_record",
                        f"order_id: {one.ref!r} is on record from elsewhere, later or differently; it stays as it is",
                    )
                else:
                    _finish(row, outcome.ids[one.ref], "; ".join(self._sale(row).remarks))
        _save(open_)
        return set(outcome.ids)

    def _batch(self, namespace: str, standing: Sequence["_Standing"], origin: Origin) -> OrderBatch:
        zone = civil.zone(self.shop.zone)
        heads: list[dict[str, Any]] = []
        lines: list[dict[str, Any]] = []
        for one in standing:
            sale = one.sale
            heads.append(
                {
                    "ref": sale.ref,
                    "customer_ref": self._user(one.rows),
                    "channel": sale.channel,
                    "store": sale.store,
                    "placed_at": one.placed_at,
                    "placed_on": civil.day_of(one.placed_at, zone),
                    "currency": sale.currency,
                    "is_adjustment": False,
                    "discount_minor": sale.discount_minor,
                    "shipping_minor": sale.shipping_minor,
                    "tax_minor": sale.tax_minor,
                    "total_minor": sale.total_minor,
                    "source_updated_at": one.version,
                }
            )
            lines += [
                {
                    "ref": sale.ref,
                    "number": line.number,
                    "product_ref": line.product_ref,
                    "title": line.title,
                    "category": line.category,
                    "quantity": line.quantity,
                    "unit_price": line.unit_price,
                    "amount_minor": line.amount_minor,
                    "discount_minor": 0,
                }
                for line in sale.lines
            ]
        return OrderBatch(
            namespace,
            pl.DataFrame(heads, schema=on_record.ORDERS),
            pl.DataFrame(lines, schema=on_record.LINES),
            origin,
        )

    def _user(self, rows: Iterable[Row]) -> str | None:
        """Whose order it is: the user told last. A guest's where no event names one."""
        for row in sorted(rows, key=lambda row: (row.occurred_at, row.event), reverse=True):
            if row.user_ref is not None:
                return str(row.user_ref)
            if row.is_user_hidden and (user := self.users.get(row.event) or _hidden_user(row.event)):
                return user
        return None

    def _settle(self, row: Row, step: Callable[[Row], object]) -> None:
        """Do the step; what says no to it is written down, and the rest goes on."""
        try:
            with transaction.atomic():
                step(row)
        except Unusable as no:
            _fail(row, no.code, no.why)
        except (OperationalError, InterfaceError):
            raise
        except (Refusal, DatabaseError, pl.exceptions.PolarsError) as problem:
            _fail(row, getattr(problem, "code", "unstorable"), _said(problem))
        _save([row])

    def _give_back(self, row: Row) -> None:
        order, unread = spec.refund(DECODER.decode(row.told))
        remarks = _sums.check(unread, also=spec.GOING_BACK)
        if row.name == "Till Return" and not order.order_id:
            self._take_in(row, order, remarks)
            return
        if not order.order_id:
            raise Unusable("no_order_id", "order_id: it is missing; send the number of the order it belongs to")
        sold = on_record.by_ref(namespace=row.namespace, ref=order.order_id)
        if sold is None:
            row.code, row.why = "order_unknown", f"order_id: {order.order_id!r} is not on record yet; this waits for it"
            return
        if row.name == "Order Cancelled":
            on_record.cancel(order=sold.id, at=row.occurred_at, by=self.by, origin=cast(Origin, row.origin))
            _finish(row, sold.id, "; ".join(remarks))
        else:
            self._refund(row, order, sold, remarks)

    def _refund(self, row: Row, told: spec.Order, sold: OrderView, remarks: list[str]) -> None:
        if told.currency and told.currency != sold.currency:
            raise Unusable(
                "other_currency",
                f"currency: {told.currency!r} is told, the order is in {sold.currency}; send the refund in the order's",
            )
        total = None if told.total is None else abs(to_minor(told.total, sold.currency))
        if sold.cancelled_at is not None or not any(line.quantity > line.returned_quantity for line in sold.lines):
            # Shops tell of a refund after a cancellation, and of a part after the whole: nothing is missing.
            why = "cancelled" if sold.cancelled_at is not None else "given back already"
            remarks.append(f"order_id: all of {sold.ref!r} is {why}; nothing was left")
            _finish(row, sold.id, "; ".join(remarks), _NOTHING_LEFT)
            return
        lines = _sums.coming_back(sold, told.products) if told.products else None
        earlier = goods_returns.of_order(sold.id) if lines is None else []
        worth = sold.goods_minor - sold.discount_minor
        left = worth - sum(one.amount_minor for one in earlier)
        has_money_alone = any(one.money_minor for one in earlier)
        if lines is None and total is not None and total < (worth if has_money_alone else left):
            self._refund_money(row, told, sold, min(total, left), remarks)
            return
        if lines is None and has_money_alone:
            back = self._refund_rest(row, told, sold, left)
        else:
            back = goods_returns.refund(
                order=sold.id,
                lines=lines,
                key=told.return_id or f"event:{row.event}",
                at=row.occurred_at,
                by=self.by,
                origin=cast(Origin, row.origin),
            )
        if total is not None and total not in (back.amount_minor, sold.total_minor):
            remarks.append(
                f"total: {Money(total, sold.currency)} went back, {Money(back.amount_minor, sold.currency)} of it for"
                f" these goods, {Money(abs(total - back.amount_minor), sold.currency)} apart"
            )
        _finish(row, sold.id, "; ".join(remarks))

    def _refund_money(self, row: Row, told: spec.Order, sold: OrderView, amount: int, remarks: list[str]) -> None:
        """Less than the order is worth went back and nobody says what for: money, and all goods stay sold."""
        if amount <= 0:
            remarks.append(f"total: all that was paid for {sold.ref!r} went back already; nothing was left")
            _finish(row, sold.id, "; ".join(remarks), _NOTHING_LEFT)
            return
        self._put_back(row, told, sold, (), amount)
        remarks.append(
            f"total: {Money(amount, sold.currency)} went back and no products are named; it is money for no goods"
        )
        _finish(row, sold.id, "; ".join(remarks))

    def _refund_rest(self, row: Row, told: spec.Order, sold: OrderView, left: int) -> ReturnView:
        """All goods that are left came back, for the money that is left after some went back for no goods."""
        back = [
            ReturnLineReport(
                product_ref=line.product_ref,
                quantity=line.quantity - line.returned_quantity,
                amount_minor=to_minor((line.quantity - line.returned_quantity) * line.unit_price, sold.currency),
                of_line=line.number,
            )
            for line in sold.lines
            if line.quantity > line.returned_quantity
        ]
        return self._put_back(row, told, sold, back, left)

    def _put_back(
        self, row: Row, told: spec.Order, sold: OrderView, lines: Sequence[ReturnLineReport], amount: int
    ) -> ReturnView:
        report = ReturnReport(
            namespace=row.namespace,
            ref=told.return_id or f"event:{row.event}",
            returned_at=row.occurred_at,
            currency=sold.currency,
            order_ref=sold.ref,
            lines=lines,
            amount_minor=amount,
            source_updated_at=row.occurred_at,
        )
        return goods_returns.record(report=report, at=self.at, by=self.by, origin=cast(Origin, row.origin))

    def _take_in(self, row: Row, told: spec.Order, remarks: list[str]) -> None:
        """A return at the till without a receipt: matched to what its customer bought, first in, first out."""
        if not told.products:
            raise Unusable("no_products", "products: it names none; send what came back")
        currency = told.currency or self.shop.currency
        if not told.currency:
            remarks.append(f"currency: it is missing; the shop's {currency} was taken")
        head = {
            "ref": told.return_id or f"event:{row.event}",
            "customer_ref": self._user([row]),
            "order_ref": None,
            "returned_at": row.occurred_at,
            "returned_on": civil.day_of(row.occurred_at, civil.zone(self.shop.zone)),
            "currency": currency,
            "source_updated_at": row.occurred_at,
        }
        lines = [
            {
                "ref": head["ref"],
                "number": line.number,
                "product_ref": line.product_ref,
                "title": line.title,
                "category": line.category,
                "quantity": line.quantity,
                "unit_price": line.unit_price,
                "amount_minor": line.amount_minor,
            }
            for line in _sums.lines(told.products, currency, remarks)
        ]
        batch = ReturnBatch(
            row.namespace,
            pl.DataFrame([head], schema=goods_returns.RETURNS),
            pl.DataFrame(lines, schema=goods_returns.LINES),
            cast(Origin, row.origin),
        )
        outcome = goods_returns.record_many(batch=batch, at=self.at, by=self.by)
        if outcome.conflicts or outcome.stale:
            raise Unusable("newer_on_record", f"return_id: {told.return_id!r} is on record with other content")
        _finish(row, None, "; ".join(remarks))


def _hidden_user(event: int) -> str | None:
    """The user of an event where that is an e-mail address or a telephone number; None once the person is forgotten."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sealed_for, sealed FROM events_hidden WHERE event = %s", [event])
        found = cursor.fetchone()
    if found is None:
        return None
    (plain,) = vault.open_many([vault.Sealed(found[0], "events_hidden", "sealed", event, bytes(found[1]))])
    user = None if plain is None else DECODER.decode(plain).get("userId")
    return user if isinstance(user, str) else None


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [LOCK_CLASS])


def _said(problem: Exception) -> str:
    return problem.message if isinstance(problem, Refusal) else "the database refused it; look for odd amounts"


def _finish(row: Row, order: int | None, why: str, code: str = "") -> None:
    row.state, row.code, row.why, row.order_id = "applied", code, why[:_LONGEST_WHY], order


def _fail(row: Row, code: str, why: str) -> None:
    row.state, row.code, row.why = "failed", code, why[:_LONGEST_WHY]


def _save(rows: Sequence[Row]) -> None:
    Row.objects.bulk_update(rows, ["state", "code", "why", "order"])


def _done(row: Row) -> Done:
    return Done(
        row.event,
        row.source,
        row.name,
        row.ref,
        row.occurred_at,
        cast(State, row.state),
        row.code,
        row.why,
        row.order_id,
    )
