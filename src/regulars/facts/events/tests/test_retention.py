"""Events go when their time is up; that they were taken stays known."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from regulars.facts.events import retention, stream
from regulars.facts.events.following import READERS
from regulars.facts.events.models import Batch, Hidden, Swept, Visitor
from regulars.facts.events.tests.shoppers import a_source, followed, page, sent, viewed
from regulars.kit.actors import SYSTEM, Actor
from regulars.runtime.preferences.preferences import BadValue, write
from regulars.runtime.secrets import vault
from regulars.runtime.trail import trail

NOW = datetime.now(UTC).replace(day=15, hour=3, minute=0, second=0, microsecond=0)
MAREK = Actor("operator", "7")


def ago(months: int) -> datetime:
    back = NOW - timedelta(days=round(months * 30.44))
    return back.replace(day=10, hour=12)


def left() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM events_event ORDER BY occurred_at, id")
        return [name for (name,) in cursor.fetchall()]


def test_each_kind_has_its_time_and_a_name_may_have_its_own(fresh_database, monkeypatch):
    monkeypatch.setattr(retention, "_LOT", 2)
    source = a_source()
    for months in (30, 20, 1):
        at = ago(months)
        deed = {"type": "track", "userId": "li"}
        sent(source, {**deed, "event": f"Deed {months}"}, {**deed, "event": "Order Completed"}, at=at)
        sent(source, *[page("tab-1", name=f"Page {months}") for _ in range(5)], at=at)
    retention.keep(kind="track", name="Order Completed", months=120, at=NOW, by=MAREK)
    followed()
    before = list(Visitor.objects.order_by("id").values("id", "events", "counts"))

    done = retention.remove(at=NOW)

    assert left() == ["Order Completed", "Deed 20", "Order Completed", "Deed 1", "Order Completed", *["Page 1"] * 5]
    assert (done.events, done.months) == (11, [])
    assert list(Visitor.objects.order_by("id").values("id", "events", "counts")) == before, "counters stay"
    assert retention.remove(at=NOW).events == 0
    assert Swept.objects.count() == 2

    retention.keep(kind="track", name="Order Completed", months=2, at=NOW, by=MAREK)
    done = retention.remove(at=NOW)
    assert done.events == 2
    assert done.months == [date(ago(30).year, ago(30).month, 1)]
    assert len(trail.by_actor(MAREK)) == 2


def test_a_repeat_is_still_a_duplicate_when_the_event_is_gone(fresh_database):
    source, at = a_source(), ago(30)
    first = viewed("li", messageId="m-once", context={"ip": "203.0.113.7"}, timestamp=at.isoformat())
    (taken,) = sent(source, first, at=at)
    followed()
    assert Hidden.objects.count() == 1

    done = retention.remove(at=NOW)

    assert (done.events, len(done.months)) == (1, 1)
    assert Hidden.objects.count() == 0
    (again,) = sent(source, first, at=NOW)
    assert (again.said, again.event) == ("duplicate", taken.event)


def test_what_was_not_read_yet_stays(fresh_database):
    stream.register(READERS)
    sent(a_source(), viewed("li"), at=ago(30))

    assert retention.remove(at=NOW).events == 0
    followed()
    assert retention.remove(at=NOW).events == 1


def test_personal_parts_of_strangers_go_with_their_months_key(fresh_database):
    source = a_source()
    write(retention.STRANGERS_MONTHS, 3, at=NOW, by=MAREK)
    for months in (6, 1):
        sent(source, page("tab-1", context={"ip": "203.0.113.7"}), at=ago(months))
        sent(source, viewed("li", context={"ip": "203.0.113.7"}), at=ago(months))
    followed()

    done = retention.remove(at=NOW)

    assert done.hidden == 1
    assert sorted(row.sealed_for > 0 for row in Hidden.objects.all()) == [False, True, True]
    assert not vault.forget(vault.nobody_yet(ago(6))), "it was forgotten before"
    assert vault.forget(vault.nobody_yet(ago(1)))
    with pytest.raises(BadValue):
        write(retention.STRANGERS_MONTHS, 1, at=NOW, by=MAREK)


def test_old_rows_of_batches_go_and_reading_goes_on(fresh_database):
    source = a_source()
    sent(source, viewed("li"), at=ago(1))
    followed()
    Batch.objects.update(recorded_at=NOW - timedelta(days=90))
    sent(source, viewed("wei"), at=ago(1))
    followed()

    assert retention.remove(at=NOW).batches == 1
    sent(source, viewed("wei"), at=ago(1))
    followed()
    assert {row.ref: row.events for row in Visitor.objects.all()} == {"li": 1, "wei": 2}


@pytest.mark.django_db
def test_rules_are_told_and_bad_ones_refused():
    assert {rule.kind: rule.months for rule in retention.rules()} == retention.DEFAULTS
    for wrong in ({"kind": "nonsense", "months": 3}, {"kind": "page", "months": 0}, {"kind": "page", "months": 999}):
        with pytest.raises(retention.BadRule):
            retention.keep(**wrong, at=NOW, by=SYSTEM)
    retention.keep(kind="page", months=3, at=NOW, by=MAREK)
    retention.keep(kind="page", months=3, at=NOW, by=MAREK)
    assert [rule.months for rule in retention.rules() if rule.kind == "page"] == [3]
    assert len(trail.by_actor(MAREK)) == 1


@pytest.mark.django_db
def test_the_next_month_is_there_before_it_begins():
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (now,) = cursor.fetchone()
    retention.make_months(at=now)
    assert now.date().replace(day=1) in retention._months()
