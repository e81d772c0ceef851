"""What a refresh stores, and what lists read of it."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.customers import customers
from regulars.insight.measures import catalogue, members, readings, refreshing
from regulars.insight.measures.members import Between, MemberFilter
from regulars.insight.measures.models import Reading, ShopReading
from regulars.insight.measures.tests.builders import bought, computed, gave_back
from regulars.kit.actors import SYSTEM
from regulars.kit.paging import BadCursor
from regulars.kit.windows import Window

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def known(*names: str) -> dict[str, int]:
    """Customers, one after the other: later ones have larger numbers."""
    who = dict[str, int]()
    for name in names:
        who |= customers.resolve_many(namespace="till", refs=[name], at=NOW, by=SYSTEM, origin="live")
    return who


def store(orders: Sequence[dict[str, Any]], returns: Sequence[dict[str, Any]] = (), **told: Any) -> tuple[int, ...]:
    with computed(orders, returns, **told) as result:
        counts = refreshing._store(result)
        refreshing._store_shop(result, NOW)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE fresh_reading")  # a test's transaction is longer than a refresh's
    return counts


def test_every_stored_measure_is_a_column_and_every_column_a_measure():
    columns = {field.attname for field in Reading._meta.concrete_fields}
    assert columns == {"customer_id", *(measure.name for measure in catalogue.STORED)}


def test_a_reading_says_what_was_computed():
    who = known("Ines", "Marek")
    store(
        [bought(who["Ines"], f"2026-01-{day:02}", 1000) for day in (1, 8, 15)] + [bought(None, "2026-03-01", 1)],
        [gave_back(who["Ines"], "2026-01-09", 400)],
        visitors=[who["Marek"]],
    )
    ines = readings.of(who["Ines"])
    assert ines is not None
    assert (ines.spend_minor, ines.orders, ines.typical_gap_days, ines.average_order_minor) == (2600, 3, 7.0, 1000)
    assert (ines.as_of, ines.last_on, ines.recency_days) == (date(2026, 3, 1), date(2026, 1, 15), 45)
    assert (ines.is_lapsing, ines.at_stake_minor, ines.currency) == (True, 2600, "GBP")
    assert [reading.customer_id for reading in readings.lapsing()] == [who["Ines"]]
    marek = readings.of(who["Marek"])
    assert marek is not None
    assert (marek.orders, marek.recency_days, marek.segment) == (0, None, None)
    rate = readings.repeat_rate()
    assert rate is not None
    assert (rate.value["count"], rate.value["of"]) == (1, 1)


def test_before_the_first_refresh_there_is_nothing_to_say():
    who = known("Ines")
    assert readings.of(who["Ines"]) is None
    assert readings.lapsing() == []
    assert readings.overview() is None
    [member] = members.search(MemberFilter()).items
    assert member.reading is None


def test_only_readings_that_differ_are_written():
    who = known("Ines", "Tomas", "Priya")
    orders = [bought(who["Ines"], "2026-01-01", 1000), bought(who["Tomas"], "2026-01-01", 1000)]
    assert store(orders) == (2, 2, 0)
    assert store(orders) == (2, 0, 0)
    assert store([*orders, bought(who["Priya"], "2026-01-01", 1000)]) == (3, 1, 0)
    assert store(orders[:1])[2] == 2
    assert set(Reading.objects.values_list("customer_id", flat=True)) == {who["Ines"]}


def test_a_customer_unknown_by_now_gets_no_reading():
    who = known("Ines")
    store([bought(who["Ines"], "2026-01-01", 1000), bought(999_999_999, "2026-01-01", 1000)])
    assert list(Reading.objects.values_list("customer_id", flat=True)) == [who["Ines"]]


def test_a_measure_that_left_the_catalogue_leaves_the_shelf():
    ShopReading.objects.create(name="gone", as_of=NOW.date(), currency="GBP", computed_at=NOW, value={})
    store([])
    assert readings.shop("gone") is None


@pytest.fixture
def crowd() -> dict[str, int]:
    who = known("Ines", "Tomas", "Priya", "Marek", "Li")
    customers.note_many(at=NOW, by=SYSTEM, countries={who["Ines"]: "PT", who["Tomas"]: "CZ", who["Li"]: "CN"})
    store(
        [
            *(bought(who["Ines"], f"2026-01-{day:02}", 1000) for day in (1, 8, 15)),
            *(bought(who["Tomas"], f"2026-01-{day:02}", 2000) for day in (2, 9, 16)),
            bought(who["Priya"], "2026-04-01", 9000),
            bought(who["Li"], "2026-04-30", 500),
        ],
        visitors=[who["Marek"]],
    )
    return who


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (MemberFilter(), "Li Marek Priya Tomas Ines"),
        (MemberFilter(country="PT"), "Ines"),
        (MemberFilter(orders=Between(low=1, high=1)), "Li Priya"),
        (MemberFilter(orders=Between(high=0)), "Marek"),
        (MemberFilter(spend_minor=Between(low=3000)), "Priya Tomas Ines"),
        (MemberFilter(recency_days=Between(high=29)), "Li Priya"),
        (MemberFilter(recency_days=Between(low=29)), "Priya Tomas Ines"),
        (MemberFilter(last_purchase=Window(date(2026, 1, 15), date(2026, 4, 1))), "Tomas Ines"),
        (MemberFilter(is_lapsing=True), "Tomas Ines"),
        (MemberFilter(is_lapsing=False), "Li Marek Priya"),
        (MemberFilter(is_regular=False), "Li Marek Priya"),
        (MemberFilter(is_regular=True, country="CZ"), "Tomas"),
    ],
)
def test_filters(crowd: dict[str, int], wanted: MemberFilter, names: str):
    found = [member.customer_id for member in members.search(wanted).items]
    assert found == [crowd[name] for name in names.split()]
    assert members.count(wanted) == members.Count(len(found), is_estimate=False)


def test_among_numbers_found_elsewhere(crowd: dict[str, int]):
    wanted = MemberFilter(among=[crowd["Li"], crowd["Ines"], 10**12])
    assert [m.customer_id for m in members.search(wanted, order="orders").items] == [crowd["Ines"], crowd["Li"]]
    assert members.search(MemberFilter(among=[])).items == ()


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("newest", "Li Marek Priya Tomas Ines"),
        ("last_purchase", "Li Priya Tomas Ines Marek"),
        ("spend", "Priya Tomas Ines Li Marek"),
        ("orders", "Tomas Ines Li Priya Marek"),
        ("at_stake", "Tomas Ines"),
    ],
)
def test_pages_follow_one_another_without_gap_or_repeat(crowd: dict[str, int], order: members.Order, names: str):
    found, cursor = list[int](), None
    while True:
        page = members.search(MemberFilter(), order=order, cursor=cursor, size=2)
        found += [member.customer_id for member in page.items]
        if (cursor := page.next) is None:
            break
    assert found == [crowd[name] for name in names.split()]


def test_a_cursor_of_another_order_is_refused(crowd: dict[str, int]):
    page = members.search(MemberFilter(), order="spend", size=1)
    with pytest.raises(BadCursor):
        members.search(MemberFilter(), order="orders", cursor=page.next)


def test_a_page_is_two_statements(crowd: dict[str, int]):
    with CaptureQueriesContext(
        connection,
    ) as queries:
        members.search(MemberFilter(segment="champions"), order="spend")
    assert len(queries) == 2


def test_beyond_what_is_counted_the_number_is_an_estimate(crowd: dict[str, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(members, "COUNTED", 2)
    assert members.count(MemberFilter()).is_estimate


def test_countries_to_choose_from(crowd: dict[str, int]):
    assert members.countries() == ["CN", "CZ", "PT"]
