"""The whole history of a real shop under the classic programme: what it comes to, and that again nothing changes."""

import json
import os
import time
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from django.db import connection

from regulars.doors.imports import mapping, orders
from regulars.kit.actors import SHELL, Actor
from regulars.levers.loyalty import earning, programme_files, programmes, tier_history, trying
from regulars.levers.loyalty.earning import Posted

DATA = Path(os.environ.get("REGULARS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
#: In the suite one customer of forty; all of them in the long form.
WHOLE = bool(os.environ.get("REGULARS_TEST_HEAVY"))
#: A point for each whole pound that an order's goods came to, of what was sold and of what was kept.
ORACLE = """
SELECT sum(floor(sold / 100)), sum(floor(kept / 100)), count(*) FILTER (WHERE sold >= 100)
  FROM (SELECT sale.id, sum(line.amount_minor) AS sold,
               sum(floor(line.amount_minor * (line.quantity - line.returned_quantity) / line.quantity)) AS kept
          FROM commerce_order AS sale JOIN commerce_line AS line ON line.order_id = sale.id AND line.quantity > 0
         WHERE sale.kind = 'purchase' AND sale.customer_id IS NOT NULL AND sale.cancelled_at IS NULL
         GROUP BY 1) AS each
"""
#: Rows whose caches are not the sum of their postings; there must be none.
WRONG = """
SELECT count(*) FROM loyalty_account AS account
  JOIN (SELECT account_id, sum(pending) AS pending, sum(available) AS available, sum(held) AS held, sum(owed) AS debt
          FROM loyalty_lot GROUP BY 1) AS lots ON lots.account_id = account.id
 WHERE (account.pending, account.available, account.held, account.debt)
       IS DISTINCT FROM (lots.pending, lots.available, lots.held, lots.debt)
"""
DECIDED = """
SELECT count(*) FROM loyalty_earning AS earning
 WHERE (SELECT COALESCE(sum(part.value::bigint), 0)
          FROM jsonb_each(earning.lines) AS rule, jsonb_each_text(rule.value) AS part)
       <> (SELECT COALESCE(sum(original - taken_back - short), 0) FROM loyalty_lot
            WHERE subject = earning.subject AND rule LIKE 'classic.%')
"""


def rows(sql: str) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


@pytest.mark.data
@pytest.mark.django_db
def test_online_retail_under_classic(tmp_path, capsys):
    path = DATA / "online_retail" / "online_retail.parquet"
    if not path.exists():
        pytest.skip(f"THE REAL DATA IS NOT HERE: {path}; set REGULARS_TEST_DATA")
    if not WHOLE:
        some = pl.read_parquet(path).filter(pl.col("CustomerID").cast(pl.Int64, strict=False) % 40 == 0)
        path = tmp_path / "online_retail.parquet"
        some.write_parquet(path)
    now = datetime.now(UTC)
    orders.import_orders(path, mapping.load("online_retail"), at=now, by=Actor("import", "the test"))
    text = programme_files.text_of("classic")
    tried = trying.simulate(programmes.validate(text))
    made = programmes.draft(text=text, at=now, by=SHELL)
    programmes.approve(programme="classic", version=made.number, cost=tried.parts, at=now, by=SHELL, why="a test")
    programmes.activate(programme="classic", version=made.number, at=now, by=SHELL)

    began = time.perf_counter()
    done = sum(earning.backfill(programme="classic", at=now, by=SHELL), Posted())
    took = time.perf_counter() - began

    ((sold, kept, orders_with_points),) = rows(ORACLE)
    by_rule = {
        rule: (given, back)
        for rule, given, back in rows(
            "SELECT rule, sum(original)::bigint, sum(taken_back + short)::bigint FROM loyalty_lot GROUP BY 1"
        )
    }
    assert by_rule["classic.spend"][0] == sold
    assert by_rule["classic.spend"][0] - by_rule["classic.spend"][1] == kept
    assert tried.parts == done.awarded - done.taken_back
    net = {rule.partition(".")[2]: given - back for rule, (given, back) in by_rule.items()}
    assert net == {rule.rule: rule.parts for rule in tried.rules}
    assert rows(WRONG) == [(0,)]
    assert rows(DECIDED) == [(0,)]
    # All of it was earned long ago: what was kept lapsed at the end of the year after.
    [(lapsed, left)] = rows("SELECT sum(lapsed)::bigint, sum(pending + available)::bigint FROM loyalty_lot")
    assert (lapsed, left) == (done.awarded - done.taken_back, 0)

    before = rows("SELECT count(*), max(id) FROM loyalty_entry")
    assert sum(earning.backfill(programme="classic", at=now, by=SHELL), Posted()) == Posted()
    assert rows("SELECT count(*), max(id) FROM loyalty_entry") == before
    # Levels of a calendar year are kept through the next one: within its year of data nobody comes down.
    says = programmes.validate(text)
    [levels] = says.tiers
    told = tier_history.by_quarter(says, levels, since=date(2010, 12, 1), until=date(2012, 1, 1))
    up = [one.count(levels, 1) for one in told]
    assert {one.count(levels, -1) + one.foretold for one in told} == {0}
    last = told[-1]
    assert sum(last.moved.values()) == sum(many for (_, after), many in last.moved.items() if after)
    assert up == [495, 892, 1035, 1044, 1152] if WHOLE else sum(up) > 0
    if WHOLE:
        with capsys.disabled():
            kinds = dict(rows("SELECT kind, count(*) FROM loyalty_entry GROUP BY 1"))
            years = dict(rows("SELECT expires_on::text, sum(lapsed)::bigint FROM loyalty_lot GROUP BY 1 ORDER BY 1"))
            told = {"orders": done.decided, "awards": done.awards, "seconds": round(took, 1), "rules": by_rule}
            told |= {"with_points": orders_with_points, "entries": kinds, "lapsed": years, "net": net}
            told |= {"customers": tried.customers, "cost": str(tried.cost), "middle": tried.middle}
            print(json.dumps(told, default=str, indent=1))
