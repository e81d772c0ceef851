"""From recorded orders to readings, and the same from the very same orders on paper."""

import random
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
import pytest
from django.db import connection

from regulars.facts.commerce import goods_returns, on_paper, orders
from regulars.facts.commerce.goods_returns import ReturnBatch
from regulars.facts.commerce.on_paper import OnPaper
from regulars.facts.commerce.orders import OrderBatch
from regulars.facts.company import company
from regulars.facts.customers import customers, identity
from regulars.facts.customers.identity import Reason
from regulars.insight.measures import (
    catalogue,
    computing,
    keeping,
    margins,
    readings,
    refreshing,
    runs,
    series,
    spanning,
    tables,
    together,
    visiting,
    walking,
)
from regulars.insight.measures.models import FigureReading, Reading, ShopReading
from regulars.insight.measures.scope import DAYS, OWN_GAPS, SEEN
from regulars.insight.measures.tests.shops import LONDON, a_random_shop, session_of
from regulars.insight.warehouse import publishing
from regulars.insight.warehouse.session import Session
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.database.published import PublishedAnswers, PublishedStream
from regulars.runtime.trail import trail
from tests.often import IS_WHOLE, a_few, often

NOW = datetime(2026, 11, 1, tzinfo=UTC)
FILE = Actor("import", "1")


@pytest.fixture
def shop(fresh_database: dict[str, str], tmp_path: Path, settings: Any) -> None:
    settings.REGULARS_HOME = tmp_path
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=SYSTEM)


def a_history(seed: int) -> dict[str, pl.DataFrame]:
    """Two hundred orders of thirty people and guests, and what came back: named or not, too much, unknown, foreign."""
    chance = random.Random(seed)
    heads, lines, back, back_lines = [], [], [], []
    for number in range(200):
        at = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(hours=chance.randrange(200 * 24))
        who = chance.choice([None, *(f"p{person}" for person in range(30))])
        sale = {
            "ref": f"s{number}",
            "customer_ref": who,
            "country": chance.choice([None, "GB", "PT"]),
            "placed_at": at,
            "placed_on": at.date(),
            "currency": chance.choice(["GBP"] * 9 + ["EUR"]),
            "is_adjustment": chance.random() < 0.02,
            "discount_minor": chance.choice([0, 0, 10]),
        }
        heads.append(sale)
        for place in range(chance.randrange(1, 4)):
            quantity, price = chance.randrange(1, 6), Decimal(chance.choice(["0", "1.25", "9.99", "20.00"]))
            lines.append(
                {
                    "ref": sale["ref"],
                    "number": place + 1,
                    "product_ref": f"tea {chance.randrange(5)}",
                    "quantity": Decimal(quantity),
                    "unit_price": price,
                    "amount_minor": int(quantity * price * 100),
                    "discount_minor": 0,
                }
            )
        goods = sum(int(line["amount_minor"]) for line in lines if line["ref"] == sale["ref"])
        sale["discount_minor"] = min(sale["discount_minor"], goods)
    for number in range(60):
        sale = chance.choice(heads)
        at = sale["placed_at"] + timedelta(hours=chance.randrange(-48, 2000))
        back.append(
            {
                "ref": f"r{number}",
                "customer_ref": sale["customer_ref"] if chance.random() < 0.9 else "p99",
                "order_ref": chance.choice([sale["ref"], None, None, "not here"]),
                "returned_at": at,
                "returned_on": at.date(),
                "currency": sale["currency"],
            }
        )
        back_lines.append(
            {
                "ref": f"r{number}",
                "number": 1,
                "product_ref": f"tea {chance.randrange(5)}",
                "quantity": Decimal(chance.randrange(1, 9)),
                "unit_price": Decimal("5"),
                "amount_minor": chance.randrange(100, 2000),
            }
        )
    return {
        "orders": pl.DataFrame(heads, schema_overrides=orders.ORDERS).select(
            pl.col(name) if name in heads[0] else pl.lit(None, dtype=kind).alias(name)
            for name, kind in orders.ORDERS.items()
        ),
        "lines": _shaped(lines, orders.LINES),
        "returns": _shaped(back, goods_returns.RETURNS),
        "return_lines": _shaped(back_lines, goods_returns.LINES),
    }


def _shaped(rows: list[dict[str, Any]], schema: pl.Schema) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def put_on_record(history: dict[str, pl.DataFrame]) -> None:
    orders.record_many(batch=OrderBatch("till", history["orders"], history["lines"], "history"), at=NOW, by=FILE)
    goods_returns.record_many(
        batch=ReturnBatch("till", history["returns"], history["return_lines"], "history"), at=NOW, by=FILE
    )


