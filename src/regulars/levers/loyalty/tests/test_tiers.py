"""Where people stand: stories with people who buy, bring back, are joined and parted, and time that passes."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import DatabaseError, connection, transaction

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.customers import customers, identity
from regulars.facts.customers.identity import Reason
from regulars.kit.actors import SHELL
from regulars.kit.conditions.holding import Row
from regulars.levers.loyalty import earning, fields, points, programmes, requalifying, tier_flow, tiers, trying
from regulars.levers.loyalty._ledger.acts import KeyUsedOtherwise
from regulars.levers.loyalty._tiers import facts as tier_facts
from regulars.levers.loyalty._walks.going import Walks
from regulars.levers.loyalty.models import Freeze, Move, Standing, TierWalk
from regulars.levers.loyalty.tests.builders import (
    DAY,
    FRIDAY,
    MAREK,
    MONDAY,
    THE_SHOP,
    a_member,
    an_award,
    key,
    takes_back,
)
from regulars.levers.loyalty.tests.test_earning import an_order, buyer, comes_back
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db
LADDER = """
  - id: status
    period: {kind: calendar_year}
    down: {grace_days: 30}
    levels:
      - {id: silver, name: {en: Silver, zh: 银卡}, any: [{what: spend, at_least: 100}, {what: orders, at_least: 3}]}
      - {id: gold, name: {en: Gold, zh: 金卡}, all: [{what: spend, at_least: 300}]}
