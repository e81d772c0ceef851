"""The demo shop in a database: simulated people come in through the import door, and nothing of them is lost."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from regulars.doors.imports import mapping, orders
from regulars.facts.commerce import catalogue, categories, prices, stock, variants
from regulars.facts.company import company, stores
from regulars.facts.customers import customers, profiles
from regulars.facts.sources import import_runs
from regulars.insight.audiences import audiences
from regulars.insight.measures import costs, margins, readings
from regulars.levers.loyalty import benefits, checkups, memberships, redemptions
from regulars.simulator import demo, files, homes, visits
from regulars.simulator.world import make

WANTED = homes.Shop(shoppers=60, years=2.0, seed="story", until="2026-11-01")


def test_a_shop_is_furnished_once(fresh_database: dict[str, str], tmp_path: Path, settings):
    settings.REGULARS_HOME = tmp_path
    said: list[str] = []
    made = demo.furnish(home=tmp_path, wanted=WANTED, say=said.append)
    assert made.is_furnished
    assert company.shop().name == "Leaf & Lantern 叶与灯"
    assert len(stores.every()) == 5

    truth = pl.read_parquet(tmp_path / "simulated/truth.parquet")
    known = truth.filter(~pl.col("is_guest"))
    assert customers.count() == known.height
    # One person bought on as many days as the truth says orders, or fewer where two fell on one day.
    ines = known.sort("orders", descending=True).row(0, named=True)
    (number,) = customers.find_by_ref(ref=ines["customer"], namespace=demo.NAMESPACE)
    reading = readings.of(number)
    assert reading is not None
    assert reading.orders == ines["orders"]
    assert profiles.masked([number])[number].email.endswith("@example.com")
    share = readings.shop("repeat_rate")
    assert share is not None

    # Its goods have prices, also those of the days before, and stand on shelves of stores that are open by day.
    [(form, product)] = variants.find_many(namespace=demo.NAMESPACE, refs=["tea-01a"]).values()
    [ware] = catalogue.get_many([product]).values()
    assert len(catalogue.variants_of(product)) == 1
    assert (ware.titles["zh-hans"], ware.attributes) == ("雾岭绿茶 50克", {"weight_g": "50"})
    noon = datetime(2026, 11, 1, 4, tzinfo=UTC)
    price = prices.at(product=product, currency="CNY", at=noon, variant=form)
    assert price is not None
    assert price.minor == 3800
    assert len(stock.levels_of([form], at=noon)[form]) == 5
    assert all(stores.is_open(store=one.id, at=noon) and one.place.city for one in stores.every())
    assert {one.titles["en"] for one in categories.tree()} >= {"Tea", "Body care"}

    # Of the last weeks' visits every event is in the stream, and the groups that most shops follow are followed.
    told = sum(1 for visit in visits.past(make(demo.plan(made))) for _ in visits.told(visit))
    assert [run.rows_good for run in import_runs.recent(limit=20) if run.kind == "events"] == [told]
    assert {one.ready_made for one in audiences.every()} == set(demo.AUDIENCES)

    # What newcomers cost is told of each month, and the margin it is held against.
    assert len({cost.month for cost in costs.told()}) >= 20
    assert margins.told_percent() == 46

    # Its members take rewards, are in a paid club or about to leave it, and the books of all that agree.
    now = demo._now()
    assert {state for _plan, state in memberships.counts()} == {"active", "past_due", "trial"}
    assert sum(redemptions.how_many_wait().values()) > 1
    assert sum(one.uses for one in benefits.savings(since=now - timedelta(days=1), until=now)) > 1
    assert list(checkups.broken()) == []

    # The door takes every simulated row, again and also as text; every return finds its purchase.
    text = tmp_path / "orders.csv"
    files.write(pl.read_parquet(tmp_path / "simulated/orders.parquet"), text)
    done = orders.import_orders(text, mapping.load("generic"), at=demo._now(), by=demo.ACTOR, source=demo.NAMESPACE)
    assert (done.rows_rejected, done.orders.new, done.orders.conflicts, done.returns.new) == (0, 0, 0, 0)
    assert done.totals["unmatched_quantity"] == "0"

    again = demo.furnish(home=tmp_path, wanted=homes.Shop(99, 1.0, "other", "2026-11-02"), say=said.append)
    assert again == made
    assert "already" in said[-1]


@pytest.mark.slow
def test_a_half_made_shop_is_finished_as_it_was_begun(
    fresh_database: dict[str, str], tmp_path: Path, settings, monkeypatch
):
    settings.REGULARS_HOME = tmp_path
    with monkeypatch.context() as broken:
        broken.setattr(demo, "_describe", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            demo.furnish(home=tmp_path, wanted=WANTED, say=lambda _: None)
    before = customers.count()
    other = homes.Shop(99, 1.0, "other", "2026-11-02")
    assert demo.furnish(home=tmp_path, wanted=other, say=lambda _: None).seed == WANTED.seed
    assert customers.count() == before


def test_a_folder_that_no_demo_has_made_is_left_alone(tmp_path: Path):
    home = tmp_path / "demo"
    assert homes.shop_of(home) is None
    (home / "run").mkdir(parents=True)
    (home / "thesis.docx").write_text("nine years")
    for look in (homes.shop_of, lambda home: homes.claim(home, WANTED)):
        with pytest.raises(homes.NotADemo):
            look(home)
    (home / "demo.json").write_text('{"title": "a talk"}')
    with pytest.raises(homes.NotADemo):
        demo.furnish(home=home, wanted=WANTED, say=lambda _: None)
    assert sorted(file.name for file in home.iterdir()) == ["demo.json", "run", "thesis.docx"]


def test_a_claimed_home_is_a_demos_before_anything_else_stands_in_it(tmp_path: Path):
    homes.claim(tmp_path / "demo", WANTED)
    homes.claim(tmp_path / "demo", homes.Shop(99, 1.0, "other", "2026-11-02"))
    assert homes.shop_of(tmp_path / "demo") == WANTED