def on_paper_of(paper: OnPaper) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    frames = {name: getattr(paper, name).to_arrow() for name in tables.NEEDED}
    with Session.from_frames(tables.shaped(frames)) as session:
        computed = computing.compute(session, currency="GBP", today=NOW.date())
        names = dict(paper.refs.iter_rows())
        people = {names[row["customer_id"]]: row for batch in computed.batches() for row in batch.to_pylist()}
    return dict(computed.shop), people


@pytest.mark.parametrize("seed", a_few(0, [1, 2, 3]))
def test_stored_readings_and_a_report_from_the_same_orders_agree_to_the_digit(shop: None, seed: int):
    history = a_history(seed)
    put_on_record(history)
    done = refreshing.refresh(at=NOW, by=SYSTEM)
    shop_values, people = on_paper_of(on_paper.tables(**history))

    assert {name: readings.shop(name).value for name in shop_values} == shop_values  # type: ignore[union-attr]  # None fails the test
    assert done.customers == len(people)
    assert shop_values["overview"]["returned_minor"] > 0
    assert shop_values["overview"]["unmatched_returns_minor"] > 0
    stored = [measure.name for measure in catalogue.STORED]
    for name, expected in people.items():
        [number] = customers.find_by_ref(ref=name)
        reading = readings.of(number)
        assert reading is not None
        assert {key: getattr(reading, key) for key in stored} == {key: expected[key] for key in stored}


def test_refreshing_again_writes_nothing_new(shop: None):
    put_on_record(a_history(1))
    first = refreshing.refresh(at=NOW, by=SYSTEM)
    again = refreshing.refresh(at=NOW, by=SYSTEM)
    assert (first.changed, first.removed) == (first.customers, 0)
    assert (again.changed, again.removed, again.shop) == (0, 0, first.shop)
    assert [entry.verb for entry in trail.of("readings:all")] == ["insight.refresh"] * 2


def test_with_nothing_new_nothing_is_computed(shop: None, monkeypatch: pytest.MonkeyPatch):
    put_on_record(a_history(1))
    computed: list[date] = []
    compute = computing.of_shop

    def noted(session: Session, scope: Any) -> Any:
        computed.append(scope.as_of)
        return compute(session, scope)

    monkeypatch.setattr(computing, "of_shop", noted)
    first = refreshing.refresh(at=NOW, by=SYSTEM)
    stored = all_that_is_stored()
    later = refreshing.refresh(at=NOW + timedelta(hours=1), by=SYSTEM)
    assert (len(computed), later.shop, later.run) == (1, first.shop, first.run + 1)
    assert [(run.changed, run.basis) for run in runs.latest()] == [
        (0, runs.latest()[0].basis),
        (first.changed, runs.latest()[0].basis),
    ]
    # Whatever is gone, or told otherwise, is computed again; and another day is another thing.
    Reading.objects.filter(customer_id=Reading.objects.values("customer_id")[:1]).delete()
    assert refreshing.refresh(at=NOW, by=SYSTEM).changed == 1
    FigureReading.objects.filter(name="orders").delete()
    refreshing.refresh(at=NOW, by=SYSTEM)
    assert all_that_is_stored() == stored
    assert len(computed) == 3
    margins.tell(percent=Decimal(40), at=NOW, by=SYSTEM)
    refreshing.refresh(at=NOW, by=SYSTEM)
    assert series.of("margin").year.estimate.value is not None  # type: ignore[union-attr]  # None fails the test
    refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 4, 1))
    assert computed[3:] == [first.as_of, date(2026, 4, 1)]


def test_a_refresh_is_kept_as_a_run_that_another_can_be_held_against(shop: None):
    put_on_record(a_history(1))
    before = refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 4, 1))
    now = refreshing.refresh(at=NOW, by=SYSTEM)
    earlier, later = runs.of(before.run), runs.of(now.run)
    assert earlier is not None
    assert later is not None
    assert [run.number for run in runs.latest()] == [now.run, before.run]
    assert (earlier.as_of, later.as_of) == (date(2026, 4, 1), now.as_of)
    found = {one.name: one for one in runs.compared(earlier, later)}
    assert found["orders"].is_clear
    assert found["orders"].later == later.figures["orders"] == series.of("orders").year.estimate  # type: ignore[union-attr]  # None fails the test
    assert all(one.is_same and not one.is_clear for one in runs.compared(later, later))
    assert later.engine == runs.engine()


