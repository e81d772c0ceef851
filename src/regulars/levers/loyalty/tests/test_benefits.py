"""Benefits: what levels give and take away, used as often as may be, given back, given by hand; what they saved."""

from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, transaction

from regulars.facts.commerce import orders
from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason
from regulars.kit.actors import SHELL
from regulars.kit.money import Money
from regulars.levers.loyalty import benefits, checkups, points, programmes
from regulars.levers.loyalty.benefits import NotEntitled, UsedUp
from regulars.levers.loyalty.models import BenefitUse
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, key
from regulars.levers.loyalty.tests.test_earning import an_order, buyer, comes_back
from regulars.levers.loyalty.tests.test_tiers import buys
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db
SHIP = (
    "{id: ship, kind: free_shipping, per: month,"
    " for: [{tiers: status, from: silver, most: 2}, {tiers: status, from: gold, most: 4}]}"
)
CLEAN = (
    "{id: clean, kind: service, service: cleaning, per: rolling, months: 1, back: returned,"
    " for: [{tiers: status, from: silver, most: 1}]}"
)
AGENT = "{id: agent, kind: dedicated_agent, for: [{tiers: status, from: gold}]}"


def a_club(*told, at=MONDAY - DAY, code="club"):
    listed = "\n".join(f"  - {one}" for one in told or (SHIP, CLEAN, AGENT))
    text = f"""
programme: {code}
money: GBP
zone: Europe/London
pending: {{until: placed, days: 0}}
tiers:
  - id: status
    period: {{kind: calendar_year, keeps: 0}}
    levels:
      - {{id: silver, any: [{{what: spend, at_least: 100}}]}}
      - {{id: gold, any: [{{what: spend, at_least: 300}}]}}
benefits:
{listed}
rules: [{{id: spend, kind: spend, points: 1, per: 1}}]
"""
    made = programmes.draft(text=text, at=at, by=MAREK)
    programmes.approve(programme=code, version=made.number, cost=0, at=at, by=SHELL)
    programmes.activate(programme=code, version=made.number, at=at, by=MAREK, from_at=at)


def uses(who, benefit="club.ship", at=FRIDAY, key_=None, **more):
    return benefits.use(customer=who, benefit=benefit, key=key_ or key(), at=at, by=THE_SHOP, **more)


def has(who, at=FRIDAY):
    """Benefit and source to how many are left."""
    return {(one.view.benefit.id, one.given_by): one.left for one in benefits.of(customer=who, at=at)}


def test_a_level_gives_what_it_gives_at_once_and_says_why_what_is_left_and_until_when():
    a_club()
    priya = buyer(buys("priya", "80.00"))
    assert has(priya) == {}
    with pytest.raises(NotEntitled):
        uses(priya)
    buys("priya", "50.00", at=FRIDAY)
    assert has(priya) == {("ship", "tier"): 2, ("clean", "tier"): 1}
    [ship, _clean] = benefits.of(customer=priya, at=FRIDAY)
    assert (ship.because, ship.since, ship.until) == ("status.silver", FRIDAY.date(), date(2027, 1, 1))
    assert (ship.counts_from, ship.counts_until) == (date(2026, 3, 1), date(2026, 4, 1))
    first = uses(priya, key_="k", saved=Money(495, "GBP"), about="cart-7")
    assert uses(priya, key_="k", saved=Money(495, "GBP"), about="cart-7") == first, "the same key is the same use"
    with pytest.raises(points.KeyUsedOtherwise):
        uses(priya, key_="k", saved=Money(500, "GBP"), about="cart-7")
    with pytest.raises(benefits.BadUse, match="say it in GBP") as refused:
        uses(priya, saved=Money(505, "EUR"))
    assert refused.value.facts["field"] == "saved"
    uses(priya, saved=Money(505, "GBP"))
    with pytest.raises(UsedUp):
        uses(priya)
    [ship, _clean] = benefits.of(customer=priya, at=FRIDAY)
    assert (ship.used, ship.left, ship.frees_on) == (2, 0, date(2026, 4, 1))
    april = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    assert has(priya, april)["ship", "tier"] == 2, "in London it is April, clocks were put forward"
    assert [(one.uses, one.money) for one in benefits.saved(customer=priya)] == [(2, Money(1000, "GBP"))]
    assert [one.uses for one in benefits.savings(since=MONDAY, until=FRIDAY)] == []
    with pytest.raises(benefits.UnknownBenefit):
        uses(priya, "club.no_such")


