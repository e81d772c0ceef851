"""Readings through the door. A refresh reads committed rows, so this database is the test's own."""

from datetime import UTC, datetime

from regulars.doors.api.tests.builders import MAREK, Program, problem
from regulars.facts.company import company
from regulars.insight.audiences import audiences
from regulars.insight.measures import refreshing

NOW = datetime(2026, 3, 9, 10, 0, tzinfo=UTC)


def test_readings_are_there_once_they_were_computed(fresh_database):
    till = Program()
    who = till.record()["customer"]
    assert problem(till.get(f"customers/{who}/readings")) == (404, "readings.none_yet", "customer")
    assert problem(till.get("insight/figures/spend"))[:2] == (404, "insight.none_yet")
    company.settle(
        name="Hats & Coats", currency="GBP", zone="Europe/London", language="en", country="GB", at=NOW, by=MAREK
    )
    refreshing.refresh(at=NOW, by=MAREK)
    told = till.get(f"customers/{who}/readings").json()
    assert (told["customer"], told["orders"], told["spend"], told["currency"]) == (who, 1, "99.99", "GBP")
    assert (told["last_on"], told["is_regular"], told["at_stake"]) == ("2026-03-02", False, "0.00")
    assert not any(name.endswith(("_id", "_minor")) for name in told)

    _figures(till)


def _figures(till: Program) -> None:
    """Of the same shop: a database of its own takes longer than the questions."""
    refreshing.refresh(at=NOW, by=MAREK)
    listed = till.get("insight/figures").json()["items"]
    spend = next(one for one in listed if one["figure"] == "spend")["year"]["estimate"]
    assert (spend["value"], spend["low"], spend["n"], spend["currency"]) == ("99.99", "99.99", 1, "GBP")
    assert spend["is_exact"]
    assert set(spend["factors"]) == {"bought", "returned"}
    one = till.get("insight/figures/average_order").json()
    assert (one["months"][-1]["estimate"]["value"], one["months"][-1]["estimate"]["lacks"]) == (None, "too_few")
    assert till.get("insight/figures/buyers?group=champions").json()["year"]["estimate"] is None
    assert problem(till.get("insight/figures/nonsense")) == (404, "insight.unknown_figure", "name")
    assert till.get("insight/groups").json()["after"] == []
    audience = audiences.define(
        name="Buyers",
        condition={"version": 1, "zone": "Europe/London", "if": {"did": "commerce.orders"}},
        key="figures",
        at=NOW,
        by=MAREK,
    ).id
    assert problem(till.get(f"insight/figures?audience={audience}")) == (404, "insight.not_counted_yet", "audience")
    assert till.post(f"audiences/{audience}/figures", {}).json() == {"is_counting": True}
    both = till.get(f"insight/figures?audience={audience}&group=champions")
    assert problem(both)[1:] == ("insight.group_or_audience", "audience")
    later, earlier = till.get("insight/runs").json()["items"]
    told = till.get(f"insight/runs/{earlier['number']}/{later['number']}").json()
    assert not any(each["is_clear"] for each in told["differences"])
    assert problem(till.get(f"insight/runs/{earlier['number']}/99"))[:2] == (404, "insight.unknown_run")
    _payback(Program("insight.read", "insight.refresh", name="accounts"))


def _payback(till: Program) -> None:
    told = {"costs": [{"month": "2026-03-01", "channel": "", "amount": "20.00"}]}
    assert till.put("insight/costs", told).json() == till.get("insight/costs").json()
    assert till.get("insight/costs").json()["items"] == [{"month": "2026-03-01", "channel": "", "amount": "20.00"}]
    wrong = {"costs": [{"month": "2026-03-01", "channel": "nowhere", "amount": "1"}]}
    assert problem(till.put("insight/costs", wrong)) == (422, "measures.bad_cost", "channel")
    assert till.get("insight/payback").json()["items"] == []
    refreshing.refresh(at=NOW, by=MAREK)
    [one] = till.get("insight/payback").json()["items"]
    assert (one["month"], one["channel"], one["payback"]["lacks"]) == ("2026-03-01", None, "no_margin_told")
    assert one["payback"]["factors"]["cost"]["value"] == "20.00"