def test_what_happened_since_reaches_the_readings(shop: None):
    history = a_history(1)
    put_on_record(history)
    refreshing.refresh(at=NOW, by=SYSTEM)
    [p1] = customers.find_by_ref(ref="p1")
    before = readings.of(p1)
    sale = next(order for order in orders.of_customer(p1) if order.kind == "purchase")
    orders.cancel(order=sale.id, at=NOW, by=SYSTEM)
    refreshing.refresh(at=NOW, by=SYSTEM)
    after = readings.of(p1)
    assert before is not None
    assert after is not None
    assert after.orders == before.orders - 1


def test_an_earlier_day_can_be_looked_at(shop: None):
    put_on_record(a_history(1))
    done = refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 3, 1))
    assert done.as_of == date(2026, 3, 1)
    newest = Reading.objects.exclude(last_on=None).order_by("-last_on").first()
    assert newest is not None
    assert newest.last_on <= date(2026, 3, 1)


def test_every_table_a_measure_names_is_published_with_the_columns_it_needs():
    published = {table.name: table.columns for table in publishing.published_tables()}
    for measure in catalogue.ALL:
        assert set(measure.tables) <= set(published), measure.name
        assert set(measure.tables) <= {*tables.NEEDED, *tables.FIGURES_NEED}, measure.name
    for needed in (tables.NEEDED, tables.FIGURES_NEED):
        for name, columns in needed.items():
            assert columns.items() <= published[name].items()


def test_what_is_published_has_one_row_a_key(shop: None):
    put_on_record(a_history(1))
    for table in publishing.published_tables():
        if isinstance(table, PublishedAnswers):
            continue
        sql = table.sql.replace("{rows}", "true") if isinstance(table, PublishedStream) else table.sql
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*), count(DISTINCT {table.key}) FROM ({sql}) AS published")
            [(rows, keys)] = cursor.fetchall()
        assert rows == keys, table.name


def all_that_is_stored() -> dict[str, Any]:
    columns = ["customer_id", *(measure.name for measure in catalogue.STORED)]
    return {
        "customers": sorted(Reading.objects.values_list(*columns)),
        "shop": dict(ShopReading.objects.values_list("name", "value")),
        "figures": dict(FigureReading.objects.values_list("name", "value")),
    }


