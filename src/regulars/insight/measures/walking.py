"""Each customer's purchases walked once, in the order of days: the tables that measures are computed from.

Whoever asks for a customer's first and second visit, for the days between two of them, or how they stood at the end of
a month, asks about the order of days. Sorted once, all of it is a look at the row before or after; asked in SQL, each
question sorts or groups ten million rows anew. So the sorting is done here, over columns of numbers, some millions of
orders at a time.

    DAYS                one row for each customer and day with a purchase or a return, of those who bought
      customer_id, day, orders, home_orders (in the shop's currency), gross_minor, returned_minor (matched),
      in_store, visit (which day with a purchase it is, from 1; 0 for a day of returns alone),
      before_on, after_on (the visits beside this one), first_on, last_on (the customer's first visit and last),
      month_on (the first day of its month), opens_month (the customer's first visit in it)
    a table of spans    one row for each customer and span in which they did something, once they have bought
      customer_id, span, orders, home_orders, days (with a purchase), gross_minor, returned_minor, store_days,
      channels, wares, kinds (different ones), then as they stood at its end: all_days, all_orders, all_net_minor,
      first_on, last_on; last_before (as it began), until (the next span in which they did something, or one past all)
    OWN_GAPS            one row for each customer who came back
      customer_id, median_gap_days, gap_spread_days (between the quartiles)
    PAIRS_IN[…]         which two of the commonest goods lie together, in how many orders, in how many customers' hands
      a, b, both, of_a, of_b (in how many each lies), baskets (with any goods)
    IN_BASKETS          in how many of either each of the goods lies
      basket (`order_id` or `customer_id`), product_id (null: baskets with any goods), many

A purchase, a return and their money are `Scope`'s.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import TypeVar

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regulars.insight.measures.columns import Numbers, Places, begins, distinct, many_of, memory_kept, numbers
from regulars.insight.measures.figure import Span
from regulars.insight.measures.scope import DAYS, OWN_GAPS, Scope
from regulars.insight.measures.together import IN_BASKETS, PAIRS_IN, Common, Goods, Together
from regulars.insight.warehouse.session import Session

#: Orders read at a time, about: 34 bytes each, and 8 for each line.
LOT = 16_000_000
#: Those are walked in so many parts, two at a time, unless they are few.
PARTS, ALONE_UP_TO = 4, 500_000
_WALKED, _LINES, _WANTED = "_orders_walked", "_lines_walked", "_goods_wanted"
#: A day within a key of customer and day: eleven thousand years.
_DAY_BITS = 22
#: Channels that fit into the bits of a number.
_BITS = 62
_EPOCH = date(1970, 1, 1)
_NEVER = int(np.datetime64("NaT", "D").astype(np.int64))
Made = TypeVar("Made")


@dataclass(frozen=True)
class _Bought:
    """Purchases as they were read: the customer of each, -1 for a guest; the channel's number, -1 for none."""

    order: Numbers
    customer: Numbers
    day: Numbers
    is_foreign: Numbers
    gross: Numbers
    in_store: Numbers
    channel: Numbers
    channels: int

    def at(self, places: Numbers) -> "_Bought":
        taken = {name: value.take(places) for name, value in vars(self).items() if name != "channels"}
        return _Bought(**taken, channels=self.channels)


@dataclass(frozen=True)
class _Back:
    """What came back and was theirs."""

    customer: Numbers
    day: Numbers
    minor: Numbers

    def at(self, places: Numbers) -> "_Back":
        return _Back(*(value.take(places) for value in vars(self).values()))


@dataclass(frozen=True)
class _Walked:
    """Rows are customers' days, in order; `begin` and `many` say where the rows of each customer begin, and how many.

    Days count from 1970. `row_of` is the row of each purchase as it was read, -1 of a guest's.
    """

    customer: Numbers
    day: Numbers
    orders: Numbers
    home_orders: Numbers
    gross: Numbers
    returned: Numbers
    in_store: Numbers
    #: A bit for each channel, where there are no more than `_BITS`; else the channel of each purchase as it was read.
    channels: Numbers
    channel_of: Numbers | None
    begin: Numbers
    many: Numbers
    row_of: Numbers


