"""The shop's figures of those who are in an audience."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from regulars.facts.company import company
from regulars.insight.audiences import _counting, exploring, filling
from regulars.insight.audiences.audiences import Audience
from regulars.insight.audiences.models import Figures
from regulars.insight.audiences.tests.builders import BUYERS, LATELY, MAREK, an_audience, bought
from regulars.insight.measures import refreshing, series
from regulars.insight.measures.series import Series
from regulars.kit.actors import SYSTEM
from regulars.runtime.database import clock


@pytest.fixture(autouse=True)
def shop(fresh_database: dict[str, str], tmp_path: Path, settings: Any) -> None:
    settings.REGULARS_HOME = tmp_path
    company.settle(
        name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )


def test_an_audience_is_told_the_figures_of_its_members_alone() -> None:
    bought("priya", ref="1", days_ago=3, pounds="80.00")
    bought("priya", ref="2", days_ago=2, pounds="20.00")
    bought("tomas", ref="3", days_ago=40, pounds="500.00")
    lately, buyers = an_audience("Lately", LATELY), an_audience("Buyers", BUYERS)
    for one in (lately, buyers):
        filling.fill(one.number)
    with pytest.raises(exploring.NothingRefreshed, match="refresh the insight first"):
        exploring.want(audience=lately.number, at=clock.now(), by=MAREK)
    refreshing.refresh(at=clock.now(), by=MAREK)
    assert exploring.of(lately.number) is None

    for one in (lately, buyers):
        exploring.want(audience=one.number, at=clock.now(), by=MAREK)
        waiting = exploring.of(one.number)
        assert waiting is not None
        assert (waiting.is_counting, waiting.figures) == (True, [])
        _counting.count(one.number)

    of_lately, of_buyers = counted(lately), counted(buyers)
    assert (of_lately.members, of_buyers.members) == (1, 2)
    assert not of_lately.is_counting
    assert not of_buyers.is_counting
    told = of_year(of_lately.figures)
    assert (told["orders"], told["spend"], told["buyers"]) == (2, 10_000, 1)
    everybody = of_year(series.all_of())
    del everybody["member_share"]
    assert of_year(of_buyers.figures) == everybody

    # A shop's figures change, and those that somebody looked for lately are counted again.
    bought("priya", ref="4", days_ago=1, pounds="1.00")
    refreshing.refresh(at=clock.now(), by=MAREK)
    now = clock.now()
    Figures.objects.filter(audience=buyers.number).update(wanted_at=now - exploring.WANTED_FOR - timedelta(days=1))
    before = jobs_waiting()
    exploring.count_wanted(at=now)
    assert jobs_waiting() == before + 1
    _counting.count(lately.number)
    assert exploring.of(buyers.number) is None
    assert of_year(counted(lately).figures)["orders"] == 3

    # Wanted twice they are counted once, but what was lost is asked for again.
    asked = [now + timedelta(minutes=minutes) for minutes in (1, 2, 60)]
    jobs = []
    for at in asked:
        exploring.want(audience=lately.number, at=at, by=MAREK)
        jobs.append(jobs_waiting() - before - 1)
    assert jobs == [1, 1, 2]


def counted(audience: Audience) -> exploring.Explored:
    found = exploring.of(audience.number)
    assert found is not None
    return found


def of_year(figures: Sequence[Series]) -> dict[str, float | None]:
    return {one.name: None if one.year.estimate is None else one.year.estimate.value for one in figures}


def jobs_waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'audiences.count'")
        [(count,)] = cursor.fetchall()
    return int(count)
