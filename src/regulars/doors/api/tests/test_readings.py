"""Readings through the door. A refresh reads committed rows, so this database is the test's own."""

from datetime import UTC, datetime

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.company import company
from regulars.insight.measures import refreshing

NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)


def test_readings_are_there_once_they_were_computed(fresh_database):
    till = Program()
    who = till.record()["customer"]
    assert problem(till.get(f"customers/{who}/readings")) == (404, "readings.none_yet", "customer")
    company.settle(
        name="Hats & Coats", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=MAREK
    )
    refreshing.refresh(at=NOW, by=MAREK)
    told = till.get(f"customers/{who}/readings").json()
    assert (told["customer"], told["orders"], told["spend"], told["currency"]) == (who, 1, "99.99", "GBP")
    assert (told["last_on"], told["is_regular"], told["at_stake"]) == ("2026-03-02", False, "0.00")
    assert not any(name.endswith(("_id", "_minor")) for name in told)
