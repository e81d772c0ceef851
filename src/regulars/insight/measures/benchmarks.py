"""`regulars bench rfm` and `insight`: the catalogue's expressions beside SQL written by hand for the same questions."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import pyarrow as pa
import pyarrow.compute as pc

from regulars.insight.measures import bench_by_hand, bench_refresh, catalogue, computing, spanning, walking
from regulars.insight.measures.estimates import added
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.library import lately, own_gaps, repeat_rate
from regulars.insight.measures.scope import PEOPLE, Scope
from regulars.insight.measures.spanning import BY_MONTH, WHO, Counted
from regulars.insight.measures.tables import shaped
from regulars.insight.warehouse import generating
from regulars.insight.warehouse.session import Session
from regulars.kit.civil import add_months
from regulars.runtime.database.needs import without_database

#: RFM, lifecycle (rhythm, lapsing, value at stake) and what the repeat rate needs, as one who knows DuckDB writes it.
DAYS_BY_HAND = """
CREATE OR REPLACE TEMP TABLE by_hand_days AS
SELECT customer_id, placed_on AS day, count(*) AS orders, sum(goods_minor - discount_minor)::BIGINT AS gross
  FROM orders WHERE kind = 'purchase' AND NOT is_cancelled AND customer_id IS NOT NULL AND currency = 'GBP'
 GROUP BY ALL
"""
BY_HAND = """
CREATE OR REPLACE TEMP TABLE by_hand AS
WITH gave_back AS (
    SELECT customer_id, sum(matched_minor)::BIGINT AS returned FROM returns WHERE currency = 'GBP' GROUP BY ALL),
people AS (
    SELECT customer_id, sum(orders)::BIGINT AS orders, count(*) AS days, min(day) AS first_on, max(day) AS last_on,
           sum(gross)::BIGINT AS gross
      FROM by_hand_days AS bought GROUP BY ALL),
net AS MATERIALIZED (
    SELECT people.*, gross - coalesce(returned, 0) AS spend, (last_on - first_on) / nullif(days - 1, 0) AS own_gap
      FROM people LEFT JOIN gave_back USING (customer_id)),
shop AS (
    SELECT sum(round(own_gap * 10000)::BIGINT) / count(own_gap) / 10000 AS mean_gap,
           CASE WHEN mean_gap < 10 THEN round(mean_gap, 1) ELSE round(mean_gap) END AS gap, count(*) AS n,
           count(*) FILTER (days >= 3) AS regulars FROM net),
rhythm AS (
    SELECT net.*, n, regulars, round(((days - 1) * own_gap + 2 * shop.gap) / (days + 1), 2) AS gap FROM net, shop),
scored AS (
    SELECT *, days >= 3 AND DATE '{as_of}' - last_on > 2 * gap AS is_lapsing,
           1 + 5 * (rank() OVER by_day - 1 + round(cume_dist() OVER by_day * n)::BIGINT) // (2 * n) AS rank_r,
           rank() OVER by_days - 1 + round(cume_dist() OVER by_days * n)::BIGINT AS rank_f,
           1 + 5 * (rank() OVER by_spend - 1 + round(cume_dist() OVER by_spend * n)::BIGINT) // (2 * n) AS m
      FROM rhythm
    WINDOW by_day AS (ORDER BY last_on), by_days AS (ORDER BY days), by_spend AS (ORDER BY spend)),
grouped AS MATERIALIZED (
    SELECT *, CASE WHEN last_on = DATE '{as_of}' THEN 5
                   WHEN DATE '{as_of}' - last_on <= 7 THEN greatest(rank_r, 4)
                   WHEN DATE '{as_of}' - last_on <= 30 THEN greatest(rank_r, 3)
                   WHEN DATE '{as_of}' - last_on <= 180 THEN rank_r
                   WHEN DATE '{as_of}' - last_on <= 365 THEN least(rank_r, 3) ELSE least(rank_r, 2) END AS r,
           CASE WHEN days < 3 THEN days ELSE 3 + 3 * (rank_f - 2 * (n - regulars)) // (2 * regulars) END AS f
      FROM scored),
at_stake AS (
    SELECT customer_id, sum(bought.gross)::BIGINT AS stake
      FROM by_hand_days AS bought JOIN grouped USING (customer_id)
     WHERE is_lapsing AND last_on - day < 365 GROUP BY ALL)
SELECT grouped.*, stake,
       CASE WHEN is_lapsing THEN CASE WHEN f = 5 THEN 'must_keep' ELSE 'at_risk' END
            WHEN f = 1 AND r >= 4 THEN 'new' WHEN f <= 2 AND r = 3 THEN 'cooling'
            WHEN f <= 2 AND r <= 2 THEN 'sleeping' WHEN f <= 3 AND r >= 4 THEN 'promising'
            WHEN r <= 2 THEN CASE WHEN f = 5 THEN 'must_keep' ELSE 'at_risk' END
            WHEN f = 3 THEN 'wavering' WHEN f = 5 AND r >= 4 OR r = 5 THEN 'champions' ELSE 'loyal' END AS segment
  FROM grouped LEFT JOIN at_stake USING (customer_id)