def test_the_level_moves_within_the_month_what_was_used_counts_and_stays_used():
    a_club()
    priya = buyer(buys("priya", "120.00"))
    uses(priya)
    uses(priya)
    gold = buys("priya", "200.00", at=FRIDAY)
    assert has(priya) == {("ship", "tier"): 2, ("clean", "tier"): 1, ("agent", "tier"): None}
    uses(priya)
    assert uses(priya).because == "status.gold"
    comes_back(gold, ["1"], key="r", at=FRIDAY + DAY)
    after = FRIDAY + 2 * DAY
    assert has(priya, after) == {("ship", "tier"): 0, ("clean", "tier"): 1}, "four were used, silver has two"
    with pytest.raises(UsedUp):
        uses(priya, at=after)
    assert len(benefits.uses(customer=priya)) == 4, "nothing that was used is taken back"
    assert has(priya, datetime(2026, 4, 2, tzinfo=UTC)) == {("ship", "tier"): 2, ("clean", "tier"): 1}


def test_what_rolls_is_free_again_a_month_after_it_was_used():
    a_club()
    priya = buyer(buys("priya", "120.00"))
    uses(priya, "club.clean", at=datetime(2026, 3, 31, 12, tzinfo=UTC))
    with pytest.raises(UsedUp):
        uses(priya, "club.clean", at=datetime(2026, 4, 29, 12, tzinfo=UTC))
    [_ship, clean] = benefits.of(customer=priya, at=datetime(2026, 4, 29, 12, tzinfo=UTC))
    assert clean.frees_on == date(2026, 4, 30)
    assert uses(priya, "club.clean", at=datetime(2026, 4, 30, 12, tzinfo=UTC)).benefit == "clean"


def test_a_cancelled_order_gives_back_what_was_used_for_it_and_a_return_where_the_benefit_says_so():
    a_club()
    priya = buyer(buys("priya", "120.00"))
    coat, hat = (an_order(ref, customer="priya", at=FRIDAY, lines=((ref, "1", "20.00"),)) for ref in ("coat", "hat"))
    shipped, cleaned = uses(priya, order=coat), uses(priya, "club.clean", order=hat)
    hats = uses(priya, order=hat)
    orders.cancel(order=coat, at=FRIDAY + DAY, by=THE_SHOP)
    comes_back(hat, ["1"], key="r", at=FRIDAY + DAY)
    react_to_everything()
    now = {one.id: one.why_back for one in benefits.uses(customer=priya)}
    assert now == {shipped.id: "order_cancelled", cleaned.id: "goods_returned", hats.id: ""}
    assert has(priya, FRIDAY + DAY) == {("ship", "tier"): 1, ("clean", "tier"): 1}
    done = benefits.give_back(use=hats.id, why="not_done", at=FRIDAY + DAY, by=MAREK)
    assert benefits.give_back(use=hats.id, why="correction", at=FRIDAY + 2 * DAY, by=MAREK) == done
    uses(priya, at=FRIDAY + DAY)
    assert BenefitUse.objects.filter(slot=1).count() == 2, "a slot that was given back is taken again"