@pytest.mark.parametrize("seed", a_few(1, (1, 0, *range(2, often(3)))))
@pytest.mark.parametrize("is_kept", [True, pytest.param(False, marks=pytest.mark.slow)], ids=["kept", "walked"])
def test_refreshed_again_and_again_is_what_a_refresh_from_nothing_gives(
    shop: None,
    fresh_database: dict[str, str],
    is_kept: bool,
    seed: int,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
):
    """Between refreshes orders come in late and are cancelled, goods come back, records are joined, orders removed, and
    days pass."""
    chance = random.Random(seed)
    walked_again: list[bool] = []
    if is_kept:
        monkeypatch.setattr(keeping, "FROM_ORDERS", 0)
        monkeypatch.setattr(keeping, "MOST", 1)
        monkeypatch.setattr(refreshing, "BESIDE_FROM", 1)
        some = keeping._some
        monkeypatch.setattr(keeping, "_some", lambda *told: walked_again.append(True) or some(*told))
    # Who came by on which day: of nobody at first, and known late.
    seen: set[tuple[int, date]] = set()
    monkeypatch.setattr(visiting, "keep", lambda session, *_, **__: session.put(SEEN, _came_by(seen)))
    history = a_history(seed)
    parts = chance.randrange(2, 5)
    days = sorted(chance.choices([date(2026, 6, 1) + timedelta(days=day) for day in range(28)], k=2 * parts))
    for part in range(parts):
        refs = history["orders"]["ref"].to_list()[part::parts]
        back = history["returns"].filter(pl.col("order_ref").is_in(refs) | pl.col("order_ref").is_null())
        put_on_record(
            {
                "orders": history["orders"].filter(pl.col("ref").is_in(refs)),
                "lines": history["lines"].filter(pl.col("ref").is_in(refs)),
                "returns": back,
                "return_lines": history["return_lines"].filter(pl.col("ref").is_in(back["ref"].to_list())),
            }
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM commerce_order WHERE cancelled_at IS NULL ORDER BY id")
            known = [number for (number,) in cursor.fetchall()]
        for number in chance.sample(known, 3):
            orders.cancel(order=number, at=NOW, by=SYSTEM)
        one, other = (customers.find_by_ref(ref=f"p{2 * part + which}") for which in (0, 1))
        if one and other:
            identity.join(one=one[0], other=other[0], why=Reason.ASKED, key=f"j{part}", at=NOW, by=SYSTEM)
        # Removed rows have everybody walked again.
        if not is_kept or chance.random() < 0.2:
            _remove_two(fresh_database, chance)
        # Several refreshes of each: from one day, and from later ones.
        for _ in range(2 if IS_WHOLE or is_kept else 1):
            day = days.pop(0)
            refreshing.refresh(at=NOW, by=SYSTEM, as_of=day)
        seen |= {(chance.randrange(1, 30), date(2026, chance.randrange(1, 7), 9)) for _ in range(5)}
    refreshing.refresh(at=NOW, by=SYSTEM)
    grown = all_that_is_stored()
    shutil.rmtree(Path(settings.REGULARS_HOME) / "warehouse")
    monkeypatch.setattr(keeping, "FROM_ORDERS", 1_000)
    for model in (Reading, ShopReading, FigureReading):
        model.objects.all().delete()
    refreshing.refresh(at=NOW, by=SYSTEM)
    assert all_that_is_stored() == grown
    assert grown["shop"]["moves"]["months"]
    assert bool(walked_again) == is_kept


@pytest.mark.slow
@pytest.mark.parametrize("step", ["days", "doings"])
def test_a_walk_whose_writer_was_killed_is_as_it_was(
    step: str, shop: None, settings: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(keeping, "FROM_ORDERS", 0)
    monkeypatch.setattr(keeping, "MOST", 1)
    put_on_record(a_history(1))
    refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 6, 1))
    again: list[bool] = []
    some = keeping._some
    monkeypatch.setattr(keeping, "_some", lambda *told: again.append(True) or some(*told))

    def is_killed(*told: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as killing:
        killing.setattr(walking.Walk, step, is_killed)
        with pytest.raises(KeyboardInterrupt):
            refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 6, 3))
    refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 6, 3))
    stored = all_that_is_stored()
    assert len(again) == 2
    monkeypatch.setattr(keeping, "FROM_ORDERS", 1_000)
    Reading.objects.all().delete()
    refreshing.refresh(at=NOW, by=SYSTEM, as_of=date(2026, 6, 3))
    assert all_that_is_stored() == stored


def _came_by(seen: set[tuple[int, date]]) -> pa.Table:
    who = pa.array([customer for customer, _ in seen], pa.int64())
    days = pa.array([day for _, day in seen], pa.date32())
    return pa.table({"customer_id": who, "day": days, "in_store": pa.array([True] * len(seen), pa.bool_())})


def _remove_two(fresh_database: dict[str, str], chance: random.Random) -> None:
    with psycopg.connect(fresh_database["REGULARS_DATABASE_OWNER_URL"]) as owner:
        # Of an order that nothing came back of: it goes without a trace.
        gone = owner.execute(
            "SELECT id FROM commerce_order AS sale WHERE NOT EXISTS (SELECT 1 FROM commerce_return WHERE order_id ="
            " sale.id) AND NOT EXISTS (SELECT 1 FROM commerce_return_match JOIN commerce_line ON commerce_line.id ="
            " line_id WHERE commerce_line.order_id = sale.id) ORDER BY id"
        ).fetchall()
        picked = [number for (number,) in chance.sample(gone, 2)]
        for table, column in (("commerce_line", "order_id"), ("commerce_order", "id")):
            owner.execute(f"DELETE FROM {table} WHERE {column} = ANY(%s)", [picked])


@pytest.mark.slow
def test_in_lots_in_parts_or_at_once_the_same_is_kept(monkeypatch: pytest.MonkeyPatch):
    shop = a_random_shop(7)
    kept: list[dict[str, set[tuple[Any, ...]]]] = []
    for name, value in (("LOT", walking.LOT), ("LOT", 100), ("ALONE_UP_TO", 0), ("_BITS", 1)):
        monkeypatch.setattr(walking, name, value)
        with session_of(shop) as (session, scope):
            spanning.facts(session, scope, LONDON)
            tables = (DAYS, spanning.YEAR, spanning.BY_MONTH, OWN_GAPS, *together.PAIRS_IN.values())
            kept.append({name: {tuple(row.values()) for row in session.rows(session.table(name))} for name in tables})
    assert all(kept[0].values())
    assert all(one == kept[0] for one in kept)