@dataclass(frozen=True)
class _Lot:
    """Some of the customers, walked in parts: the part that each purchase as it was read is in, and its place there."""

    order: Numbers
    customer: Numbers
    part: Numbers
    place: Numbers
    walked: Sequence[_Walked]

    def goods(self, goods: Goods, part: int) -> Goods:
        """Those of one part."""
        if len(self.walked) == 1:
            return goods
        theirs = np.flatnonzero(self.part[goods.sale] == part)
        return replace(goods, sale=self.place[goods.sale[theirs]], ware=goods.ware[theirs])


def walk(
    session: Session,
    scope: Scope,
    *,
    spans: Mapping[str, Sequence[Span]] = MappingProxyType({}),
    among: ir.Table | None = None,
    with_gaps: bool = True,
    with_goods: bool = False,
    named: Callable[[str], str] = str,
    is_lasting: bool = False,
) -> None:
    """Keep `DAYS`, a table for each of `spans` under its name, and, if wanted, `OWN_GAPS` and what lies together.

    Spans follow each other without a gap and end with the as-of day. `among` is a table of `customer_id`: nobody else
    is walked. What is `named` otherwise stands beside; what is lasting goes into the session's attached file.
    """
    walked = Walk(session, scope, among=among, named=named, is_lasting=is_lasting)
    walked.days(with_gaps=with_gaps, is_all=not (spans or with_goods))
    if spans or with_goods:
        walked.doings(spans, with_goods=with_goods)


class Walk:
    """As `walk`, in two steps: who wants to go on with the days need not wait for what was done in spans of them."""

    def __init__(
        self,
        session: Session,
        scope: Scope,
        *,
        among: ir.Table | None = None,
        named: Callable[[str], str] = str,
        is_lasting: bool = False,
    ) -> None:
        self._session, self._scope, self._among = session, scope, among
        self._named, self._is_lasting = named, is_lasting
        self._lots = 1 + session.size("orders") // LOT
        self._filling = threading.Lock()
        self._filled: set[str] = set()
        # Of several lots none is held: they are lots because they would not fit.
        self._held: _Lot | None = None

    @memory_kept()
    def days(self, *, with_gaps: bool = True, is_all: bool = False) -> None:
        """Keep `DAYS` and, if wanted, `OWN_GAPS`; where that `is_all`, nothing is held for the second step."""

        def keep(walked: _Walked) -> None:
            self._fill(DAYS, days := _days(walked))
            if with_gaps:
                self._fill(OWN_GAPS, _own_gaps(days))

        for lot in range(self._lots):
            read = self._read(lot, keep)
            if self._lots == 1 and not is_all:
                self._held = read

    @memory_kept()
    def doings(self, spans: Mapping[str, Sequence[Span]], *, with_goods: bool = False) -> None:
        """Keep a table for each of `spans`, and, if wanted, what lies together."""
        session, together = self._session, Together()
        for number in range(self._lots):
            lot, self._held = self._held or self._read(number, lambda _: None), None
            is_few = self._among is not None and len(lot.order) <= ALONE_UP_TO
            goods = _goods(session, self._scope, lot.order, is_few=is_few)

            def one(part: int, lot: _Lot = lot, goods: Goods = goods) -> None:
                walked, theirs = lot.walked[part], lot.goods(goods, part)
                for name, which in spans.items():
                    self._fill(name, _of_spans(walked, theirs, which))

            _by_two(one, len(lot.walked))
            if with_goods:
                together.add(lot.customer, goods)
        if with_goods:
            common = together.common()
            session.fill(
                self._named(IN_BASKETS),
                pa.concat_tables([one.told(basket) for basket, one in common.items()]),
                is_lasting=self._is_lasting,
            )
            together.keep(session, common)

    def _read(self, number: int, each: Callable[[_Walked], None]) -> _Lot:
        narrow = _Narrow(self._among, number, self._lots)
        bought = _bought(self._session, narrow.of(self._scope.purchases()))
        back = _gave_back(self._session, narrow.of(self._scope.returns()))
        parts = PARTS if len(bought.order) > ALONE_UP_TO else 1
        # Guests' purchases, which nobody walks, are of some part too.
        part_of = (np.where(bought.customer < 0, bought.order, bought.customer) % parts).astype(np.int8)
        back_part_of = back.customer % parts
        place = np.empty(len(part_of), np.int32)

        def one(part: int) -> _Walked:
            theirs = np.flatnonzero(part_of == part)
            place[theirs] = np.arange(len(theirs), dtype=np.int32)
            walked = _walked(bought.at(theirs), back.at(np.flatnonzero(back_part_of == part)))
            each(walked)
            return walked

        return _Lot(bought.order, bought.customer, part_of, place, _by_two(one, parts))

    def _fill(self, name: str, table: pa.Table) -> None:
        with self._filling:
            more = name in self._filled
            self._session.fill(self._named(name), table, more=more, is_lasting=self._is_lasting)
            self._filled.add(name)


