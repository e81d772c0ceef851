"""What lists of members ask of the stored readings: a filter, an order, a page. One crowd for all."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.customers import customers
from regulars.insight.measures import members
from regulars.insight.measures.members import Between, MemberFilter
from regulars.insight.measures.tests.builders import NOW, bought, known, store
from regulars.kit.actors import SYSTEM
from regulars.kit.paging import BadCursor
from regulars.kit.windows import Window


@pytest.fixture(scope="module")
def crowd(fresh_database_of_module: dict[str, str]) -> dict[str, int]:
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
    with CaptureQueriesContext(connection) as queries:
        members.search(MemberFilter(segment="champions"), order="spend")
    assert len(queries) == 2


def test_beyond_what_is_counted_the_number_is_an_estimate(crowd: dict[str, int], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(members, "COUNTED", 2)
    assert members.count(MemberFilter()).is_estimate


def test_countries_to_choose_from(crowd: dict[str, int]):
    assert members.countries() == ["CN", "CZ", "PT"]
