"""Prices: what applies, what was corrected, and the lowest of the thirty days before."""

import random
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.facts.commerce import barcodes, categories, price_windows, prices, variants
from regulars.facts.commerce.price_windows import Asked, Row
from regulars.facts.commerce.prices import PRICES, PriceReport
from regulars.facts.commerce.tests.builders import DAY, MAREK, MONDAY
from regulars.facts.company import company, stores
from regulars.kit.refusals import Refusal
from regulars.kit.windows import Window
from regulars.runtime.trail import trail
from tests.often import often

MARCH = datetime(2026, 3, 1, tzinfo=UTC)


def day(number: int) -> datetime:
    return MARCH + timedelta(days=number)


def a_row(number=1, *, price=100, start=0, end=None, sale=None, told=0, withdrawn=False, **scope) -> Row:
    where = {"variant": None, "store": None, "channel": None} | scope
    until = None if end is None else day(end)
    return Row(number, 1, *where.values(), "GBP", price, sale, day(start), until, withdrawn, day(told))


ANYWHERE = Asked(1, "GBP")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # An open price ends where the next begins; only days 0 to 29 count.
        ([a_row(1, price=100, start=-40), a_row(2, price=80, start=10), a_row(3, price=90, start=20)], (80, 10, True)),
        ([a_row(1, price=50, start=-40), a_row(2, price=80, start=-10)], (80, 0, True)),
        # A sale lies on top of the open price and ends.
        ([a_row(1, price=100, start=-9), a_row(2, price=100, sale=70, start=3, end=5)], (70, 3, True)),
        # What begins on the day itself is the reduction and does not count.
        ([a_row(1, price=100, start=-9), a_row(2, price=100, sale=60, start=30)], (100, 0, True)),
        # Gaps: known for a part only.
        ([a_row(1, price=100, start=5, end=10), a_row(2, price=90, start=20)], (90, 20, False)),
        ([a_row(1, price=100, start=22)], (100, 22, False)),
        ([a_row(1, price=100, start=31)], None),
        # Corrections: the same start told later counts alone, also with another end, and a withdrawn one not at all.
        (
            [a_row(1, price=100, start=-9), a_row(2, price=10, start=4), a_row(3, price=95, start=4, told=9)],
            (95, 4, True),
        ),
        ([a_row(1, price=100, start=-9), a_row(2, price=10, start=4, told=9, withdrawn=True)], (100, 0, True)),
        (
            [
                a_row(1, price=100, start=-9),
                a_row(3, price=80, start=2, end=3, told=5),
                a_row(2, price=80, start=2, end=9, told=1),
                a_row(4, price=90, start=3, end=4),
            ],
            (80, 2, True),
        ),
    ],
)
def test_the_lowest_of_the_thirty_days_before(rows: list[Row], expected: tuple[int, int, bool] | None) -> None:
    for _ in range(3):
        random.shuffle(rows)
        found = price_windows.lowest(price_windows.newest(rows), ANYWHERE, Window(day(0), day(30)))
        assert (found and (found.minor, (found.since - MARCH).days, found.is_whole)) == expected


def test_the_place_decides_before_the_variant_and_what_is_elsewhere_does_not() -> None:
    rows = [
        a_row(1, price=100),
        a_row(2, price=90, variant=7),
        a_row(3, price=80, channel=3),
        a_row(4, price=70, store=5),
        a_row(5, price=60, store=6),
    ]
    asked = [
        Asked(1, "GBP"),
        Asked(1, "GBP", variant=7),
        Asked(1, "GBP", variant=7, channel=3),
        Asked(1, "GBP", variant=7, store=5, channel=3),
        Asked(1, "GBP", store=9),
        Asked(1, "EUR"),
    ]
    found = [price_windows.at(rows, one, day(1)) for one in asked]
    assert [one and one.minor for one in found] == [100, 90, 80, 70, 100, None]


_ROWS = st.lists(
    st.builds(
        a_row,
        st.integers(1, 10**6),
        price=st.integers(1, 9),
        sale=st.none() | st.integers(1, 9),
        start=st.integers(-3, 8),
        end=st.none() | st.integers(9, 12),
        told=st.integers(0, 2),
        withdrawn=st.booleans(),
        store=st.none() | st.just(5),
        variant=st.none() | st.just(7),
    ),
    max_size=8,
    unique_by=lambda row: row.id,
)