def _by_two(make: Callable[[int], Made], parts: int) -> list[Made]:
    with ThreadPoolExecutor(2) as pool:
        # What is done to columns of numbers holds no other thread up.
        return list(pool.map(make, range(parts)))


@memory_kept()
def pair(session: Session, scope: Scope) -> None:
    """Keep what lies together alone, without walking anybody, where `IN_BASKETS` is known: of the commonest goods."""
    known = session.arrow(session.table(IN_BASKETS))
    common = {basket: Common.of(known, basket) for basket in PAIRS_IN}
    wanted = session.put(
        _WANTED, pa.table({"product_id": np.unique(np.concatenate([c.best() for c in common.values()]))})
    )
    products = numbers(session.arrow(wanted)["product_id"])
    together = Together()
    lots = 1 + session.size("orders") // LOT
    lines = session.arrow(scope.table("lines").semi_join(wanted, "product_id").select("order_id", "product_id"))
    order, ware = numbers(lines["order_id"]), Places(products).of(numbers(lines["product_id"]))
    for lot in range(lots):
        sales = _Narrow(None, lot, lots).of(scope.purchases())
        sold = session.arrow(sales.select("order_id", customer_id=sales.customer_id.fill_null(-1)))
        # Looked up here: joined, ten million sales would be put in order by their keys for a fifth of the lines.
        sale = Places(numbers(sold["order_id"])).of(order)
        is_in = sale >= 0
        together.put(order[is_in], numbers(sold["customer_id"])[sale[is_in]], ware[is_in], products)
    together.keep(session, common)


@dataclass(frozen=True)
class _Narrow:
    """Some of the customers; guests are with the first."""

    among: ir.Table | None
    lot: int
    lots: int

    def of(self, rows: ir.Table) -> ir.Table:
        if self.among is not None:
            rows = rows.semi_join(self.among, "customer_id")
        return rows if self.lots == 1 else rows.filter(rows.customer_id.fill_null(0) % self.lots == self.lot)


def _bought(session: Session, purchases: ir.Table) -> _Bought:
    places = "channel" in purchases.columns
    read = session.arrow(
        purchases.select(
            "order_id",
            "is_foreign",
            "gross_minor",
            customer_id=purchases.customer_id.fill_null(-1),
            placed_on=purchases.placed_on,
            in_store=purchases.store.notnull() if places else ibis.literal(False),
            **({"channel": purchases.channel} if places else {}),
        )
    )
    if places:
        coded = read["channel"].dictionary_encode().combine_chunks()
        channel = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    else:
        channel = np.full(len(read), -1, np.int32)
    return _Bought(
        order=numbers(read["order_id"]),
        customer=numbers(read["customer_id"]),
        day=numbers(read["placed_on"]),
        is_foreign=numbers(read["is_foreign"]),
        gross=numbers(read["gross_minor"]),
        in_store=numbers(read["in_store"]),
        channel=channel,
        channels=int(channel.max(initial=-1)) + 1,
    )


def _gave_back(session: Session, returns: ir.Table) -> _Back:
    matched = returns.filter(returns.customer_id.notnull(), returns.matched_minor != 0)
    read = session.arrow(matched.select("customer_id", "returned_on", "matched_minor"))
    return _Back(numbers(read["customer_id"]), numbers(read["returned_on"]), numbers(read["matched_minor"]))


