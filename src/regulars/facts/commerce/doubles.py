"""Sales that were told twice, by two channels: pairs of orders that look like one sale, and what somebody decided.

Nothing is guessed: a pair changes nothing until somebody confirms it. Then the order that was told later is of kind
`double`: it counts in no reading and earns nothing, whatever its source says later, until that is taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.commerce import _changes, _documents, _rematching, kept_columns, likeness
from regulars.facts.commerce.deriving import DOUBLE
from regulars.facts.commerce.likeness import Like, Sale
from regulars.facts.commerce.models import Double, DoubleLook, Order
from regulars.facts.commerce.notices import OrderChanged
from regulars.kit import ids, paging
from regulars.kit.actors import Actor
from regulars.kit.paging import Page
from regulars.kit.refusals import Refusal
from regulars.runtime.database import clock
from regulars.runtime.jobs.tasks import task
from regulars.runtime.notices.outbox import announce
from regulars.runtime.preferences.preferences import Preference, between, read
from regulars.runtime.trail import trail

PREFIX = "dbl"
#: Orders placed further apart are two sales. 0: nobody looks.
MINUTES = Preference("orders.told_twice_minutes", int, default=3, check=between(0, 120))
#: Why somebody decides. A list, not words: what is typed about a person is personal.
WHYS = ("receipts", "customer", "store", "mistake")
#: Counting stops here.
COUNTED = 1_000
_LIST = "doubles"

State = Literal["open", "same", "two"]


class UnknownDouble(Refusal):
    """No such pair."""

    code = "doubles.unknown"


class DecidedOtherwise(Refusal):
    """Somebody decided the opposite before."""

    code = "doubles.decided_otherwise"


class NotBothCount(Refusal):
    """One of the two was cancelled, deleted or found to be told twice meanwhile."""

    code = "doubles.not_both_count"


class NotOnePerson(Refusal):
    """The two orders are two people's by now."""

    code = "doubles.not_one_person"


class BadWhy(Refusal):
    """A reason nobody knows."""

    code = "doubles.bad_why"


@dataclass(frozen=True)
class Side:
    """One of the two orders. Amounts in minor units of `currency`; `recorded_at` is when it was told."""

    id: int
    public_id: str
    namespace: str
    ref: str
    number: str
    channel: str
    store: str
    customer_id: int | None
    placed_at: datetime
    recorded_at: datetime
    currency: str
    goods_minor: int
    total_minor: int
    kind: str
    counts: bool

    @property
    def called(self) -> str:
        """As people call it, else as its source does."""
        return self.number or self.ref


@dataclass(frozen=True)
class DoubleView:
    """Two orders that may be one sale; `twin` was told later. `alike`: how they are.

    `waits`: somebody has to look: nobody decided, or the order that stands for both does not count any more.
    """

    id: int
    public_id: str
    state: State
    alike: Like
    found_at: datetime
    decided_at: datetime | None
    decided_by: str
    why: str
    waits: bool
    order: Side
    twin: Side


@dataclass(frozen=True)
class Look:
    """All orders looked through, or being so while `ended_at` is None; `found`: pairs that are new by it."""

    asked_at: datetime
    ended_at: datetime | None
    found: int


# --- looking


def look(*, at: datetime) -> int:
    """Look at the live orders that came in, or changed, since the last time; how many pairs are new. Harmless to
    repeat. What was there before the first look, `look_through` looks at."""
    with transaction.atomic():
        row = _look()
        horizon = _horizon()
        before, row.seen = row.seen, horizon
        row.save(update_fields=["seen"])
        within = timedelta(minutes=read(MINUTES))
        # A database that was brought back from a dump counts its transactions anew.
        if before is None or before >= horizon or not within:
            return 0
        lately = "sale.changed_xid >= %(after)s::text::xid8 AND sale.changed_xid < %(until)s::text::xid8"
        return _keep(f"{lately} AND sale.origin = 'live'", before, horizon, within, at)


def look_through(*, at: datetime) -> Look:
    """Ask to have all orders looked through, history too, in the background. While it is under way, again is enough."""
    with transaction.atomic():
        row = _look()
        if row.asked_at is None or row.ended_at is not None:
            row.asked_at, row.ended_at, row.after, row.found = at, None, 0, 0
            row.save()
            through.defer()
        return Look(row.asked_at, row.ended_at, row.found)