@given(rows=_ROWS, first=st.integers(-4, 8), length=st.integers(1, 8))
def test_the_lowest_is_that_of_every_hour_one_by_one(rows: list[Row], first: int, length: int) -> None:
    asked, window = Asked(1, "GBP", store=5, variant=7), Window(day(first), day(first + length))
    last = price_windows.newest(rows)
    hours = [price_windows.at(last, asked, window.start + timedelta(hours=n)) for n in range(24 * length)]
    found = price_windows.lowest(last, asked, window)
    if found is None:
        assert not any(hours)
        return
    assert found.minor == min(row.minor for row in hours if row)
    assert found.is_whole is all(hours)


def a_price(minor=8000, start=MONDAY, **more) -> PriceReport:
    product = more.pop("product", "coat")
    return PriceReport("shop", product, more.pop("currency", "GBP"), minor, start, **more)


@pytest.mark.django_db
def test_priya_sees_the_price_of_her_store_and_yesterdays_was_lower() -> None:
    company.settle(name="Tea", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=MAREK)
    prices.record(report=a_price(8000, MONDAY - 60 * DAY), at=MONDAY, by=MAREK)
    done = prices.record(report=a_price(9000, MONDAY - 60 * DAY, store="S1"), at=MONDAY, by=MAREK)
    prices.record(
        report=a_price(8000, MONDAY - 3 * DAY, valid_until=MONDAY - DAY, sale_minor=7000), at=MONDAY, by=MAREK
    )
    coat, soho = done.ids["1"], stores.by_code("S1").id
    assert prices.at(product=coat, currency="GBP", at=MONDAY).minor == 8000
    assert prices.at(product=coat, currency="GBP", store=soho, at=MONDAY).minor == 9000
    assert prices.at(product=coat, currency="EUR", at=MONDAY) is None
    lowest = prices.lowest_before(product=coat, currency="GBP", day=date(2026, 3, 2))
    assert (lowest.minor, lowest.since, lowest.is_whole) == (7000, MONDAY - 3 * DAY, True)
    assert prices.lowest_before(product=coat, currency="GBP", store=soho, day=date(2026, 3, 2)).minor == 9000
    assert [line.verb for line in trail.of("commerce:prices")] == ["commerce.prices.record_many"] * 3


@pytest.mark.django_db
def test_the_same_price_again_changes_nothing_and_only_a_later_word_corrects_it() -> None:
    def told(minor: int, when: datetime | None) -> str:
        try:
            done = prices.record(report=a_price(minor, source_updated_at=when), at=MONDAY, by=MAREK)
        except Refusal as refusal:
            return refusal.code
        return "new" if done.new else "changed" if done.changed else "same"

    assert [told(80, None), told(80, None), told(81, None)] == ["new", "same", "prices.conflict"]
    assert [told(82, MONDAY + DAY), told(82, MONDAY + DAY), told(81, MONDAY)] == ["changed", "same", "prices.stale"]
    assert told(83, MONDAY + DAY) == "prices.conflict"
    coat = prices.record(report=a_price(82, source_updated_at=MONDAY + DAY), at=MONDAY, by=MAREK).ids["1"]
    assert [row.minor for row in prices.told_of(coat)] == [82, 80]
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE commerce_price SET list_minor = 1")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "report",
    [
        a_price(-1),
        a_price(sale_minor=-1),
        a_price(valid_until=MONDAY),
        a_price(store="S1", channel="web"),
        a_price(currency="RMB"),
        a_price(product=None),
    ],
)
def test_no_price_is_refused_by_name(report: PriceReport) -> None:
    with pytest.raises(Refusal) as refused:
        prices.record(report=report, at=MONDAY, by=MAREK)
    assert refused.value.facts["field"]
    assert ";" in refused.value.message or "?" in refused.value.message


@pytest.mark.django_db
def test_a_form_of_a_product_belongs_to_it_alone() -> None:
    forms = variants.resolve_many(namespace="shop", told={"coat-m": "coat", "scarf": None}, at=MONDAY, by=MAREK)
    assert (
        variants.resolve_many(namespace="shop", told={"coat-m": None}, at=MONDAY, by=MAREK)["coat-m"] == forms["coat-m"]
    )
    assert variants.get_many([forms["scarf"][0]])[forms["scarf"][0]].product_id == forms["scarf"][1]
    with pytest.raises(variants.AnothersVariant):
        prices.record(report=a_price(variant_ref="coat-m", product="scarf"), at=MONDAY, by=MAREK)