def _sorted(keys: Numbers) -> tuple[Numbers, Numbers]:
    """The keys in order, and the places they stood at."""
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > 63:
        order = np.argsort(keys)
        return keys[order], order
    # Numbers are sorted several times as fast as places of numbers.
    both = keys << bits | np.arange(len(keys))
    both.sort()
    return both >> bits, both & ((1 << bits) - 1)


def _walked(bought: _Bought, back: _Back) -> _Walked:
    known = np.flatnonzero(bought.customer >= 0)
    whole = len(known) == len(bought.customer)
    customer = bought.customer if whole else bought.customer[known]
    day = bought.day if whole else bought.day[known]
    first = min(day.min(initial=0), back.day.min(initial=0))
    bits = int(max(day.max(initial=0), back.day.max(initial=0)) - first).bit_length()

    def key(customer: Numbers, day: Numbers) -> Numbers:
        both: Numbers = customer << bits | (day.astype(np.int64) - first)
        return both

    keys, order = _sorted(key(customer, day))
    by_day = order if whole else known[order]
    begin = begins(keys)
    rows = keys[begin]
    as_bits = bought.channels <= _BITS
    # A shift by -1 is none.
    bit = np.where(bought.channel >= 0, np.int64(1) << np.maximum(bought.channel, 0), 0) if as_bits else bought.channel
    columns = {
        "orders": many_of(begin, len(keys)),
        "home_orders": np.add.reduceat(~bought.is_foreign[by_day], begin, dtype=np.int64),
        "gross": np.add.reduceat(bought.gross[by_day], begin),
        "in_store": np.logical_or.reduceat(bought.in_store[by_day], begin),
        "channels": np.bitwise_or.reduceat(bit[by_day].astype(np.int64), begin),
        "returned": np.zeros(len(rows), np.int64),
    }
    if len(back.minor):
        back_keys, in_order = _sorted(key(back.customer, back.day))
        back_begin = begins(back_keys)
        back_keys, minor = back_keys[back_begin], np.add.reduceat(back.minor[in_order], back_begin)
        place = np.searchsorted(rows, back_keys)
        is_there = np.zeros(len(minor), bool)
        within = place < len(rows)
        is_there[within] = rows[place[within]] == back_keys[within]
        columns["returned"][place[is_there]] += minor[is_there]
        alone = ~is_there
        rows = np.insert(rows, place[alone], back_keys[alone])
        more = {"returned": minor[alone]}
        columns = {name: np.insert(of, place[alone], more.get(name, 0)) for name, of in columns.items()}
        # Who gave back and never bought is no customer.
        who = begins(rows >> bits)
        are = np.repeat(np.logical_or.reduceat(columns["orders"] > 0, who), many_of(who, len(rows)))
        if not are.all():
            rows, columns = rows[are], {name: of[are] for name, of in columns.items()}
    customers = rows >> bits
    begin = begins(customers)
    row_of = np.full(len(bought.customer), -1, np.int32)
    row_of[by_day] = np.repeat(np.arange(len(rows), dtype=np.int32), columns["orders"])
    return _Walked(
        customer=customers,
        day=(rows & ((1 << bits) - 1)) + first,
        begin=begin,
        many=many_of(begin, len(rows)),
        row_of=row_of,
        channel_of=None if as_bits else bought.channel,
        **columns,
    )


def _dates(days: Numbers) -> pa.Array:
    return pa.array(days.astype(np.int64, copy=False).view("datetime64[D]"), pa.date32())