"""


def a_ladder(
    levels=LADDER, *, code="tried", rules="[{id: spend, kind: spend, points: 1, per: 1}]", at=None, zone="Europe/London"
) -> str:
    head = f"programme: {code}\nmoney: GBP\nzone: {zone}\npending: {{until: placed, days: 0}}"
    text = f"{head}\ntiers:{levels}\nrules: {rules}\n"
    at = at or MONDAY - DAY
    made = programmes.draft(text=text, at=at, by=MAREK)
    programmes.approve(programme=code, version=made.number, cost=0, at=at, by=SHELL)
    programmes.activate(programme=code, version=made.number, at=at, by=MAREK, from_at=at)
    return code


def buys(who: str, amount: str, *, at=MONDAY, ref=None, **more) -> int:
    order = an_order(ref or key(), customer=who, at=at, lines=(("coat", "1", amount),), **more)
    earning.award_for_order(order=order, at=at, by=THE_SHOP)
    tiers.requalify(customer=buyer(order), at=at, by=THE_SHOP)
    return order


def level(who: int, *, at=MONDAY) -> str:
    [status] = tiers.of(customer=who, at=at)
    return status.level


def kept(who: int) -> str | None:
    return Standing.objects.filter(customer_id=who).values_list("level", flat=True).first()


def told() -> list[tuple[str, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(kind, 14), body ->> 'before', body ->> 'after' FROM notices_notice"
            " WHERE starts_with(kind, 'loyalty.tier_') ORDER BY id"
        )
        return cursor.fetchall()


def test_points_given_by_hand_count_at_once_for_levels_that_count_points():
    counts = "[{id: s, period: {kind: calendar_year}, levels: [{id: silver, any: [{what: points, at_least: 50}]}]}]"
    a_ladder(" " + counts, rules="[{id: spend, kind: spend, points: 1, per: 1}]")
    priya = a_member(points=0)
    react_to_everything()
    given = an_award(priya, 60)
    react_to_everything()
    assert kept(priya) == "silver"
    takes_back(given)
    react_to_everything()
    assert kept(priya) in ("", None)


def test_a_level_is_reached_at_once_and_told_with_what_was_counted():
    a_ladder()
    coat = buys("priya", "80.00")
    priya = buyer(coat)
    assert (level(priya), kept(priya), told()) == ("", "", [])
    buys("priya", "25.50", at=FRIDAY)
    assert (level(priya, at=FRIDAY), kept(priya), told()) == ("silver", "silver", [("reached", "", "silver")])
    [move] = tiers.history(customer=priya)
    assert (move.before, move.after, move.because, move.on) == ("", "silver", "reached", FRIDAY.date())
    assert move.evidence == {"spend:": 10550, "orders:": 2}
    buys("priya", "200.00", at=FRIDAY)
    [status] = tiers.of(customer=priya, at=FRIDAY)
    assert (status.level, status.since, status.next_on, status.next_level) == (
        "gold",
        FRIDAY.date(),
        date(2028, 1, 31),
        "",
    )
    assert status.days_left == (date(2027, 1, 1) - FRIDAY.date()).days


def test_returns_take_tiers_back_and_a_gold_that_rested_on_a_returned_coat_was_never_reached():
    a_ladder()
    coat = buys("priya", "280.00")
    hat = buys("priya", "40.00")
    priya = buyer(hat)
    assert level(priya) == "gold"
    comes_back(coat, ["1"], key="rma-1")
    react_to_everything()
    assert (level(priya, at=FRIDAY), kept(priya)) == ("", "")
    assert told() == [("reached", "", "silver"), ("reached", "silver", "gold"), ("lost", "gold", "")]
    assert [move.because for move in tiers.history(customer=priya)] == ["returned", "reached", "reached"]


def test_orders_and_returns_that_are_told_settle_status_by_themselves():
    a_ladder()
    order = an_order("1001", lines=(("coat", "1", "350.00"),), at=MONDAY)
    react_to_everything()
    assert kept(buyer(order)) == "gold"
    comes_back(order, ["1"], key="rma-2")
    react_to_everything()
    assert kept(buyer(order)) == ""


def test_what_keeps_a_level_and_by_when():
    a_ladder()
    priya = buyer(buys("priya", "310.00"))
    december = datetime(2027, 12, 20, 12, tzinfo=UTC)

    def keeps(at):
        [status] = tiers.of(customer=priya, at=at)
        one = status.to_keep
        return one and ([(part.need.what, part.left) for part in one.missing], one.until)

    assert keeps(FRIDAY) is None, "it stays through the next year already"
    assert keeps(december) == ([("spend", 30000)], date(2028, 1, 1))
    assert keeps(datetime(2028, 1, 10, tzinfo=UTC)) == ([("spend", 30000)], date(2028, 1, 31)), "within the grace"
    buys("priya", "299.00", at=december)
    assert keeps(december) == ([("spend", 100)], date(2028, 1, 1))
    buys("priya", "1.00", at=december)
    assert (keeps(december), level(priya, at=datetime(2028, 6, 1, tzinfo=UTC))) == (None, "gold")


def test_of_the_last_months_what_will_still_count_then_keeps_a_level():
    a_ladder(
        "\n  - {id: status, period: {kind: rolling, months: 6},"
        " levels: [{id: silver, all: [{what: spend, at_least: 100}]}]}\n"
    )
    priya = buyer(buys("priya", "60.00"))
    later = MONDAY + 60 * DAY
    buys("priya", "60.00", at=later)
    [status] = tiers.of(customer=priya, at=later)
    assert status.to_keep is not None
    assert ([part.left for part in status.to_keep.missing], status.to_keep.until) == ([4000], status.next_on)
    buys("priya", "40.00", at=later)
    [kept_on] = tiers.of(customer=priya, at=later)
    assert status.next_on is not None
    assert kept_on.next_on is not None
    assert kept_on.next_on > status.next_on


def test_when_its_time_is_over_and_the_grace_has_passed_a_level_goes_and_the_sweep_tells_it_once():
    a_ladder()
    priya = buyer(buys("priya", "310.00"))
    assert Standing.objects.get(customer_id=priya).due_on == date(2028, 1, 31)
    before, after = datetime(2028, 1, 30, 23, 59, tzinfo=UTC), datetime(2028, 1, 31, 0, 0, tzinfo=UTC)
    assert requalifying.due(at=before, by=THE_SHOP).moves == 0
    assert (level(priya, at=before), level(priya, at=after)) == ("gold", "")
    assert requalifying.due(at=after, by=THE_SHOP).moves == 1
    assert requalifying.due(at=after, by=THE_SHOP).people == 0
    assert told()[-1] == ("lost", "gold", "")
    assert tiers.history(customer=priya)[0].because == "fell"


@pytest.mark.parametrize(
    ("zone", "over"),
    [
        ("Asia/Shanghai", datetime(2028, 1, 30, 16, 0, tzinfo=UTC)),
        ("America/St_Johns", datetime(2028, 1, 31, 3, 30, tzinfo=UTC)),
    ],
)
def test_days_are_those_of_the_programmes_zone(zone, over):
    a_ladder(zone=zone)
    priya = buyer(buys("priya", "310.00"))
    assert level(priya, at=over - timedelta(seconds=1)) == "gold"
    assert level(priya, at=over) == ""


def test_an_order_in_the_night_clocks_change_counts_on_its_own_day():
    """In London a night of October has an hour twice; this is its first half past one."""
    a_ladder(
        "\n  - {id: status, period: {kind: rolling, months: 1},"
        " levels: [{id: silver, all: [{what: spend, at_least: 100}]}]}\n",
        at=datetime(2025, 1, 1, tzinfo=UTC),
    )
    night = datetime(2025, 10, 26, 0, 30, tzinfo=UTC)
    priya = buyer(buys("priya", "120.00", at=night))
    last = datetime(2025, 11, 25, 23, 59, tzinfo=UTC)
    assert (level(priya, at=last), level(priya, at=last + timedelta(minutes=1))) == ("silver", "")


def test_frozen_it_stays_and_only_one_freeze_at_a_time():
    a_ladder()
    priya = buyer(buys("priya", "310.00"))
    tiers.freeze(customer=priya, programme="tried", tiers="status", reason="life_event", key="f1", at=FRIDAY, by=MAREK)
    assert (
        tiers.freeze(
            customer=priya, programme="tried", tiers="status", reason="life_event", key="f1", at=FRIDAY, by=MAREK
        )
        == []
    )
    assert Freeze.objects.count() == 1
    bo = buyer(buys("bo", "310.00"))
    with pytest.raises(KeyUsedOtherwise):
        tiers.freeze(customer=bo, programme="tried", tiers="status", reason="life_event", key="f1", at=FRIDAY, by=MAREK)
    with pytest.raises(tiers.AlreadyFrozen):
        tiers.freeze(customer=priya, programme="tried", tiers="status", reason="service", key="f2", at=FRIDAY, by=MAREK)
    late = datetime(2029, 3, 1, 12, tzinfo=UTC)
    assert level(priya, at=late) == "gold"
    assert Standing.objects.get(customer_id=priya).due_on is None
    thawed = {"customer": priya, "programme": "tried", "tiers": "status", "by": MAREK}
    tiers.thaw(**thawed, key="t", at=late)
    assert (level(priya, at=late), level(priya, at=late + 30 * DAY)) == ("gold", "")
    with pytest.raises(tiers.NotFrozen):
        tiers.thaw(**thawed, key="t2", at=late)
    again = {"customer": priya, "programme": "tried", "tiers": "status", "reason": "dispute", "at": late, "by": MAREK}
    tiers.freeze(**again, key="f4")
    assert tiers.thaw(**thawed, key="t", at=late) == [], "told late again"
    assert Freeze.objects.filter(until_on=None).count() == 1
    with pytest.raises(KeyUsedOtherwise):
        tiers.freeze(**again, key="f4", until=date(2030, 1, 1))
    for bad in ({"reason": "she is on parental leave"}, {"until": FRIDAY.date()}):
        with pytest.raises(tiers.BadFreeze):
            tiers.freeze(
                customer=priya,
                programme="tried",
                tiers="status",
                key="f3",
                at=FRIDAY,
                by=MAREK,
                **{"reason": "service", **bad},
            )


def test_levels_count_points_orders_visits_categories_and_tenure():
    levels = """
  - id: status
    period: {kind: ever}
    levels:
      - {id: a, all: [{what: points, at_least: 100}]}
      - {id: b, all: [{what: points, at_least: 100}, {what: visits, at_least: 2}]}
      - {id: c, all: [{what: points, at_least: 100}, {what: visits, at_least: 2}, {what: tenure, at_least: 2}]}