_TOLD = st.lists(
    st.tuples(
        st.sampled_from(["coat", "scarf"]),
        st.sampled_from([None, "m"]),
        st.sampled_from([None, "S1"]),
        st.integers(1, 9),
        st.integers(0, 3),
        st.none() | st.integers(4, 6),
        st.integers(0, 3),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
    unique_by=lambda one: (one[0], one[1], one[2], one[4], one[6]),
)


@pytest.mark.django_db
@settings(max_examples=often(5), deadline=None)
@given(told=_TOLD, seed=st.randoms())
def test_prices_come_to_the_same_in_whatever_order_they_arrive(told: list[tuple], seed: random.Random) -> None:
    def bring_in(rows: list[tuple]) -> list[tuple[int, int] | None]:
        with transaction.atomic():
            for place, (product, variant, store, minor, start, end, when, withdrawn) in enumerate(rows):
                report = PriceReport(
                    "shop",
                    product,
                    "GBP",
                    minor,
                    day(start),
                    day(end) if end else None,
                    variant_ref=variant and f"{product}-{variant}",
                    store=store,
                    is_withdrawn=withdrawn,
                    source_updated_at=day(when),
                )
                fields = {name: getattr(report, name) for name in PRICES if name != "ref"}
                batch = pl.DataFrame([{"ref": str(place), **fields}], schema=PRICES)
                prices.record_many(namespace="shop", told=batch, at=MONDAY, by=MAREK, origin="history")
            forms = {"coat-m": "coat", "scarf-m": "scarf"}
            found = variants.resolve_many(namespace="shop", told=forms, at=MONDAY, by=MAREK)
            shop = stores.resolve_many(codes=["S1"], at=MONDAY, by=MAREK)["S1"]
            asked = [
                Asked(product, "GBP", form, store)
                for number, product in found.values()
                for form in (None, number)
                for store in (None, shop)
            ]
            answers = []
            for hour in range(0, 24 * 7, 12):
                when = MARCH + timedelta(hours=hour)
                fetched = prices.at_many(asked, at=when)
                rows_of = {p: price_windows.newest(prices.told_of(p)) for _, p in found.values()}
                pure = [price_windows.at(rows_of[one.product], one, when) for one in asked]
                assert fetched == pure
                answers += [row and (row.minor, (row.valid_from - MARCH).days) for row in fetched]
            transaction.set_rollback(True)
        return answers

    shuffled = list(told)
    seed.shuffle(shuffled)
    assert bring_in(told) == bring_in(shuffled)


@pytest.mark.django_db
def test_asking_for_many_is_one_query(django_assert_num_queries) -> None:
    done = prices.record(report=a_price(), at=MONDAY, by=MAREK)
    asked = [Asked(done.ids["1"], "GBP")] * 50
    with django_assert_num_queries(1):
        assert all(prices.at_many(asked, at=MONDAY))
    with django_assert_num_queries(2):
        assert not any(prices.lowest_many(asked, day=date(2026, 3, 2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4006381333931", "04006381333931"),
        ("96385074", "00000096385074"),
        ("036000291452", "00036000291452"),
        ("0036000291452", "00036000291452"),
        ("4006381333932", None),
        ("PLU-12", None),
        ("00000000", None),
        ("٤٠٠٦٣٨١٣٣٣٩٣١", None),
    ],
)
def test_a_barcode_of_the_world_is_known_by_its_check_digit(text: str, expected: str | None) -> None:
    assert barcodes.gtin(text) == expected


@pytest.mark.django_db
def test_the_tree_has_what_is_above_and_names_in_both_languages() -> None:
    categories.ensure_many([categories.tidy("Tea/Green / Longjing"), "Tea > Black", "Tea > Black"])
    assert [one.path for one in categories.tree()] == ["Tea", "Tea > Black", "Tea > Green", "Tea > Green > Longjing"]
    for _ in range(2):
        categories.name(path="Tea", titles={"en": "Tea", "zh-hans": "茶"}, at=MONDAY, by=MAREK)
    assert categories.tree()[0].titles["zh-hans"] == "茶"
    with pytest.raises(categories.BadTitle):
        categories.name(path="Tea", titles={"xx": "Thee"}, at=MONDAY, by=MAREK)
    with pytest.raises(categories.UnknownCategory):
        categories.name(path="Coffee", titles={}, at=MONDAY, by=MAREK)
