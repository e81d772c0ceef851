"""The exams of the simulated shop: what it claims about itself is measured on the worlds it makes."""

import hashlib
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest

from regulars.simulator import files
from regulars.simulator.catalogue import PRODUCTS
from regulars.simulator.process import Process
from regulars.simulator.seasons import Warp
from regulars.simulator.world import Plan, World, make

UNTIL = date(2026, 11, 1)
#: A change here changes every demo shop and every recorded exam: make it on purpose or not at all.
DIGEST_OF_A_SMALL_WORLD = "5a9eeb2dc834d9c139c5b245e35628b483767d1f408edf047cb1b54287a2f033"


@pytest.fixture(scope="module")
def town() -> World:
    return make(Plan(shoppers=20_000, until=UNTIL, seed="town"))


@pytest.fixture(scope="module")
def town_orders(town: World) -> pl.DataFrame:
    return files.order_frame(town)


def csv_digest(plan: Plan, folder: Path) -> str:
    world = make(plan)
    orders = folder / "orders.csv"
    files.write(files.order_frame(world), orders)
    return hashlib.sha256(orders.read_bytes()).hexdigest()


def test_the_same_plan_makes_the_same_bytes(tmp_path: Path):
    plan = Plan(shoppers=60, until=UNTIL, seed="same")
    assert csv_digest(plan, tmp_path) == csv_digest(plan, tmp_path) == DIGEST_OF_A_SMALL_WORLD


def test_another_seed_makes_another_world(tmp_path: Path):
    digests = {csv_digest(Plan(shoppers=60, until=UNTIL, seed=seed), tmp_path) for seed in ("same", "other", "third")}
    assert len(digests) == 3


def expected_pareto_nbd(process: Process, days: np.ndarray) -> np.ndarray:
    """E[repeat purchases in (0, T]], Schmittlein, Morrison & Colombo 1987, equation 17."""
    p = process
    gone = 1 - (p.beta_days / (p.beta_days + days)) ** (p.s - 1)
    return p.r * p.beta_days / (p.alpha_days * (p.s - 1)) * gone


def expected_bg_nbd(process: Process, days: np.ndarray) -> np.ndarray:
    """E[repeat purchases in (0, T]], Fader, Hardie & Lee 2005, eq. 9; the hypergeometric function as a series."""
    p = process
    z = days / (p.alpha_days + days)
    term, total = np.ones_like(z), np.ones_like(z)
    for n in range(4000):
        term = term * (p.r + n) * (p.b + n) / ((p.a + p.b - 1 + n) * (n + 1)) * z
        total = total + term
    return (p.a + p.b - 1) / (p.a - 1) * (1 - (p.alpha_days / (p.alpha_days + days)) ** p.r * total)


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (Process(), expected_pareto_nbd),
        (Process(r=1.2, alpha_days=60, s=2.0, beta_days=300), expected_pareto_nbd),
        (Process(kind="bg_nbd", r=0.8, alpha_days=40, a=0.8, b=2.4), expected_bg_nbd),
    ],
)
def test_repeat_purchases_are_as_many_as_the_theory_says(process: Process, expected):
    world = make(Plan(shoppers=40_000, until=UNTIL, seed="theory", process=process))
    watched = world.plan.days - world.shoppers.arrived_at
    repeats = world.shoppers.orders - 1
    for longer_than, up_to in ((0, 180), (180, 365), (365, 550), (550, 731)):
        cohort = (watched > longer_than) & (watched <= up_to)
        mean, error = repeats[cohort].mean(), repeats[cohort].std() / np.sqrt(cohort.sum())
        assert mean == pytest.approx(expected(process, watched[cohort]).mean(), abs=4 * error)


def test_nobody_buying_again_is_as_frequent_as_the_theory_says():
    """P(no repeat in (0, T]) of the Pareto/NBD, averaged over the two gamma laws with draws of NumPy's own."""
    process = Process()
    world = make(Plan(shoppers=40_000, until=UNTIL, seed="once", process=process))
    generator = np.random.default_rng(7)
    rate = generator.gamma(process.r, 1 / process.alpha_days, 400_000)
    leaving = generator.gamma(process.s, 1 / process.beta_days, 400_000)
    days = generator.uniform(0, world.plan.days, 400_000)
    both = rate + leaving
    once = (leaving / both + rate / both * np.exp(-both * days)).mean()
    assert (world.shoppers.orders == 1).mean() == pytest.approx(once, abs=0.01)


def test_rates_and_lifetimes_have_their_laws(town: World):
    process, truth = town.plan.process, town.shoppers
    assert truth.rate.mean() == pytest.approx(process.r / process.alpha_days, rel=0.04)
    # P(alive after T) of an exponential lifetime with gamma rate: (beta / (beta + T)) ** s.
    watched = town.plan.days - truth.arrived_at
    alive = (process.beta_days / (process.beta_days + watched)) ** process.s
    assert (truth.gone_on < 0).mean() == pytest.approx(alive.mean(), abs=0.015)


