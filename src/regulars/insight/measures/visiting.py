"""On which days customers came by: they were seen on the site, in an app or in a store, by what they did there."""

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from regulars.insight.measures.scope import SEEN, Scope
from regulars.insight.warehouse.session import Session
from regulars.kit import civil
from regulars.kit.windows import Window

#: What somebody does who stands in a store and buys nothing.
_STORE_EVENT = "Store Visited"
_CLOCKS = "_clocks"


def keep(session: Session, scope: Scope, zone: ZoneInfo, *, since: date) -> None:
    """Keep `SEEN` for days from `since` to the as-of day of `zone`: customer_id, day, in_store (at least once).

    Of a visitor whom several people share nobody is seen.
    """
    days = Window(since, scope.as_of + timedelta(days=1))
    clocks = civil.offsets(days, zone)
    instants = [[getattr(window, end).astimezone(UTC).replace(tzinfo=None) for window, _ in clocks] for end in _ENDS]
    ahead = [int(offset.total_seconds()) for _, offset in clocks]
    session.put(
        _CLOCKS,
        pa.table(
            {
                "from_at": pa.array(instants[0], pa.timestamp("us")),
                "until_at": pa.array(instants[1], pa.timestamp("us")),
                "ahead": pa.array(ahead, pa.int64()),
            }
        ),
    )
    session.keep(SEEN, _seen(scope, session.table(_CLOCKS)))


def store_days(scope: Scope, *, since: ir.Value) -> ir.Table:
    """customer_id, store_days: on how many days after `since` each was in a store, to buy or to look."""
    days, seen = scope.kept_days(), scope.table(SEEN)
    bought = days.filter(days.in_store, days.day > since)
    looked = seen.filter(seen.in_store, seen.day > since)
    days = ibis.union(bought.select("customer_id", "day"), looked.select("customer_id", "day"), distinct=True)
    return days.group_by("customer_id").agg(store_days=days.day.nunique())


_ENDS = ("start", "end")


def _seen(scope: Scope, clocks: ir.Table) -> ir.Table:
    visitors = scope.table("visitors")
    known = visitors.filter(visitors.customer_id.notnull(), ~visitors.is_shared).select("visitor_id", "customer_id")
    events = scope.table("events").select("visitor_id", "occurred_at", "name")
    came = events.join(known, "visitor_id")
    came = came.join(clocks, [came.occurred_at >= clocks.from_at, came.occurred_at < clocks.until_at])
    day = (came.occurred_at + came.ahead.as_interval("s")).cast("date")
    told = came.select("customer_id", day=day, in_store=came.name == _STORE_EVENT)
    return told.group_by("customer_id", "day").agg(in_store=told.in_store.any())
