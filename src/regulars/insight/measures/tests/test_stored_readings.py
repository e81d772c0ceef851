"""What a refresh stores, and what lists read of it."""

from datetime import date

import pytest

from regulars.insight.measures import catalogue, members, readings
from regulars.insight.measures.members import MemberFilter
from regulars.insight.measures.models import Reading, ShopReading
from regulars.insight.measures.tests.builders import NOW, bought, gave_back, known, store

pytestmark = pytest.mark.django_db


def test_every_stored_measure_is_a_column_and_every_column_a_measure():
    columns = {field.attname for field in Reading._meta.concrete_fields}
    assert columns == {"customer_id", "changed_xid", *(measure.name for measure in catalogue.STORED)}


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
    assert (rate.value["came_back"].count, rate.value["came_back"].n) == (1, 1)


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
