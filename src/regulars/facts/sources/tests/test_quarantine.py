"""What leaves the quarantine by itself."""

from datetime import UTC, datetime, timedelta

import pytest

from regulars.facts.sources import quarantine, sources, traffic
from regulars.kit.actors import SYSTEM

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def test_what_nobody_looked_at_goes_after_its_time():
    web = sources.make(name="web", kind="web", namespace="shop", zone="UTC", at=NOW, by=SYSTEM)
    for days in (61, 59):
        old = quarantine.ToKeep(web.id, "no_type", "type", "", f"m-{days}", "", "", "{}")
        quarantine.keep_many(messages=[old], at=NOW - timedelta(days=days))

    assert quarantine.clear(at=NOW) == 1
    assert [one.message_id for one in quarantine.search()] == ["m-59"]


def test_hours_of_keys_nobody_made_are_added_up_and_go_after_their_time():
    for days in (500, 1):
        traffic.count_unknown_keys(count=3, at=NOW - timedelta(days=days))
    traffic.count_unknown_keys(count=4, at=NOW)

    assert traffic.clear(at=NOW) == 1
    assert traffic.unknown_keys(NOW - timedelta(days=600)) == traffic.Strangers(7, NOW)
    assert traffic.unknown_keys(NOW + timedelta(days=1)) is None
