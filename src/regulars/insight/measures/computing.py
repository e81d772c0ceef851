"""Computes every measure of the catalogue in one session: the same path for stored readings and for a report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from regulars.insight.measures import catalogue, walking
from regulars.insight.measures.cutting import BY_PLACE, Cuts
from regulars.insight.measures.library import lately
from regulars.insight.measures.measure import CustomerMeasure, ShopMeasure
from regulars.insight.measures.scope import DAYS, PEOPLE, SEEN_FROM, SUMMED, Scope, all_purchases
from regulars.insight.warehouse.session import Session


@dataclass(frozen=True)
class Computed:
    """What one run concluded. `shop` maps a shop measure's name to its JSON value; customers stay in the session."""

    as_of: date
    currency: str
    shop: Mapping[str, Mapping[str, Any]]
    session: Session

    def people(self) -> ir.Table:
        """One row for each customer who bought, a column for each customer measure."""
        return self.session.table(PEOPLE)

    def lapsing(self, limit: int) -> list[dict[str, Any]]:
        """The lapsing regulars with most at stake first."""
        people = self.people()
        found = people.filter(people.is_lapsing).order_by(ibis.desc("at_stake_minor"), "customer_id").limit(limit)
        return self.session.rows(found)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Stored measures of everybody known to the shop; who never bought has nulls for what needs a purchase."""
        return self.session.batches(self.stored())

    def stored(self) -> ir.Table:
        """The same, as a table."""
        return stored_of(self.session)


def as_of_day(session: Session, *, today: date, asked: date | None = None) -> date:
    """The day everything is seen from: the one asked for, or the last day with a purchase, and never after `today`.

    Not simply today: where the feed of orders stopped a month ago, everybody would seem to be slipping away.
    """
    if asked is not None:
        return min(asked, today)
    orders = all_purchases(session.table("orders"), "")
    [row] = session.rows(orders.filter(orders.placed_on <= today).aggregate(last_on=orders.placed_on.max()))
    return row["last_on"] or today


def compute(
    session: Session, *, currency: str, today: date, as_of: date | None = None, cuts: Cuts = BY_PLACE
) -> Computed:
    """Every measure over the session's tables, in the shop's currency, as of `as_of` or the day `as_of_day` gives."""
    day = as_of_day(session, today=today, asked=as_of)
    scope = Scope(table=session.table, as_of=day, currency=currency, cuts=cuts)
    walking.walk(session, scope)
    sum_days(session, scope)
    people(session, scope)
    return Computed(as_of=scope.as_of, currency=scope.currency, shop=of_shop(session, scope), session=session)


def of_shop(session: Session, scope: Scope) -> dict[str, Mapping[str, Any]]:
    """The measures of the shop, after `people`."""
    return {measure.name: measure.value(_rows(session, measure, scope), scope) for measure in catalogue.SHOP}


def deeper(session: Session, scope: Scope) -> dict[str, Mapping[str, Any]]:
    """The measures of the shop that need more than a report's file has; after `people`."""
    return {measure.name: measure.value(_rows(session, measure, scope), scope) for measure in catalogue.DEEPER}


def _rows(session: Session, measure: ShopMeasure, scope: Scope) -> list[dict[str, Any]]:
    # In some of these a table meets itself, which is never equal to that of another time.
    what = (measure, scope.as_of, scope.currency, scope.cuts, scope.told, scope.sold)
    return session.rows_of(what, lambda: measure.expression(scope))


def people(
    session: Session,
    scope: Scope,
    *,
    wanted: Sequence[CustomerMeasure] = catalogue.CUSTOMER,
    of: str = SUMMED,
    into: str = PEOPLE,
) -> None:
    """Computes the `wanted` measures of everybody who bought, from those that sum up days, kept as `of`, and keeps all
    as `into`."""

    def build() -> None:
        def table(name: str) -> ir.Table:
            return session.table(into if name == PEOPLE else name)

        _people(session, replace(scope, table=table, then=_seen_from(session)), wanted, of, into)

    _put_day(session, scope)
    columns = tuple((name, str(kind)) for name, kind in session.table(of).schema().items())
    session.repeat(("people", of, columns, into, tuple(measure.name for measure in wanted), scope.cuts), build)


def sum_days(session: Session, scope: Scope, *, of: str = DAYS, into: str = SUMMED) -> None:
    """Computes the measures that sum up days, from the days kept as `of`, and keeps them as `into`."""

    def build() -> None:
        days = session.table(of)
        days = days.mutate(ago=_seen_from(session).delta(days.day, unit="day"))
        sums = {m.name: m.of_days(days) for m in catalogue.CUSTOMER if m.of_days is not None}
        session.keep(into, days.group_by("customer_id").agg(**sums))

    _put_day(session, scope)
    session.repeat(("days", of, into), build)


def _put_day(session: Session, scope: Scope) -> None:
    # A value of the session, so that what is said of one day can be said of any other.
    session.put(SEEN_FROM, pa.table({"seen_from": pa.array([scope.as_of], pa.date32())}))


def _seen_from(session: Session) -> ir.Value:
    return session.table(SEEN_FROM).seen_from.max().as_scalar()


def _people(session: Session, scope: Scope, wanted: Sequence[CustomerMeasure], of: str, into: str) -> None:
    table = session.table(of)
    before: CustomerMeasure | None = None
    for measure in wanted:
        if measure.of_customer is not None:
            table = table.mutate(**{measure.name: measure.of_customer(table, scope)})
        elif measure.of_all is not None:
            # Those that follow one another look at the same everybody.
            if before is None or before.of_all is None:
                table = session.keep(into, table)
            found = measure.of_all(scope.people())
            by = [name for name in found.columns if name in scope.people().columns]
            table = table.join(found, by) if by else table.cross_join(found)
        elif measure.joined is not None:
            session.keep(into, table)
            kept, found = scope.people(), measure.joined(scope)
            more = {name: found[name] for name in found.columns if name != "customer_id"}
            if not measure.is_null_else:
                more = {name: value.fill_null(0) for name, value in more.items()}
            table = kept.left_join(found, "customer_id").select(*(kept[name] for name in kept.columns), **more)
        before = measure
    session.keep(into, table)


def stored_of(session: Session) -> ir.Table:
    """One row for everybody known to the shop, whoever is joined to another as that person alone; after `people`."""
    customers = session.table("customers")
    if "person_id" in customers.columns:
        customers = customers.filter(customers.person_id == customers.customer_id)
    return stored(customers, session.table(PEOPLE))


def stored(customers: ir.Table, people: ir.Table) -> ir.Table:
    """One row for every customer, bought or not: the id and the stored measures."""
    zeros = {"int64": 0, "boolean": False}
    rows = customers.select("customer_id").left_join(people, "customer_id")
    never = people.schema()
    return rows.select(
        "customer_id",
        **{
            m.name: rows[m.name].fill_null(zeros[str(never[m.name])]) if m.name in ZERO_UNTIL_BOUGHT else rows[m.name]
            for m in catalogue.STORED
        },
    )


#: What is nought, not unknown, for somebody who never bought.
ZERO_UNTIL_BOUGHT = frozenset(
    {
        "orders",
        "purchase_days",
        "foreign_orders",
        "gross_minor",
        "returned_minor",
        "spend_minor",
        "is_regular",
        "is_lapsing",
        "at_stake_minor",
        *(measure.name for measure in lately.MEASURES),
    }
)