"""
    a_ladder(levels)
    first = buys("priya", "60.00", store="leeds")
    priya = buyer(first)
    buys("priya", "70.00", store="leeds")
    assert level(priya) == "a"
    buys("priya", "1.00", store="leeds", at=FRIDAY)
    assert level(priya, at=FRIDAY) == "b"
    # Two months after she was seen first.
    assert level(priya, at=MONDAY + 62 * DAY) == "c"
    [status] = tiers.of(customer=priya, at=FRIDAY)
    assert (status.next_level, status.next_on) == ("c", date(2026, 5, 2))
    assert {part.need.what: part.has for part in status.progress[2].parts}["tenure"] == 0, "months still to come"
    comes_back(first, ["1"], key="rma-3")
    react_to_everything()
    assert kept(priya) == ""


def test_levels_count_categories_stores_goods_of_a_category_and_events_as_they_are_told(monkeypatch):
    """What is read of the facts: a category counts as what is under it, an event whoever told it by which name."""
    levels = """
  - id: status
    period: {kind: calendar_year}
    levels:
      - {id: a, all: [{what: categories, at_least: 2}]}
      - {id: b, all: [{what: categories, at_least: 2}, {what: stores, at_least: 2}]}
      - {id: c, all: [{what: spend, category: Tea, at_least: 15}, {what: stores, at_least: 2}]}
      - {id: d, all: [{what: spend, category: Tea, at_least: 15}, {what: events, event: review, at_least: 1}]}