def go_through() -> None:
    """Look through the orders of everybody who was not looked at yet, where somebody asked for it; so many customers'
    in one transaction each. Harmless beside another and after a crash."""
    last = None
    while True:
        with transaction.atomic():
            row = _look()
            if row.asked_at is None or row.ended_at is not None:
                return
            if last is None:
                _many, last = kept_columns.extent()
            if row.after >= last:
                row.ended_at = clock.now()
            else:
                until = kept_columns.stretch_end(row.after, kept_columns.BLOCK, last)
                within = timedelta(minutes=read(MINUTES))
                whose = "sale.customer_id > %(after)s AND sale.customer_id <= %(until)s"
                row.found += _keep(whose, row.after, until, within, clock.now()) if within else 0
                row.after = until
            row.save()


@task("commerce.look_through", lock="commerce.look_through")
def through() -> None:
    """All orders, where somebody asked for it. Harmless to repeat."""
    go_through()


def last_look() -> Look | None:
    """The last time all orders were looked through, or are; None where nobody ever asked. One query."""
    row = DoubleLook.objects.filter(id=1, asked_at__isnull=False).first()
    return None if row is None or row.asked_at is None else Look(row.asked_at, row.ended_at, row.found)


def _look() -> DoubleLook:
    DoubleLook.objects.bulk_create([DoubleLook(id=1)], ignore_conflicts=True)
    return DoubleLook.objects.select_for_update().get(id=1)


def _horizon() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        [(horizon,)] = cursor.fetchall()
    return int(horizon)


def _keep(which: str, after: int, until: int, within: timedelta, at: datetime) -> int:
    """Keep the pairs of `which` orders with any other that are new; how many are."""
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {"after": after, "until": until, "within": within}
        cursor.execute(_CANDIDATES.format(which=which), asked)
        found = [(Sale(*row[:8]), Sale(*row[8:])) for row in cursor.fetchall()]
        pairs = [
            (one.order, other.order, like)
            for one, other in found
            if (like := likeness.alike(one, other, within=within))
        ]
        if not pairs:
            return 0
        orders, twins, likes = (list(column) for column in zip(*pairs, strict=True))
        cursor.execute(_ADD, [at, orders, twins, likes])
        return len(cursor.fetchall())


# --- asking


def listed(*, state: State = "open", cursor: str | None = None, limit: int = 50) -> Page[DoubleView]:
    """Pairs, the latest found first: those somebody has to look at, or all that were decided so. One query.

    Raises `paging.BadCursor`.
    """
    size = paging.check_size(limit)
    where, values = _WAITS, list[Any]()
    if state != "open":
        where, values = "double.state = %s", [state]
    if cursor:
        where += " AND double.id < %s"
        values += paging.decode(cursor, _LIST, int)
    found = _views(f"WHERE {where} ORDER BY double.id DESC LIMIT %s", [*values, size + 1])
    return paging.cut(found, size, of=_LIST, key=lambda one: (one.id,))