"""

#: How long each waited for the second purchase, or waits still: what the rate and the return curve are made of.
WAITS_BY_HAND = """
WITH later AS (
    SELECT customer_id, min(day) AS second_on FROM by_hand_days JOIN by_hand USING (customer_id)
     WHERE days > 1 AND day > first_on GROUP BY ALL)
SELECT coalesce(second_on, DATE '{as_of}') - first_on AS wait_days, second_on IS NOT NULL AS came_back,
       DATE '{as_of}' - first_on < 90 AS is_newcomer, count(*) AS customers
  FROM by_hand LEFT JOIN later USING (customer_id) GROUP BY ALL ORDER BY ALL
"""


#: What the SQL by hand computes too.
_BY_HAND_TOO = tuple(
    one for one in catalogue.CUSTOMER if one not in (*lately.MEASURES, own_gaps.MEDIAN, own_gaps.SPREAD)
)


@dataclass
class _Took:
    """Seconds on the clock, and of all threads' processor, of the rounds of one way."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, work: Callable[[], object]) -> None:
        seconds, cpu = time.perf_counter(), time.process_time()
        work()
        self.seconds.append(time.perf_counter() - seconds)
        self.cpu.append(time.process_time() - cpu)


@without_database
@click.command("rfm")
@click.option("--customers", type=click.IntRange(1_000), default=100_000, show_default=True)
@click.option("--orders", type=click.IntRange(1_000), default=1_000_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True, help="The best one counts.")
@click.option("--json", "as_json", is_flag=True)
def rfm(customers: int, orders: int, rounds: int, as_json: bool) -> None:
    """RFM, lifecycle and repeat rate of generated orders, beside hand-written SQL over the same files."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        home = Path(folder)
        generating.generate(home, customers=customers, orders=orders)
        with Session.from_published(home) as session:
            as_of = computing.as_of_day(session, today=date(2100, 1, 1))
            scope = Scope(table=session.table, as_of=as_of, currency="GBP")

            def ours() -> None:
                walking.walk(session, scope, with_gaps=False)
                computing.sum_days(session, scope)
                computing.people(session, scope, wanted=_BY_HAND_TOO)
                session.rows(repeat_rate.MEASURE.expression(scope))

            def by_hand() -> None:
                session.sql(DAYS_BY_HAND)
                session.sql(BY_HAND.format(as_of=as_of))
                session.sql(WAITS_BY_HAND.format(as_of=as_of))

            one, other = _Took(), _Took()
            for _ in range(rounds):
                # By turns, so that what else the machine does meets both.
                one.run(ours)
                other.run(by_hand)
            _check(session)
    facts = {
        "customers": customers,
        "orders": orders,
        "measures_seconds": round(min(one.seconds), 3),
        "by_hand_seconds": round(min(other.seconds), 3),
        "ratio": round(min(one.seconds) / min(other.seconds), 2),
        # The first round writes the statements, which later ones know.
        "first_ratio": round(one.seconds[0] / other.seconds[0], 2),
        "cpu_ratio": round(min(one.cpu) / min(other.cpu), 2),
        "load": round(os.getloadavg()[0], 1),
        "goal": 2.0,
    }
    click.echo(
        json.dumps(facts)
        if as_json
        else f"rfm: {facts['measures_seconds']} s beside {facts['by_hand_seconds']} s of hand-written SQL for"
        f" {customers:,} customers and {orders:,} orders: {facts['ratio']} times"
        f" ({facts['first_ratio']} the first time, {facts['cpu_ratio']} in CPU; goal: 2.0 at most; load of the machine"
        f" {facts['load']})"
    )


def _check(session: Session) -> None:
    """A benchmark of two different things would be none."""
    sums = (
        "SELECT count(*) AS n, sum({days}) AS days, sum({spend}) AS spend, sum(r) AS r, sum(f) AS f, sum(m) AS m,"
        " count(*) FILTER (is_lapsing) AS lapsing, sum(hash(segment) % 1000) AS groups FROM {table}"
    )
    one: pa.Table = session.sql(sums.format(days="purchase_days", spend="spend_minor", table=PEOPLE))
    other: pa.Table = session.sql(sums.format(days="days", spend="spend", table="by_hand"))
    if one.to_pylist() != other.to_pylist():
        raise AssertionError(f"the two do not compute the same: {one.to_pylist()} and {other.to_pylist()}")


@without_database
@click.command("insight")
@click.option("--customers", type=click.IntRange(1_000), default=20_000, show_default=True)
@click.option("--orders", type=click.IntRange(1_000), default=200_000, show_default=True)
@click.option("--rounds", type=click.IntRange(1), default=2, show_default=True, help="The best one counts.")
@click.option("--json", "as_json", is_flag=True)
def insight(customers: int, orders: int, rounds: int, as_json: bool) -> None:
    """All figures month by month, of every group, of generated orders, beside hand-written SQL for their sums."""
    with tempfile.TemporaryDirectory(prefix="regulars-bench-") as folder:
        home = Path(folder)
        generating.generate(home, customers=customers, orders=orders)
        with Session.from_published(home) as session:
            computed = computing.compute(session, currency="GBP", today=date(2100, 1, 1))
            scope = Scope(session.table, computed.as_of, "GBP")
            people = scope.people()
            session.keep(WHO, people.select("customer_id", grp=people.segment.fill_null("-")))
            session.keep("_who_segments", people.select("customer_id", "segment"))
            months = spanning.spans_of(session, scope)[BY_MONTH]
            # Nobody is seen to come by: there are no events in what is generated.
            nothing = shaped({}, with_figures=True)
            for name in ("events", "visitors"):
                session.put(name, nothing[name])
            figures = [one for one in FIGURES if not one.of_years and "events" not in one.tables]
            first = months[0].start_on
            days = {"as_of": scope.as_of, "first": first, "before": add_months(first, -1)}
            found: dict[int, dict[str, Counted]] = {}
            told: dict[str, pa.Table] = {}

            def ours() -> None:
                spanning.facts(session, scope, ZoneInfo("UTC"))
                found.update(spanning.count(session, figures, BY_MONTH, months))

            def by_hand() -> None:
                for statement in bench_by_hand.PREPARE.format(**days).split(";"):
                    session.sql(statement)
                for name in ("MONTHS", "STANDING", "GAPS", "SALES"):
                    told[name] = session.sql(getattr(bench_by_hand, name).format(**days))

            one, other = _Took(), _Took()
            for _ in range(rounds):
                one.run(ours)
                other.run(by_hand)
            _same(found, told)
    facts = {
        "customers": customers,
        "orders": orders,
        "months": len(months),
        "figures_seconds": round(min(one.seconds), 3),
        "by_hand_seconds": round(min(other.seconds), 3),
        "ratio": round(min(one.seconds) / min(other.seconds), 2),
        "cpu_ratio": round(min(one.cpu) / min(other.cpu), 2),
        "load": round(os.getloadavg()[0], 1),
        "goal": 2.0,
    }
    click.echo(
        json.dumps(facts)
        if as_json
        else f"insight: {len(figures)} figures of {len(months)} months in {facts['figures_seconds']} s beside"
        f" {facts['by_hand_seconds']} s of hand-written SQL for {customers:,} customers and {orders:,} orders:"
        f" {facts['ratio']} times ({facts['cpu_ratio']} in CPU; goal: 2.0 at most; load of the machine {facts['load']})"
    )


def _same(found: dict[int, dict[str, Counted]], told: dict[str, pa.Table]) -> None:
    """Of all months and groups together, what both ways say."""
    sums = added(counted.sums for groups in found.values() for counted in groups.values())
    hand = {
        name: {column: pc.sum(table[column]).as_py() for column in table.column_names if column not in _KEYS}
        for name, table in told.items()
    }
    pairs = {
        "MONTHS": {
            "n": "buyers.n",
            "orders": "orders.orders",
            "gross": "spend.gross",
            "back": "spend.returned",
            "fresh": "new_buyers.new",
            "several": "several_channels.several",
            "in_store": "in_store.store",
            "store_days": "store_visits.visits",
            "wares": "diversity.y",
            "gg": "average_order.yy",
            "go": "average_order.xy",
            "nn": "monetary.yy",
            "dd": "frequency.yy",
            "gb": "returns.xy",
        },
        "STANDING": {
            "n": "repurchase.n",
            "again": "repurchase.again",
            "ago": "recency.y",
            "squares": "recency.yy",
            "live": "retention.end",
            "fresh": "retention.new",
        },
        "SALES": {"n": "member_share.n", "gross": "member_share.x", "known": "member_share.y"},
    }
    for name, columns in pairs.items():
        for column, ours in columns.items():
            if int(hand[name][column]) != sums[ours]:
                raise AssertionError(f"{ours} is {sums[ours]}, by hand {hand[name][column]}")
    visits = sum(sum(counted.gaps.values()) for groups in found.values() for counted in groups.values())
    if visits != hand["GAPS"]["visits"]:
        raise AssertionError(f"{visits} gaps, by hand {hand['GAPS']['visits']}")


_KEYS = frozenset({"month", "segment", "gap"})
BENCHMARKS = (rfm, insight, bench_refresh.bench_refresh)
