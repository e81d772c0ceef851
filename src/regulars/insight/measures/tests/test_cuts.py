"""A shop cuts its scores where it likes, sees who would move, and nobody else does."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from regulars.facts.company import company
from regulars.insight.measures import computing, cuts, readings, refreshing
from regulars.insight.measures.cutting import Cuts
from regulars.insight.measures.tests.builders import bought, frames
from regulars.insight.measures.tests.test_refresh import a_history, put_on_record
from regulars.insight.measures.told import cuts_of_shop
from regulars.insight.warehouse.session import Session
from regulars.kit.actors import SYSTEM
from regulars.runtime.preferences.preferences import BadValue

NOW = datetime(2026, 11, 1, tzinfo=UTC)
OWN = Cuts(recency_days=(10, 20, 30, 40), regular_days=(5, 8), money_minor=(100, 200, 300, 400))


def scores(cut: Cuts) -> dict[int, dict[str, Any]]:
    """Thirty customers: number n bought on n days up to the (31 - n)th of May, for 50 minor a day."""
    orders = [
        bought(n, date.fromordinal(date(2026, 5, 31).toordinal() - (30 - n) - 2 * visit).isoformat(), 50)
        for n in range(1, 31)
        for visit in range(min(n, 12))
    ]
    with Session.from_frames(frames(orders), threads=1) as session:
        computing.compute(session, currency="GBP", today=date(2030, 1, 1), as_of=date(2026, 6, 10), cuts=cut)
        return {row["customer_id"]: row for row in session.rows(session.table("_people"))}


def test_scores_begin_where_the_shop_says():
    found = scores(OWN)
    for who, row in found.items():
        away, days, spent = 10 + 30 - who, min(who, 12), 50 * min(who, 12)
        assert row["r"] == 5 - sum(away > step for step in OWN.recency_days), who
        assert row["f"] == (days if days < 3 else 3 + (days >= 5) + (days >= 8)), who
        assert row["m"] == 1 + sum(spent >= step for step in OWN.money_minor), who


def test_without_cuts_scores_go_by_place():
    plain, own = scores(Cuts()), scores(Cuts(money_minor=(1, 2, 3, 4)))
    assert {row["m"] for row in own.values()} == {5}
    assert [row["r"] for row in plain.values()] == [row["r"] for row in own.values()]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("recency_days", (1, 2, 3)),
        ("recency_days", (10, 10, 20, 30)),
        ("recency_days", (-1, 2, 3, 4)),
        ("regular_days", (3, 9)),
        ("money_minor", (0, 1, 2, 3)),
        ("money_minor", (1, 2, 3, 2**62)),
    ],
)
def test_cuts_that_cut_nothing_are_refused(part: str, value: tuple[int, ...]):
    wrong = Cuts(**{part: value})
    assert list(cuts.complaints(wrong)) == [part]
    with pytest.raises(BadValue):
        cuts.change(cuts=wrong, at=NOW, by=SYSTEM)
    assert cuts_of_shop() == Cuts()


def test_a_preview_tells_who_the_change_then_moves(fresh_database: dict[str, str], tmp_path: Path, settings: Any):
    settings.REGULARS_HOME = tmp_path
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=SYSTEM)
    put_on_record(a_history(1))
    refreshing.refresh(at=NOW, by=SYSTEM)
    before = {one: readings.of(one) for one in range(1, 40)}
    told = cuts.preview(OWN, at=NOW)
    assert told.moved > 0
    assert {one: readings.of(one) for one in range(1, 40)} == before

    cuts.change(cuts=OWN, at=NOW, by=SYSTEM)
    refreshing.refresh(at=NOW, by=SYSTEM)
    after = {one: readings.of(one) for one in range(1, 40)}
    moved = sum(
        one.segment != other.segment
        for number, one in before.items()
        if one is not None and (other := after[number]) is not None
    )
    assert moved == told.moved
    assert (
        told.customers == sum(told.moves.values()) == sum(one is not None and one.orders > 0 for one in after.values())
    )