def count_waiting() -> int:
    """How many pairs somebody has to look at, up to COUNTED. One query."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM (SELECT 1 {_FROM} WHERE {_WAITS} LIMIT %s) AS waiting", [COUNTED])
        [(found,)] = cursor.fetchall()
    return int(found)


def by_public_id(text: str) -> DoubleView:
    """One pair by `dbl_…`. One query; refused when there is none."""
    found = _views("WHERE double.public_id = %s", [ids.parse(text, PREFIX)])
    if not found:
        raise _unknown(text.strip()[:40])
    return found[0]


def of_order(order: int) -> list[DoubleView]:
    """The pairs that an order is one of, the latest found first. One query."""
    return _views("WHERE double.order_id = %s OR double.twin_id = %s ORDER BY double.id DESC LIMIT 20", [order, order])


# --- deciding


def confirm(*, double: int, at: datetime, by: Actor, why: str = "receipts") -> DoubleView:
    """They are one sale: the order that was told later counts no more. Again changes nothing.

    Raises `UnknownDouble`, `DecidedOtherwise`, `NotBothCount`, `NotOnePerson` and `BadWhy`.
    """
    with transaction.atomic():
        row, order, twin = _held(double, why)
        if row.state == "two":
            raise _decided_otherwise()
        if row.state == "open":
            if order.customer_id is None or order.customer_id != twin.customer_id:
                raise NotOnePerson(
                    _("double: the two orders are of two people by now; look at both of them"), field="double"
                )
            if not (_counts(order) and _counts(twin)):
                raise NotBothCount(
                    _("double: one of the two orders does not count any more; there is nothing to decide"),
                    field="double",
                )
            _decide(row, "same", why, at, by)
            _become(twin, DOUBLE, "told_twice", order.id, at, by, why)
        return _view(double)


def dismiss(*, double: int, at: datetime, by: Actor, why: str = "receipts") -> DoubleView:
    """They are two sales, and are not asked about again. Again changes nothing.

    Raises `UnknownDouble`, `DecidedOtherwise` and `BadWhy`.
    """
    with transaction.atomic():
        row, order, twin = _held(double, why)
        if row.state == "same":
            raise _decided_otherwise()
        if row.state == "open":
            _decide(row, "two", why, at, by)
            _tell("dismiss", order, twin, at, by, why)
        return _view(double)


def reopen(*, double: int, at: datetime, by: Actor, why: str = "mistake") -> DoubleView:
    """Take back what was decided: an order that counted no more counts as before. Again changes nothing.

    Raises `UnknownDouble` and `BadWhy`.
    """
    with transaction.atomic():
        row, order, twin = _held(double, why)
        was = row.state
        if was != "open":
            _decide(row, "open", "", None, None)
            if was == "same":
                _become(twin, _own_kind(twin), "counts_again", order.id, at, by, why)
            else:
                _tell("reopen", order, twin, at, by, why)
        return _view(double)


def _held(double: int, why: str) -> tuple[Double, Order, Order]:
    """The pair and its orders, locked: people before orders, orders in their order, then the pair."""
    if why not in WHYS:
        raise BadWhy(
            _("why: %(why)r is none; use one of %(whys)s") % {"why": why[:20], "whys": ", ".join(WHYS)},
            field="why",
            value=why[:20],
        )
    found = Double.objects.filter(id=double).values_list("order_id", "twin_id").first()
    if found is None:
        raise _unknown(str(double))
    _documents.hold_buyer(found[1])
    order, twin = Order.objects.select_for_update().filter(id__in=found).order_by("id")
    return Double.objects.select_for_update().get(id=double), order, twin


def _counts(order: Order) -> bool:
    return order.kind == "purchase" and order.cancelled_at is None and order.deleted_at is None


def _own_kind(twin: Order) -> str:
    """What it is by what its source told, which may have been something else since."""
    if twin.state == "draft":
        return "draft"
    with connection.cursor() as cursor:
        cursor.execute(_IS_PAID, [twin.id])
        [(is_paid,)] = cursor.fetchall()
    return "purchase" if is_paid else "giveaway"


def _decide(row: Double, state: State, why: str, at: datetime | None, by: Actor | None) -> None:
    row.state, row.why, row.decided_at, row.decided_by = state, why, at, "" if by is None else str(by)[:120]
    row.save(update_fields=["state", "why", "decided_at", "decided_by"])


def _become(twin: Order, kind: str, what: str, order: int, at: datetime, by: Actor, why: str) -> None:
    before = {"kind": twin.kind}
    Order.objects.filter(id=twin.id).update(kind=kind)
    _rematching.rematch_orders([twin.id])
    _rematching.rematch_customers([twin.customer_id] if twin.customer_id else [])
    _changes.add(order=twin.id, what=what, at=at, by=by, before=twin.total_minor, after=twin.total_minor)
    # Live, though it may be an order of history: who settles orders settles this one now.
    announce(
        OrderChanged(order=twin.id, customer=twin.customer_id, at=at, origin="live"),
        by=by,
        verb="commerce.doubles.confirm" if kind == DOUBLE else "commerce.doubles.reopen",
        before=before,
        after={"kind": kind, "order": twin.id, "same_as": order},
        why=why,
    )


def _tell(verb: str, order: Order, twin: Order, at: datetime, by: Actor, why: str) -> None:
    after = {"same_as": order.id}
    trail.record(by=by, verb=f"commerce.doubles.{verb}", subject=f"order:{twin.id}", at=at, after=after, why=why)


def _decided_otherwise() -> DecidedOtherwise:
    return DecidedOtherwise(
        _("double: somebody decided otherwise before; take that back first, if it is wrong"), field="double"
    )


def _unknown(shown: str) -> UnknownDouble:
    return UnknownDouble(
        _("double: there is no %(shown)s; look it up again") % {"shown": shown}, field="double", value=shown
    )


def _view(double: int) -> DoubleView:
    [found] = _views("WHERE double.id = %s", [double])
    return found


def _views(where: str, values: Sequence[Any]) -> list[DoubleView]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} {_FROM} {where}", values)
        rows = cursor.fetchall()
    return [
        DoubleView(*[row[0], ids.public(PREFIX, row[1]), *row[2:9], _side(row[9:24]), _side(row[24:])]) for row in rows
    ]


def _side(row: Sequence[Any]) -> Side:
    number, uuid, *rest = row
    return Side(number, ids.public("ord", uuid), *rest)


_COUNTS = "({0}.kind = 'purchase' AND {0}.cancelled_at IS NULL AND {0}.deleted_at IS NULL)"
_SIDE = (
    "{0}.id, {0}.public_id, {0}.namespace, {0}.ref, {0}.number, {0}_channel.code, COALESCE({0}_store.code, ''),"
    " {0}.customer_id, {0}.placed_at, {0}.recorded_at, {0}.currency, {0}.goods_minor, {0}.total_minor, {0}.kind, "
    + _COUNTS
)
_PLACES = (
    " JOIN company_channel AS {0}_channel ON {0}_channel.id = {0}.channel_id"
    " LEFT JOIN company_store AS {0}_store ON {0}_store.id = {0}.store_id"
)
#: What is left of a pair where the order that stands for both is gone: the sale counts nowhere.
_WAITS = (
    f"(double.state = 'open' AND {_COUNTS.format('one')} AND {_COUNTS.format('twin')}"
    " AND one.customer_id = twin.customer_id"
    " OR double.state = 'same' AND (one.cancelled_at IS NOT NULL OR one.deleted_at IS NOT NULL)"
    " AND twin.cancelled_at IS NULL AND twin.deleted_at IS NULL)"
)
_COLUMNS = (
    "double.id, double.public_id, double.state, double.alike, double.found_at, double.decided_at,"
    f" double.decided_by, double.why, {_WAITS}, {_SIDE.format('one')}, {_SIDE.format('twin')}"
)
_FROM = (
    "FROM commerce_double AS double JOIN commerce_order AS one ON one.id = double.order_id"
    f" JOIN commerce_order AS twin ON twin.id = double.twin_id{_PLACES.format('one')}{_PLACES.format('twin')}"
)
_SALE = "{0}.id, {0}.customer_id, {0}.namespace, {0}.number, {0}.store_id, {0}.placed_at, {0}.currency, {0}.goods_minor"
# Goods that came back, and goods in exchange, are accounted for already.
_FIT = (
    _COUNTS + " AND {0}.goods_minor > 0 AND {0}.exchange_of = '' AND COALESCE({0}.refunded_minor, 0) = 0"
    " AND NOT EXISTS (SELECT FROM commerce_return AS back WHERE back.order_id = {0}.id AND NOT back.is_void)"
)
_CANDIDATES = f"""
WITH looked_at AS (SELECT * FROM commerce_order AS sale WHERE {{which}} AND sale.customer_id IS NOT NULL
                      AND {_FIT.format("sale")}),
     pair AS (SELECT DISTINCT LEAST(sale.id, other.id) AS first, GREATEST(sale.id, other.id) AS later
                FROM looked_at AS sale
                JOIN commerce_order AS other ON other.customer_id = sale.customer_id AND other.id <> sale.id
                     AND other.placed_at BETWEEN sale.placed_at - %(within)s AND sale.placed_at + %(within)s
                     AND other.currency = sale.currency AND other.goods_minor = sale.goods_minor
               WHERE {_FIT.format("other")})
SELECT {_SALE.format("one")}, {_SALE.format("twin")} FROM pair
  JOIN commerce_order AS one ON one.id = pair.first JOIN commerce_order AS twin ON twin.id = pair.later
 ORDER BY twin.id, one.id
"""
_ADD = """
INSERT INTO commerce_double (found_at, order_id, twin_id, alike)
SELECT %s, told.* FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS told
    ON CONFLICT (order_id, twin_id) DO NOTHING RETURNING id
"""
_IS_PAID = "SELECT EXISTS (SELECT FROM commerce_line WHERE order_id = %s AND quantity > 0 AND unit_price > 0)"