"""
    a_ladder(levels)

    def bought(category, store):
        line = LineReport(1, category, Decimal(1), Decimal("10.00"), category=category)
        report = OrderReport(
            namespace="shop",
            ref=key(),
            customer_ref="priya",
            placed_at=MONDAY,
            currency="GBP",
            store=store,
            channel="store",
            fulfilment="carry_out",
            lines=[line],
        )
        return orders.record(report=report, at=MONDAY, by=THE_SHOP).id

    done: list[Row] = []
    stream = SimpleNamespace(read=lambda people, wanted: dict.fromkeys(people, done))
    monkeypatch.setattr(tier_facts.rooms, "collections", lambda: {"events.events": stream})

    priya = buyer(bought("Tea > Oolong", "leeds"))
    assert level(priya) == ""
    cups = bought("Cups", "leeds")
    assert level(priya) == "a"
    bought("Teapots", "york")
    assert level(priya) == "b"
    bought("Tea", "york")
    assert level(priya) == "c"
    done.append(Row(MONDAY, {"name": "Product Shared"}))
    assert level(priya) == "c"
    done.append(Row(MONDAY, {"name": "Product Reviewed"}))
    assert level(priya) == "d"
    done[:] = [Row(MONDAY, {"name": "store_visit", "store": "bath"})]
    comes_back(cups, ["1"], key="rma-9")
    assert level(priya, at=FRIDAY) == "c", "tea and pots are left, and three stores"


def test_higher_levels_earn_more_by_the_level_before_the_order_and_returns_give_back_what_was_given():
    rules = (
        "[{id: spend, kind: spend, points: 1, per: 1},"
        " {id: more, kind: tier_bonus, tiers: status, times: {gold: '1.5'}, multiplies: [spend]}]"
    )
    a_ladder(rules=rules)
    coat = buys("priya", "300.00")
    priya = buyer(coat)
    # She became gold by this order: it is the next that earns more.
    assert points.balance(customer=priya, at=MONDAY).available == 300
    hat = buys("priya", "100.00", at=FRIDAY)
    assert points.balance(customer=priya, at=FRIDAY).available == 450
    comes_back(coat, ["1"], key="rma-4")
    react_to_everything()
    assert level(priya, at=FRIDAY) == "silver"
    # The hat keeps what it was given for who she was then; and gives back all of it with itself.
    assert points.balance(customer=priya, at=FRIDAY).available == 150
    comes_back(hat, ["1"], key="rma-5")
    react_to_everything()
    assert points.balance(customer=priya, at=FRIDAY).available == 0


def test_joined_they_stand_together_and_parted_as_if_they_had_never_been_joined():
    a_ladder()
    li, amira = buyer(buys("li", "60.00")), buyer(buys("amira", "55.00"))

    react_to_everything()

    def stand():
        return sorted(Standing.objects.exclude(level="").values_list("customer_id", "level"))

    assert stand() == []
    identity.join(one=li, other=amira, why=Reason.ASKED, key="j1", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert stand() == [(min(li, amira), "silver")]
    assert level(amira, at=FRIDAY) == "silver"
    identity.keep_apart(one=li, other=amira, why=Reason.FAMILY, key="j2", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert stand() == []
    assert told() == []


def everybodys() -> list[tuple]:
    return sorted(
        Standing.objects.exclude(level="", due_on=None).values_list(
            "customer_id", "tiers", "level", "rank", "since_on", "falls_on", "due_on", "evidence__spend:"
        )
    )


@pytest.mark.slow
def test_one_by_one_equals_set_wise_and_again_changes_nothing():
    luck = random.Random(8)
    a_ladder(at=datetime(2024, 1, 1, tzinfo=UTC))
    people = [f"m{n}" for n in range(25)]
    for _ in range(90):
        at = datetime(2024, 1, 5, tzinfo=UTC) + timedelta(hours=luck.randrange(24 * 800))
        an_order(
            key(),
            customer=luck.choice(people),
            at=at,
            lines=(("coat", "1", luck.choice(["30.00", "99.99", "160.00"])),),
        )
    now = datetime(2026, 6, 1, tzinfo=UTC)
    numbers = [customers.find_by_ref(ref=who)[0] for who in people if customers.find_by_ref(ref=who)]
    for number in numbers:
        tiers.requalify(customer=number, at=now, by=THE_SHOP, origin="history")
    one_by_one, moves = everybodys(), sorted(Move.objects.values_list("customer_id", "before", "after", "on"))
    assert {row[2] for row in one_by_one} >= {"silver", "gold"}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM loyalty_standing")
    done = requalifying.everyone(at=now, by=THE_SHOP)
    assert everybodys() == one_by_one
    assert done.moves == len(moves)
    half = len(moves)
    assert sorted(Move.objects.order_by("-id").values_list("customer_id", "before", "after", "on")[:half]) == moves
    assert requalifying.everyone(at=now, by=THE_SHOP).moves == 0
    # And each on any day is where the rules say, whatever was kept.
    for number in numbers[:8]:
        assert kept(number) in (level(number, at=now), None)


def test_rules_that_become_others_are_gone_through_in_steps_and_greet_nobody():
    a_ladder()
    priya = buyer(buys("priya", "310.00"))
    assert requalifying.go_on(at=FRIDAY, by=THE_SHOP).people == 1
    assert requalifying.go_on(at=FRIDAY, by=THE_SHOP).people == 0
    seen = told()
    a_ladder(LADDER.replace("300", "400"), at=FRIDAY)
    assert requalifying.go_on(at=FRIDAY, by=THE_SHOP).people == 1
    # Gold by the old rules; it goes after the grace, and back by the old version nothing was lost.
    assert kept(priya) == "gold"
    assert Standing.objects.get(customer_id=priya).falls_on == FRIDAY.date() + 30 * DAY
    programmes.roll_back(programme="tried", at=FRIDAY + DAY, by=MAREK)
    requalifying.go_on(at=FRIDAY + DAY, by=THE_SHOP)
    assert Standing.objects.get(customer_id=priya).falls_on is None
    assert told() == seen
    requalifying.anew(tells=True)
    assert requalifying.go_on(at=FRIDAY + 2 * DAY, by=THE_SHOP) == requalifying.Looked(1, 0)
    # Rules that become others while a walk that tells is under way: of them nobody is told.
    requalifying.anew(tells=True)
    origins = []

    def pages(_after, origin):
        for basis in ("", "others"):
            if basis:
                TierWalk.objects.update(basis=basis)
            origins.append(origin())
            yield priya, basis

    [ladder] = tier_facts.ladders(FRIDAY + 2 * DAY)
    assert list(Walks(TierWalk).go_on(ladder, FRIDAY + 2 * DAY, pages)) == ["", "others"]
    assert origins == ["live", "history"]


def test_a_draft_says_who_would_stand_elsewhere_and_who_after_the_grace_and_writes_nothing():
    a_ladder(at=MONDAY - DAY)
    for who, amount in (("priya", "310.00"), ("li", "150.00"), ("amira", "90.00"), ("sam", "20.00")):
        buys(who, amount)
    before = everybodys()
    levels = LADDER.replace("at_least: 100}", "at_least: 80}").replace("at_least: 300", "at_least: 500")
    rules = "rules: [{id: s, kind: spend, points: 1, per: 1}]"
    text = f"programme: tried\nmoney: GBP\nzone: Europe/London\ntiers:{levels}\n{rules}"
    [tried] = trying.simulate(programmes.validate(text)).tiers
    assert [(one.before, one.after, one.people) for one in tried.at_once] == [("", "silver", 1)]
    assert [(one.before, one.after, one.people) for one in tried.later] == [("gold", "silver", 1)]
    assert tried.stays == 2
    assert sorted((one.before, one.after, one.people) for one in tried.flows) == [
        ("", "silver", 1),
        ("gold", "silver", 1),
        ("silver", "silver", 1),
    ]
    # Without tiers everybody loses theirs at once: there is no level to keep.
    [gone] = trying.simulate(programmes.validate(text.replace("tiers:", "#").replace("\n  ", "\n#"))).tiers
    assert sum(one.people for one in gone.at_once) == 2
    assert everybodys() == before


def test_who_came_from_where_to_where_between_two_days():
    a_ladder()
    for who, amount in (("priya", "310.00"), ("li", "150.00")):
        buys(who, amount)
    buys("li", "200.00", at=FRIDAY)
    march = tier_flow.between(programme="tried", tiers="status", since=date(2026, 3, 1), until=date(2026, 4, 1))
    assert march == [tier_flow.Flow("", "gold", 2)]
    late = tier_flow.between(programme="tried", tiers="status", since=FRIDAY.date(), until=date(2026, 4, 1))
    assert sorted((one.before, one.after, one.people) for one in late) == [("gold", "gold", 1), ("silver", "gold", 1)]


def test_an_ended_programme_has_nobody_on_any_level():
    a_ladder()
    priya = buyer(buys("priya", "310.00"))
    programmes.end(programme="tried", at=FRIDAY, by=MAREK)
    requalifying.go_on(at=FRIDAY, by=THE_SHOP)
    assert (kept(priya), tiers.of(customer=priya, at=FRIDAY)) == ("", [])


def test_moves_are_never_changed_and_a_level_has_a_day():
    a_ladder()
    buys("priya", "310.00")
    for act in (
        lambda: Move.objects.update(after="platinum"),
        lambda: Move.objects.all().delete(),
        lambda: Standing.objects.update(since_on=None),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_conditions_may_ask_for_levels():
    a_ladder()
    priya, li = buyer(buys("priya", "310.00")), a_member("li")
    field = next(one for one in fields.FIELDS if one.name == "loyalty.levels")
    assert field.read([priya, li]) == {priya: ("tried.status.gold",)}
    assert [code for code, _ in field.choices()] == ["tried.status.silver", "tried.status.gold"]
    assert tiers.on_levels() == {"tried.status": {"silver": 0, "gold": 1}}


def test_what_it_costs_in_queries(django_assert_num_queries):
    priya = buyer(an_order(lines=(("coat", "1", "310.00"),)))
    with django_assert_num_queries(1):
        tiers.requalify(customer=priya, at=MONDAY, by=THE_SHOP)
    a_ladder()
    tiers.sets()
    # The rules; who they are, their row locked, what they bought, what is frozen; the row, the move, and its notice
    # with its lock and its line in the trail. Around them the transaction.
    with django_assert_num_queries(12):
        tiers.requalify(customer=priya, at=MONDAY, by=THE_SHOP)
    with django_assert_num_queries(7):
        tiers.requalify(customer=priya, at=MONDAY, by=THE_SHOP)
    with django_assert_num_queries(4):
        tiers.of(customer=priya, at=MONDAY)
