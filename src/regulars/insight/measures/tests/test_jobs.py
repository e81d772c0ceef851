from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from procrastinate.contrib.django import app

from regulars.facts.commerce.notices import OrdersImported
from regulars.facts.company import company
from regulars.insight.measures import jobs, reactions, readings
from regulars.kit.actors import Actor


def waiting() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'insight.refresh' AND status = 'todo'"
        )
        [(count,)] = cursor.fetchall()
    return int(count)


@pytest.mark.django_db
def test_many_batches_of_an_import_ask_for_one_refresh():
    batch = OrdersImported(first_order=1, last_order=9, count=9, at=datetime(2026, 11, 1, tzinfo=UTC), origin="history")
    for _ in range(3):
        reactions.orders_came_in([batch])
    assert waiting() == 1


def test_the_job_refreshes(fresh_database: dict[str, str], tmp_path: Path, settings: Any):
    settings.REGULARS_HOME = tmp_path
    jobs.refresh_soon()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    with app.replace_connector(app.connector.get_worker_connector()):
        app.run_worker(wait=False, install_signal_handlers=False, listen_notify=False)
    assert waiting() == 0
    assert readings.overview() is not None


def test_it_is_on_the_nights_schedule():
    assert "insight.refresh_nightly" in {name for name, _ in app.periodic_registry.periodic_tasks}


@pytest.mark.django_db
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Europe/London", "Asia/Kathmandu", "America/New_York"])
def test_night_is_the_shops_own(monkeypatch: pytest.MonkeyPatch, zone: str):
    company.settle(
        name="Tea",
        currency="GBP",
        zone=zone,
        language="en",
        country="GB",
        at=datetime.now(UTC),
        by=Actor("operator", "1"),
    )
    done: list[datetime] = []
    monkeypatch.setattr(jobs.refreshing, "refresh", lambda *, at, by: done.append(at))
    there: list[int] = []
    for hour in range(24):
        due = datetime(2026, 11, 21, hour, 17, tzinfo=UTC)
        jobs.refresh_nightly.func(SimpleNamespace(), timestamp=int(due.timestamp()))
        if len(done) > len(there):
            there.append(due.astimezone(ZoneInfo(zone)).hour)
    assert there == [4]