def test_nobody_orders_after_leaving_or_before_arriving(town: World):
    truth, orders = town.shoppers, town.orders
    gone_on = truth.gone_on[orders.shopper]
    assert ((gone_on < 0) | (orders.day <= gone_on)).all()
    assert (np.bincount(orders.shopper, minlength=truth.rate.size) == truth.orders).all()
    assert (truth.orders >= 1).all()


def test_every_instant_lies_in_the_window_and_in_its_day(town: World, town_orders: pl.DataFrame):
    days = town_orders.filter(kind="sale").get_column("placed_at").dt.date()
    assert days.min() >= town.plan.start
    assert town_orders.get_column("placed_at").dt.date().max() < UNTIL


def test_stores_sell_only_while_they_are_open(town_orders: pl.DataFrame):
    hours = town_orders.filter(pl.col("store").is_not_null()).get_column("placed_at").dt.hour()
    assert (hours.min(), hours.max()) == (10, 21)
    web = town_orders.filter(kind="sale", channel="web").get_column("placed_at").dt.hour()
    assert web.n_unique() == 24


@pytest.mark.parametrize("zone", ["Europe/London", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Shanghai"])
def test_opening_hours_hold_on_the_days_when_clocks_change(zone: str):
    world = make(Plan(shoppers=2_000, until=date(2019, 1, 1), seed="clocks", zone=ZoneInfo(zone)))
    frame = files.order_frame(world).filter(kind="sale")
    local = frame.with_columns(
        day=pl.Series(world.orders.day[world.lines.order]),
        hour=pl.col("placed_at").dt.hour(),
        on=pl.col("placed_at").dt.date(),
    )
    assert local.select(((pl.lit(world.plan.start) + pl.duration(days="day")) == pl.col("on")).all()).item()
    assert local.filter(pl.col("store").is_not_null()).select(pl.col("hour").is_between(10, 21).all()).item()


def test_the_season_is_felt(town: World, town_orders: pl.DataFrame):
    orders = town_orders.filter(kind="sale").unique("order").with_columns(on=pl.col("placed_at").dt.date())
    by_day = dict(orders.group_by("on").len().iter_rows())
    ordinary = np.median([by_day.get(date(2025, 11, 1) - timedelta(n), 0) for n in range(30)])
    assert by_day[date(2025, 11, 11)] > 3 * ordinary
    assert by_day[date(2025, 12, 22)] > 1.2 * ordinary


def test_shop_time_and_civil_time_are_equally_long():
    warp = Warp.over(start=date(2024, 1, 1), end=date(2026, 1, 1), zone=ZoneInfo("Asia/Shanghai"))
    day, fraction = warp.day_and_fraction(np.asarray([0.0, float(np.nextafter(warp.days, 0))]))
    assert day.tolist() == [0, 730]
    assert fraction[0] == 0
    assert 0.999999 < fraction[1] < 1


def test_less_comes_back_than_was_sold(town: World, town_orders: pl.DataFrame):
    lines, back = town.lines, town.returns
    returned = np.bincount(back.line, weights=back.quantity, minlength=lines.order.size)
    assert (returned <= lines.quantity).all()
    paid_back = np.bincount(back.line, weights=back.quantity * back.unit_minor, minlength=lines.order.size)
    assert (paid_back <= lines.quantity * lines.unit_minor - lines.discount_minor).all()
    assert (back.at > town.orders.at[lines.order[back.line]]).all()
    assert 0.1 < back.is_nameless.mean() < 0.4
    nameless = town_orders.filter(pl.col("kind") == "return", pl.col("returned_order").is_null())
    assert nameless.height == back.is_nameless.sum()
    # A return without a receipt can be matched only through its customer.
    assert nameless.get_column("customer").null_count() == 0


def test_baskets_are_sane(town: World, town_orders: pl.DataFrame):
    sales = town_orders.filter(kind="sale")
    assert sales.select(pl.struct("order", "line").is_unique().all()).item()
    assert sales.select(pl.struct("order", "product").is_unique().all()).item()
    assert sales.filter(pl.col("discount") * 2 > pl.col("unit_price") * pl.col("quantity")).is_empty()
    assert 1.5 < sales.height / sales.get_column("order").n_unique() < 2.5
    assert 180 <= len(PRODUCTS) <= 220
    assert len({product.title for product in PRODUCTS}) == len({product.ref for product in PRODUCTS}) == len(PRODUCTS)


def test_guests_leave_no_number(town: World, town_orders: pl.DataFrame):
    share = town_orders.filter(kind="sale").unique("order").get_column("customer").is_null().mean()
    assert 0.03 < share < 0.09


def test_the_truth_stands_beside_not_inside(town: World, town_orders: pl.DataFrame):
    truth = files.truth_frame(town)
    assert truth.height == town.plan.shoppers
    assert truth.get_column("orders").sum() == town.orders.at.size
    assert not set(truth.columns) & {"name", "email", "phone"}
    assert not set(town_orders.columns) & {"rate", "gone_on", "is_alive"}
    assert truth.filter(pl.col("is_alive") != pl.col("gone_on").is_null()).is_empty()