def test_a_gift_is_beside_what_the_level_gives_keeps_its_terms_and_is_used_last_of_what_ends_later():
    a_club()
    priya = a_member("priya")
    told = {"customer": priya, "benefit": "club.ship", "reason": "goodwill", "at": MONDAY, "by": MAREK}
    gift = benefits.give(**told, key="g", most=2, until=date(2026, 3, 20))
    assert benefits.give(**told, key="g", most=2, until=date(2026, 3, 20)) == gift
    assert has(priya) == {("ship", "gift"): 2}
    buys("priya", "120.00")
    a_club(CLEAN, at=FRIDAY - DAY)
    assert has(priya) == {("ship", "gift"): 2, ("clean", "tier"): 1}, "the programme has it no more, the gift has"
    assert uses(priya).source == f"gift:{gift.id}"
    assert has(priya, datetime(2026, 3, 20, 1, tzinfo=UTC)) == {("clean", "tier"): 1}, "its days are over"
    done = benefits.withdraw(gift=gift.id, at=FRIDAY, by=MAREK)
    assert benefits.withdraw(gift=gift.id, at=FRIDAY + DAY, by=MAREK) == done
    assert ("ship", "gift") not in has(priya)
    for bad in ({"reason": "friend"}, {"most": 0}, {"until": MONDAY.date()}):
        with pytest.raises(benefits.BadGift):
            benefits.give(**(told | {"key": key()} | bad))
    with pytest.raises(benefits.BadGift, match="name the partner") as refused:
        benefits.give(**(told | {"key": key(), "reason": "partner"}))
    assert refused.value.facts["field"] == "partner"


def test_what_is_without_end_goes_first_then_what_ends_first():
    a_club()
    priya = buyer(buys("priya", "120.00"))
    told = {"customer": priya, "benefit": "club.ship", "at": MONDAY, "by": MAREK}
    late = benefits.give(**told, key="g1", reason="service", until=date(2026, 12, 1))
    soon = benefits.give(**told, key="g2", reason="partner", partner="bank", until=date(2026, 3, 10))
    assert [uses(priya).source for _ in range(3)] == [f"gift:{soon.id}", "tier", "tier"]
    free = benefits.give(**told, key="g3", reason="service", most=None, until=date(2026, 3, 9))
    assert uses(priya).source == f"gift:{free.id}"
    assert uses(priya, source=f"gift:{late.id}").source == f"gift:{late.id}"
    with pytest.raises(UsedUp):
        uses(priya, source=f"gift:{late.id}")

    def the_doctor_says():
        return [found.state for looks in checkups.CHECKUPS for found in looks() if found.what == "Benefits"]

    assert the_doctor_says() == ["fine"]
    BenefitUse.objects.update(source=f"gift:{late.id}", slot=None)
    assert the_doctor_says() == ["wrong"]


def test_joined_records_share_one_quota_and_parted_each_has_its_own():
    a_club()
    priya, other = buyer(buys("priya", "160.00")), buyer(buys("priya-2", "160.00"))
    uses(priya)
    uses(other)
    identity.join(one=priya, other=other, why=Reason.ASKED, key="j", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert has(priya)["ship", "tier"] == 2, "gold of both together has four a month"
    assert len(benefits.uses(customer=other)) == 2
    identity.keep_apart(one=priya, other=other, why=Reason.ASKED, key="p", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert (has(priya)["ship", "tier"], has(other)["ship", "tier"]) == (1, 1)


def test_the_database_refuses_a_slot_twice_and_one_beyond_the_quota():
    a_club()
    priya = buyer(buys("priya", "120.00"))
    uses(priya)
    row = BenefitUse.objects.get()
    for slot, most in ((1, 2), (3, 2), (0, 2)):
        again = BenefitUse(
            **{name: getattr(row, name) for name in ("record_id", "programme_id", "benefit", "source", "counts_from")},
            **{name: getattr(row, name) for name in ("told", "on", "back", "used_at", "by")},
            key=key(),
            slot=slot,
            most=most,
        )
        with pytest.raises(IntegrityError), transaction.atomic():
            again.save(force_insert=True)
