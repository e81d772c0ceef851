from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from regulars.facts.company import company, models, opening, stores
from regulars.facts.company.opening import Hours, Span
from regulars.facts.company.stores import Place
from regulars.kit import civil
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

MAREK = Actor("operator", "7")
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
LONDON, BERLIN = civil.zone("Europe/London"), civil.zone("Europe/Berlin")
NINE_TO_SIX = opening.read("09:00-18:00")
WEEK = Hours(dict.fromkeys(range(1, 6), NINE_TO_SIX))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("09:00-18:00", [(540, 1080)]),
        ("14:00-18:00, 9:00–12:30", [(540, 750), (840, 1080)]),
        ("18:00-02:00", [(1080, 1560)]),
        ("00:00-24:00", [(0, 1440)]),
        ("09：00-18：00，19:00-20:00", [(540, 1080), (1140, 1200)]),
        ("", []),
    ],
)
def test_hours_are_read_as_people_write_them(text: str, minutes: list[tuple[int, int]]) -> None:
    assert [(span.opens, span.closes) for span in opening.read(text)] == minutes
    assert opening.read(", ".join(map(str, opening.read(text)))) == opening.read(text)


@pytest.mark.parametrize(
    "text", ["9-18", "09:00", "25:00-26:00", "09:60-10:00", "09:00-12:00, 11:00-13:00", "24:00-25:00"]
)
def test_what_are_no_hours_is_refused_with_its_mend(text: str) -> None:
    with pytest.raises(opening.BadHours) as refused:
        opening.read(text)
    assert ";" in refused.value.message


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("2026-03-02T09:00+00:00", True),
        ("2026-03-02T08:59:59+00:00", False),
        ("2026-03-02T18:00+00:00", False),
        ("2026-03-07T12:00+00:00", False),
        # In July London is an hour ahead of UTC.
        ("2026-07-06T08:00+00:00", True),
    ],
)
def test_a_week_says_when_the_door_is_open(when: str, expected: bool) -> None:
    assert opening.is_open(WEEK, at(when), LONDON) is expected


def test_a_bar_is_open_past_midnight_and_a_holiday_closes_it() -> None:
    bar = Hours({6: opening.read("18:00-02:00")}, {date(2026, 3, 14): ()})
    assert opening.is_open(bar, at("2026-03-08T01:30+00:00"), LONDON)
    assert not opening.is_open(bar, at("2026-03-15T01:30+00:00"), LONDON)
    assert opening.next_opening(bar, at("2026-03-08T03:00+00:00"), LONDON) == at("2026-03-21T18:00+00:00")


def test_an_opening_that_falls_into_a_gap_is_after_it_and_one_that_came_twice_is_the_first() -> None:
    night = Hours({7: opening.read("02:30-05:00")})
    # Clocks in Berlin go from 02:00 to 03:00 on 29 March and from 03:00 back to 02:00 on 25 October.
    assert opening.next_opening(night, at("2026-03-28T12:00+00:00"), BERLIN) == at("2026-03-29T01:30+00:00")
    assert opening.next_opening(night, at("2026-10-24T12:00+00:00"), BERLIN) == at("2026-10-25T00:30+00:00")
    assert opening.is_open(night, at("2026-10-25T03:59+00:00"), BERLIN)
    swallowed = Hours({7: opening.read("02:30-03:15")})
    assert not opening.is_open(swallowed, at("2026-03-29T01:20+00:00"), BERLIN)
    assert opening.next_opening(swallowed, at("2026-03-28T12:00+00:00"), BERLIN) == at("2026-04-05T00:30+00:00")


def test_a_store_that_never_opens_has_no_next_opening() -> None:
    assert opening.next_opening(Hours({}, {date(2026, 3, 2): ()}), MONDAY, LONDON) is None


_SPANS = st.lists(st.integers(0, 95), min_size=2, max_size=6, unique=True).map(
    lambda cuts: tuple(Span(a * 15, b * 15) for a, b in zip(sorted(cuts)[::2], sorted(cuts)[1::2], strict=False))
)


@given(
    week=st.dictionaries(st.integers(1, 7), _SPANS, max_size=7),
    days=st.dictionaries(st.dates(date(2026, 3, 20), date(2026, 4, 10)), _SPANS | st.just(()), max_size=4),
    minute=st.integers(0, 60 * 24 * 20),
)
def test_nothing_is_open_before_the_next_opening(
    week: dict[int, tuple[Span, ...]], days: dict[date, tuple[Span, ...]], minute: int
) -> None:
    hours, now = Hours(week, days), datetime(2026, 3, 20, tzinfo=UTC) + timedelta(minutes=minute)
    found = opening.next_opening(hours, now, BERLIN)
    if found is None:
        assert not any(opening.is_open(hours, now + timedelta(hours=n), BERLIN) for n in range(0, 24 * 9, 5))
        return
    assert found >= now
    assert opening.is_open(hours, found, BERLIN)
    for n in range(1, 12):
        between = now + (found - now) * n / 12
        assert between == found or not opening.is_open(hours, between, BERLIN)


@pytest.mark.django_db
def test_marek_tells_the_hours_and_the_place_of_a_store_once() -> None:
    company.settle(name="Tea", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=MAREK)
    soho = stores.describe(code="S1", name="Soho", at=MONDAY, by=MAREK)
    assert stores.is_open(store=soho.id, at=MONDAY) is None
    where = Place("1 Old Compton St", "London", Decimal("51.5130"), Decimal("-0.1310"))
    for _ in range(2):
        stores.set_hours(store=soho.id, week={1: NINE_TO_SIX, 2: NINE_TO_SIX}, at=MONDAY, by=MAREK)
        stores.set_exceptions(store=soho.id, days={date(2026, 3, 3): ()}, at=MONDAY, by=MAREK)
        stores.locate(store=soho.id, place=where, offers_pickup=True, at=MONDAY, by=MAREK)
    assert len(trail.of(f"store:{soho.id}")) == 4
    assert stores.get(soho.id).place == where
    assert stores.by_code(" S1 ").offers_pickup
    assert stores.is_open(store=soho.id, at=MONDAY)
    assert stores.next_opening(store=soho.id, at=MONDAY + timedelta(days=1)) == MONDAY + timedelta(days=7)
    stores.set_exceptions(store=soho.id, days={date(2026, 3, 3): None}, at=MONDAY, by=MAREK)
    assert stores.is_open(store=soho.id, at=MONDAY + timedelta(days=1))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "place", [Place(latitude=Decimal(51)), Place(latitude=Decimal(91), longitude=Decimal(0)), Place(address="x\ny")]
)
def test_no_place_on_earth_is_refused(place: Place) -> None:
    soho = stores.describe(code="S1", name="Soho", at=MONDAY, by=MAREK)
    with pytest.raises(Refusal):
        stores.locate(store=soho.id, place=place, offers_pickup=False, at=MONDAY, by=MAREK)
    with pytest.raises(stores.UnknownStore):
        stores.set_hours(store=soho.id + 1, week={}, at=MONDAY, by=MAREK)


@pytest.mark.django_db
def test_the_database_keeps_hours_that_are_none_out() -> None:
    soho = stores.describe(code="S1", name="Soho", at=MONDAY, by=MAREK)
    for values in (
        {"weekday": 8, "opens": 1, "closes": 2},
        {"weekday": 1, "opens": 600, "closes": 500},
        {"weekday": 1},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            models.StoreSpan.objects.create(store_id=soho.id, **values)