def _days(walked: _Walked) -> pa.Table:
    visits = np.flatnonzero(walked.orders)
    of = walked.customer[visits]
    on = walked.day[visits]
    begin = begins(of)
    many = many_of(begin, len(of))
    number = np.arange(1, len(of) + 1) - np.repeat(begin, many)
    before, after = np.full(len(of), _NEVER), np.full(len(of), _NEVER)
    same = of[1:] == of[:-1]
    before[1:][same] = on[:-1][same]
    after[:-1][same] = on[1:][same]
    month = walked.day.astype("datetime64[D]").astype("datetime64[M]")
    opens = np.ones(len(of), bool)
    opens[1:] = ~same | (month[visits][1:] != month[visits][:-1])

    def spread(values: Numbers, otherwise: int) -> Numbers:
        if len(visits) == len(walked.day):
            return values
        whole = np.full(len(walked.day), otherwise, values.dtype)
        whole[visits] = values
        return whole

    return pa.table(
        {
            "customer_id": walked.customer,
            "day": _dates(walked.day),
            "orders": walked.orders.astype(np.int32),
            "home_orders": walked.home_orders.astype(np.int32),
            "gross_minor": walked.gross,
            "returned_minor": walked.returned,
            "in_store": walked.in_store,
            "visit": spread(number, 0).astype(np.int32),
            "before_on": _dates(spread(before, _NEVER)),
            "after_on": _dates(spread(after, _NEVER)),
            # Everybody here has one.
            "first_on": _dates(np.repeat(on[begin], walked.many)),
            "last_on": _dates(np.repeat(on[begin + many - 1], walked.many)),
            "month_on": _dates(month.astype("datetime64[D]").view(np.int64)),
            "opens_month": spread(opens, False),
        }
    )


def _goods(session: Session, scope: Scope, orders: Numbers, *, is_few: bool = False) -> Goods:
    lines = scope.table("lines").filter(lambda line: line.product_id.notnull()).select("order_id", "product_id")
    if is_few:
        lines = lines.semi_join(session.put(_WALKED, pa.table({"order_id": orders})), "order_id")
        lines = session.keep(_LINES, lines)
    products = numbers(session.arrow(lines.select("product_id").distinct().order_by("product_id"))["product_id"])
    wares = scope.table("products")
    told = session.arrow(wares.filter(wares.category.notnull()).select("product_id", "category"))
    kind = np.full(len(products), -1, np.int64)
    place = Places(products).of(numbers(told["product_id"]))
    coded = told["category"].dictionary_encode().combine_chunks().indices.to_numpy(zero_copy_only=False)
    kind[place[place >= 0]] = coded[place >= 0]
    by_kind = np.argsort(kind, kind="stable")
    kind, products = kind[by_kind], products[by_kind]
    at_order, at_product = Places(orders), Places(products)
    sales, found = [np.empty(0, np.int32)], [np.empty(0, np.int32)]
    for batch in session.batches(lines, size=1_000_000):
        sale = at_order.of(batch["order_id"].to_numpy())
        is_in = sale >= 0
        sales.append(sale[is_in].astype(np.int32))
        found.append(at_product.of(batch["product_id"].to_numpy()[is_in]).astype(np.int32))
    return Goods(np.concatenate(sales), np.concatenate(found), products, kind)


def _of_spans(walked: _Walked, goods: Goods, spans: Sequence[Span]) -> pa.Table:
    starts = np.array([(one.start_on - _EPOCH).days for one in spans])
    rows, first = len(walked.day), walked.day.min(initial=0)
    # The number of its span by the day: looked up, because there are few days.
    span = np.searchsorted(starts, np.arange(first, walked.day.max(initial=0) + 1), side="right")[walked.day - first]
    differs = np.ones(rows, bool)
    np.not_equal(span[1:], span[:-1], out=differs[1:])
    differs[walked.begin] = True
    group_of_row = np.cumsum(differs, dtype=np.int32) - 1
    begin = np.flatnonzero(differs)
    customer, number = walked.customer[begin], span[begin]
    groups = len(begin)

    def total(values: Numbers) -> Numbers:
        summed: Numbers = np.add.reduceat(values, begin, dtype=np.int64)
        return summed

    orders, days = total(walked.orders), total(walked.orders > 0)
    net = total(walked.gross) - total(walked.returned)
    is_visit = walked.orders > 0
    last_in = np.maximum.reduceat(np.where(is_visit, walked.day - first + 1, 0), begin)
    of_customer = begins(customer)
    many = many_of(of_customer, groups)
    ordinal = np.repeat(np.arange(len(many)), many)

    def so_far(values: Numbers) -> Numbers:
        summed: Numbers = np.cumsum(values)
        before: Numbers = np.repeat(summed[of_customer] - values[of_customer], many)
        return summed - before

    first_visit = np.flatnonzero(is_visit)
    first_visit = walked.day[first_visit[begins(walked.customer[first_visit])]]
    last_on = (np.maximum.accumulate(ordinal << _DAY_BITS | last_in) & ((1 << _DAY_BITS) - 1)) + first - 1
    all_orders = so_far(orders)
    is_same = customer[1:] == customer[:-1]
    until = np.full(groups, len(spans) + 1)
    until[:-1][is_same] = number[1:][is_same]
    last_before = np.full(groups, _NEVER)
    had = is_same & (all_orders[:-1] > 0)
    last_before[1:][had] = last_on[:-1][had]
    sold = walked.row_of[goods.sale]
    # Of the time before the spans nobody asks what was bought.
    is_in = sold >= 0
    is_in[is_in] = span[sold[is_in]] > 0
    group, ware = distinct(group_of_row[sold[is_in]], goods.ware[is_in], len(goods.products))
    kind = goods.kind[ware]
    # Wares are in the order of their kinds.
    is_another = np.ones(len(group), bool)
    is_another[1:] = (group[1:] != group[:-1]) | (kind[1:] != kind[:-1])
    kinds = group[is_another & (kind >= 0)]
    table = pa.table(
        {
            "customer_id": customer,
            "span": number.astype(np.int32),
            "orders": orders.astype(np.int32),
            "home_orders": total(walked.home_orders).astype(np.int32),
            "days": days.astype(np.int32),
            "gross_minor": total(walked.gross),
            "returned_minor": total(walked.returned),
            "store_days": total(walked.in_store).astype(np.int32),
            "channels": _channels(walked, begin, group_of_row),
            "wares": np.bincount(group, minlength=groups).astype(np.int32),
            "kinds": np.bincount(kinds, minlength=groups).astype(np.int32),
            "all_days": so_far(days).astype(np.int32),
            "all_orders": all_orders.astype(np.int32),
            "all_net_minor": so_far(net),
            "first_on": _dates(np.repeat(first_visit, many)),
            "last_on": _dates(last_on),
            "last_before": _dates(last_before),
            "until": until.astype(np.int32),
        }
    )
    # A return of something bought before all records makes nobody a customer.
    is_customer = all_orders > 0
    return table if is_customer.all() else table.filter(pa.array(is_customer))


def _channels(walked: _Walked, begin: Numbers, group_of_row: Numbers) -> Numbers:
    """How many different ones in each group of rows."""
    channel = walked.channel_of
    if channel is None:
        return np.bitwise_count(np.bitwise_or.reduceat(walked.channels, begin)).astype(np.int32)
    is_in = (channel >= 0) & (walked.row_of >= 0)
    group, _ = distinct(group_of_row[walked.row_of[is_in]], channel[is_in], int(channel.max(initial=-1)) + 1)
    return np.bincount(group, minlength=len(begin)).astype(np.int32)


def _own_gaps(days: pa.Table) -> pa.Table:
    """Median and distance between the quartiles of the days between visits, between two numbers where it lies there."""
    came_back = days.select(["customer_id", "day", "before_on"]).filter(pc.is_valid(days["before_on"]))
    customer = numbers(came_back["customer_id"])
    gap = numbers(came_back["day"]).astype(np.int64) - numbers(came_back["before_on"])
    begin = begins(customer)
    many = many_of(begin, len(customer))
    bits = int(gap.max(initial=0)).bit_length()
    in_order = np.repeat(np.arange(len(begin)), many) << bits | gap
    in_order.sort()
    in_order &= (1 << bits) - 1

    def at(share: float) -> Numbers:
        place = share * (many - 1)
        below = np.floor(place).astype(np.int64)
        low = in_order[begin + below]
        high = in_order[begin + np.minimum(below + 1, many - 1)]
        found: Numbers = low + (place - below) * (high - low)
        return found

    return pa.table(
        {
            "customer_id": customer[begin],
            "median_gap_days": np.round(at(0.5), 2),
            "gap_spread_days": np.round(at(0.75) - at(0.25), 2),
        }
    )
