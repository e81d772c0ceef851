"""Missions: stories with people who buy, bring back, join, are joined and parted; and everybody at once."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from regulars.facts.company import company
from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import checkups, fields, mission_walks, missions, points, programmes, redemptions, rewards
from regulars.levers.loyalty._ledger.acts import KeyUsedOtherwise
from regulars.levers.loyalty.models import Account, MissionJoin, MissionRun
from regulars.levers.loyalty.rules.missions import Goal
from regulars.levers.loyalty.tests.builders import (
    DAY,
    FRIDAY,
    MAREK,
    MONDAY,
    THE_SHOP,
    a_member,
    has,
    key,
    said,
)
from regulars.levers.loyalty.tests.test_earning import an_order, buyer, comes_back
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db
LATER = MONDAY + timedelta(hours=1)


@pytest.fixture(autouse=True)
def _a_shop():
    company.settle(name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=MONDAY, by=MAREK)


THREE = "{id: three, repeat: month, steps: [{what: orders, at_least: 3}], prize: {points: 30, badge: star}}"


def a_programme(*told: str, code="tried", at=None, zone="Europe/London") -> str:
    head = f"programme: {code}\nmoney: GBP\nzone: {zone}\npending: {{until: placed, days: 0}}\nbadges: [{{id: star}}]"
    text = f"{head}\nmissions: [{', '.join(told)}]\nrules: [{{id: none, kind: nth_order, nth: 999, points: 1}}]\n"
    at = at or MONDAY - DAY
    made = programmes.draft(text=text, at=at, by=MAREK)
    programmes.approve(programme=code, version=made.number, cost=0, at=at, by=SHELL)
    programmes.activate(programme=code, version=made.number, at=at, by=MAREK, from_at=at)
    return code


def buys(who: str, amount="20.00", *, at=MONDAY, **more) -> int:
    order = an_order(key(), customer=who, at=at, lines=(("coat", "1", amount),), **more)
    missions.settle(customer=buyer(order), at=at, by=THE_SHOP)
    return order


def a_mug(*, stock: int) -> None:
    titles = {"en": "Mug", "zh": "杯子"}
    terms = rewards.Terms(kind="goods", handed="sent", titles=titles, price=100, stock=stock, currency="points")
    rewards.put(code="mug", terms=terms, at=MONDAY, by=MAREK)
    rewards.set_state(code="mug", state="open", at=MONDAY, by=MAREK)


def far(who: int, *, at=MONDAY) -> list[tuple[str, int, bool]]:
    return [(one.view.mission.id, one.share, one.is_done) for one in missions.of(customer=who, at=at)]


def told() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(kind, 9) FROM notices_notice WHERE kind ~ '^loyalty.(mission|badge)_' ORDER BY id"
        )
        return [kind for (kind,) in cursor.fetchall()]


def runs() -> list[tuple]:
    return sorted(
        MissionRun.objects.exclude(is_done=False, share=0).values_list(
            "record_id", "mission", "round", "is_done", "done_at", "share", "step", "points", "badge", "until_on"
        )
    )


def test_a_mission_gives_its_points_and_badge_once_and_what_comes_back_takes_them_with_it():
    a_programme(THREE)
    priya = buyer(buys("priya"))
    buys("priya", at=MONDAY + timedelta(hours=1))
    assert (far(priya, at=FRIDAY), has(priya), told()) == ([("three", 66, False)], (0, 0, 0, 0), [])
    last = buys("priya", at=FRIDAY)
    assert far(priya, at=FRIDAY) == [("three", 100, True)]
    assert (has(priya, at=FRIDAY)[1], told()) == (30, ["mission_done", "badge_earned"])
    [badge] = missions.badges(customer=priya, at=FRIDAY)
    assert (badge.badge.id, badge.since, badge.times) == ("star", FRIDAY.date(), 1)
    # Again and with a fourth order nothing more is given.
    missions.settle(customer=priya, at=FRIDAY, by=THE_SHOP)
    fourth = buys("priya", at=FRIDAY)
    assert has(priya, at=FRIDAY)[1] == 30
    points.redeem(customer=priya, amount=25, key=key(), at=FRIDAY, by=THE_SHOP)
    comes_back(last, ["1"], key="rma-1")
    react_to_everything()
    assert has(priya, at=FRIDAY)[1] == 5
    comes_back(fourth, ["1"], key="rma-2")
    react_to_everything()
    # What was spent of it is owed, and the next time pays it.
    assert (has(priya, at=FRIDAY), far(priya, at=FRIDAY)) == ((0, 0, 0, 25), [("three", 66, False)])
    assert told()[2:] == ["mission_undone"]
    assert missions.badges(customer=priya, at=FRIDAY)[0].since is None
    buys("priya", at=FRIDAY + DAY)
    assert has(priya, at=FRIDAY + DAY) == (0, 5, 0, 0)
    assert "reverse: the mission three is not done any more" in said(priya)
    assert (told()[3:], list(checkups.broken())) == (["mission_done", "badge_earned"], [])
    # Next month is another round.
    assert far(priya, at=MONDAY + 31 * DAY) == [("three", 0, False)]


def test_orders_returns_and_events_that_are_told_settle_by_themselves():
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {points: 5}}")
    one = an_order("1", at=MONDAY)
    an_order("2", at=MONDAY)
    react_to_everything()
    priya = buyer(one)
    assert has(priya)[1] == 5
    comes_back(one, ["1"], key="rma-1")
    react_to_everything()
    assert (has(priya)[1], told()) == (0, ["mission_done", "mission_undone"])


def test_stores_categories_spend_and_a_row_of_weeks_count():
    a_programme(
        "{id: stores, steps: [{what: stores, at_least: 2}], prize: {points: 1}}",
        "{id: row, steps: [{what: orders, at_least: 3, in_a_row: week, rests: 1}], prize: {points: 2}}",
        "{id: much, in_order: true, prize: {points: 4},"
        " steps: [{what: orders, at_least: 1}, {what: spend, at_least: 30}]}",
    )
    priya = buyer(buys("priya", store="leeds"))
    buys("priya", store="leeds", at=MONDAY + 7 * DAY)
    assert {name: share for name, share, _done in far(priya, at=MONDAY + 7 * DAY)} == {
        "much": 83,
        "row": 66,
        "stores": 50,
    }
    buys("priya", store="york", at=MONDAY + 21 * DAY)
    assert has(priya, at=MONDAY + 21 * DAY)[1] == 7


def test_a_condition_of_the_language_is_looked_at_after_each_thing_they_did():
    asks = "{did: commerce.orders, where: [{column: total, at_least: '50'}], count: {at_least: 2}}"
    a_programme(f"{{id: big, steps: [{{name: two big ones, asks: {asks}}}], prize: {{points: 9}}}}")
    first = buys("priya", "60.00")
    priya = buyer(first)
    buys("priya", "10.00", at=MONDAY + timedelta(hours=1))
    assert far(priya, at=FRIDAY - DAY) == [("big", 50, False)]
    buys("priya", "70.00", at=FRIDAY)
    assert (far(priya, at=FRIDAY), has(priya, at=FRIDAY)[1]) == ([("big", 100, True)], 9)
    comes_back(first, ["1"], key="rma-1")
    react_to_everything()
    assert has(priya, at=FRIDAY)[1] == 0


def test_what_has_no_past_to_look_at_is_kept_when_it_is_seen_and_whom_it_was_for_it_is_for():
    asks = "{field: customers.first_seen_at, from: '2020-01-01T00:00:00+00:00'}"
    told_of = "{name: known to us, asks: " + asks + "}"
    a_programme(
        f"{{id: seen, in_order: true, steps: [{told_of}, {{what: orders, at_least: 2}}], prize: {{points: 3}}}}",
        f"{{id: none, only_if: {{not: {asks}}}, steps: [{{what: orders, at_least: 1}}], prize: {{points: 3}}}}",
    )
    priya = buyer(buys("priya"))
    [one] = missions.of(customer=priya, at=MONDAY)
    assert (one.view.mission.id, one.step) == ("seen", 1)
    buys("priya", at=FRIDAY)
    buys("priya", at=FRIDAY + DAY)
    assert has(priya, at=FRIDAY + DAY)[1] == 3


def test_who_has_to_join_is_counted_from_then_on_and_nobody_joins_twice():
    mission = "{id: dare, join: true, steps: [{what: orders, at_least: 1}], prize: {points: 8}}"
    a_programme(mission, THREE)
    priya = buyer(buys("priya"))
    told_of = {"customer": priya, "programme": "tried", "mission": "dare"}
    assert [one.has_joined for one in missions.of(customer=priya, at=MONDAY)] == [None, False]
    assert [missions.join(**told_of, key=key, at=MONDAY + DAY, by=MAREK) for key in ("j", "j", "k")] == [
        True,
        False,
        False,
    ]
    assert MissionJoin.objects.count() == 1
    assert has(priya)[1] == 0
    buys("priya", at=FRIDAY)
    assert has(priya, at=FRIDAY)[1] == 8
    assert [missions.leave(**told_of, key="l", at=MONDAY, by=MAREK) for _ in range(2)] == [True, False]
    assert MissionJoin.objects.get().left_at == MONDAY + DAY, "never before they joined, whoever's clock it was"
    assert not missions.join(**told_of, key="j", at=FRIDAY, by=MAREK), "told late again it brings nobody back"
    assert MissionJoin.objects.count() == 1
    with pytest.raises(KeyUsedOtherwise):
        missions.leave(**told_of, key="j", at=FRIDAY, by=MAREK)
    for name, refused in (("three", missions.NothingToJoin), ("moon", missions.UnknownMission)):
        for _again in range(2):
            with pytest.raises(refused):
                missions.join(**told_of | {"mission": name}, key=name, at=FRIDAY, by=MAREK)


def test_a_reward_is_given_soon_after_waits_for_stock_and_goes_back():
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {reward: mug}}")
    a_mug(stock=0)
    priya = buyer(buys("priya"))
    last = buys("priya")
    assert missions.hand_out(at=MONDAY, by=THE_SHOP) == 0
    rewards.stock_up(code="mug", more=1, key="s1", at=MONDAY, by=MAREK)
    assert missions.hand_out(at=MONDAY, by=THE_SHOP) == 0  # tried again in an hour
    assert missions.hand_out(at=LATER, by=THE_SHOP) == 1
    assert missions.hand_out(at=LATER, by=THE_SHOP) == 0
    [taken] = redemptions.of_customer(priya)
    assert (taken.reward, taken.is_gift, taken.state) == ("mug", True, "reserved")
    comes_back(last, ["1"], key="rma-1")
    react_to_everything()
    assert missions.hand_out(at=FRIDAY, by=THE_SHOP) == 1
    assert redemptions.of_customer(priya)[0].state == "cancelled"
    assert missions.hand_out(at=FRIDAY, by=THE_SHOP) == 0

    def the_doctor_says():
        return [found.state for looks in checkups.CHECKUPS for found in looks() if found.what == "Missions"]

    assert the_doctor_says() == ["fine"]
    for wrong in ({"redemption": 2**40}, {"redemption": None, "entry": 1}):
        MissionRun.objects.update(**wrong)
        assert the_doctor_says() == ["wrong"]


def test_a_surprise_is_told_when_it_is_theirs_goes_back_with_the_goods_and_is_for_who_drew_it():
    a_mug(stock=9)
    a_programme(
        "{id: gift, surprise: true, steps: [{what: orders, at_least: 2}], prize: {reward: mug, badge: star}}",
        "{id: luck, surprise: true, one_in: 3, steps: [{what: orders, at_least: 1}], prize: {points: 7}}",
    )
    [_gift, luck] = [one.mission for one in missions.every(at=MONDAY)]
    first = buys("priya")
    priya = buyer(first)
    is_lucky = luck.is_for_one_of([priya], "")
    assert far(priya) == [("luck", 100, True)] * is_lucky
    assert [one.badge.id for one in missions.badges(customer=priya, at=MONDAY)] == []
    seen = {one.view.mission.id: one.share for one in missions.of(customer=priya, at=MONDAY, untold=True)}
    assert seen == {"gift": 50, **({"luck": 100} if is_lucky else {})}
    with pytest.raises(missions.UnknownMission):
        missions.join(customer=priya, programme="tried", mission="gift", key=key(), at=MONDAY, by=THE_SHOP)
    second = buys("priya", at=LATER)
    assert ("gift", 100, True) in far(priya, at=LATER)
    assert [one.badge.id for one in missions.badges(customer=priya, at=LATER)] == ["star"]
    assert missions.hand_out(at=LATER, by=THE_SHOP) == 1
    comes_back(second, ["1"], key="rma-1")
    react_to_everything()
    assert missions.hand_out(at=FRIDAY, by=THE_SHOP) == 1
    assert "gift" not in [name for name, *_more in far(priya, at=LATER)]
    assert rewards.get("mug").left == 9
    # Of many who buy those have it who drew it, one by one and for everybody; and nothing is kept of the others.
    guests = [buyer(an_order(key(), customer=f"guest{number}", at=MONDAY)) for number in range(12)]
    mission_walks.everyone(at=FRIDAY, by=THE_SHOP)
    lucky = {one for one in guests if luck.is_for_one_of([one], "")}
    assert {one for one in guests if has(one, at=FRIDAY)[1] == 7} == lucky
    on_record = MissionRun.objects.filter(mission="luck", record_id__in=guests).values_list("record_id", flat=True)
    assert set(on_record) == lucky
    for one in guests:
        assert missions.settle(customer=one, at=FRIDAY, by=THE_SHOP) == []
    assert list(checkups.broken()) == []


def test_done_undone_and_done_again_there_is_one_reward_and_what_was_used_is_not_given_twice():
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {reward: mug}}")
    a_mug(stock=9)
    priya = buyer(buys("priya"))
    last = buys("priya")
    assert missions.hand_out(at=MONDAY, by=THE_SHOP) == 1
    comes_back(last, ["1"], key="rma-1")
    react_to_everything()
    again = buys("priya", at=FRIDAY)
    assert missions.hand_out(at=FRIDAY, by=THE_SHOP) == 0  # it is theirs still
    [taken] = redemptions.of_customer(priya)
    assert taken.state == "reserved"
    redemptions.ship(redemption=taken.id, at=FRIDAY, by=MAREK)
    redemptions.use(redemption=taken.id, at=FRIDAY, by=MAREK)
    comes_back(again, ["1"], key="rma-2")
    react_to_everything()
    assert missions.hand_out(at=FRIDAY, by=THE_SHOP) == 0  # used, it cannot come back
    buys("priya", at=FRIDAY)
    assert missions.hand_out(at=FRIDAY + DAY, by=THE_SHOP) == 0
    assert [one.state for one in redemptions.of_customer(priya)] == ["used"]


def test_a_frozen_account_keeps_nobody_else_from_being_looked_at():
    priya, li = buyer(buys("priya")), buyer(buys("li"))
    buys("priya"), buys("li")
    points.award(customer=li, amount=1, reason=points.Reason("service"), key="a", at=MONDAY, by=MAREK, expires_on=None)
    Account.objects.filter(customer_id=li).update(frozen_at=MONDAY, frozen_why="L2")
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {points: 10}}")
    assert mission_walks.go_on(at=FRIDAY, by=THE_SHOP).changed == 1
    assert (has(priya, at=FRIDAY)[1], mission_walks.go_on(at=FRIDAY, by=THE_SHOP).people) == (10, 0)
    Account.objects.filter(customer_id=li).update(frozen_at=None, frozen_why="")
    mission_walks.anew(tells=True)
    assert mission_walks.go_on(at=FRIDAY, by=THE_SHOP).changed == 1


def test_what_comes_in_while_everybody_is_looked_at_is_looked_at_after_and_greets_nobody(monkeypatch):
    """An import of several batches: the first begins the walk, and the second's people have been passed by then."""
    monkeypatch.setattr(mission_walks, "PAGE", 1)
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {points: 10}}")
    priya, li = buyer(buys("priya")), buyer(buys("li"))
    mission_walks.go_on(at=MONDAY, by=THE_SHOP)
    mission_walks.anew(tells=True)
    assert mission_walks.go_on(at=MONDAY, by=THE_SHOP, most=1).people == 1  # priya was passed
    an_order(key(), customer="priya", at=MONDAY, origin="history")
    an_order(key(), customer="li", at=MONDAY, origin="history")
    mission_walks.anew(tells=False)
    mission_walks.anew(tells=True)  # history wins
    assert mission_walks.go_on(at=MONDAY, by=THE_SHOP).changed == 1
    assert far(li) == [("two", 100, True)]
    assert runs_done() == [li]
    assert mission_walks.go_on(at=MONDAY, by=THE_SHOP).changed == 1
    assert runs_done() == [priya, li]
    assert mission_walks.go_on(at=MONDAY, by=THE_SHOP).people == 0
    assert told() == []


def test_what_was_counted_at_least_is_found_as_when_each_moment_is_asked(monkeypatch):
    """Of whom much is known a condition that only grows is not asked after each thing they did."""
    asks = "{did: commerce.orders, where: [{column: total, at_least: '20'}], count: {at_least: 3}}"
    a_programme(f"{{id: three, steps: [{{name: three big ones, asks: {asks}}}], prize: {{points: 9}}}}")
    for day, amount in enumerate(("20.00", "5.00", "30.00", "21.00", "50.00")):
        who = buyer(buys("priya", amount, at=MONDAY + day * DAY))
    whole = missions.of(customer=who, at=FRIDAY + 9 * DAY)
    monkeypatch.setattr(Goal, "only_grows", False)
    assert missions.of(customer=who, at=FRIDAY + 9 * DAY) == whole
    assert whole[0].is_done


def runs_done() -> list[int]:
    return list(MissionRun.objects.filter(is_done=True).order_by("record_id").values_list("record_id", flat=True))


def test_joined_they_do_it_together_and_once_and_parted_each_has_what_they_did():
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {points: 10}}")
    li, amira = buyer(buys("li")), buyer(buys("amira"))
    react_to_everything()
    identity.join(one=li, other=amira, why=Reason.ASKED, key="j1", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert (has(li, at=FRIDAY)[1], far(amira, at=FRIDAY)) == (10, [("two", 100, True)])
    identity.keep_apart(one=li, other=amira, why=Reason.FAMILY, key="j2", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert [points.balance(customer=who, at=FRIDAY).spendable for who in (li, amira)] == [0, 0]
    # Two who both did it before they are one person: one of the two stays; and parted each has theirs again.
    sam, noor = (buyer([buys(who), buys(who)][1]) for who in ("sam", "noor"))
    react_to_everything()
    identity.join(one=sam, other=noor, why=Reason.ASKED, key="j3", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert has(sam, at=FRIDAY)[1] == 10
    identity.keep_apart(one=sam, other=noor, why=Reason.FAMILY, key="j4", at=FRIDAY, by=MAREK)
    react_to_everything()
    assert [has(who, at=FRIDAY)[1] for who in (sam, noor)] == [10, 10]
    assert list(checkups.broken()) == []


@pytest.mark.slow
def test_one_by_one_equals_set_wise_and_again_changes_nothing():
    luck = random.Random(9)
    a_programme(
        THREE,
        "{id: row, steps: [{what: orders, at_least: 3, in_a_row: month, rests: 1}], prize: {points: 2}}",
        "{id: steps, in_order: true, repeat: quarter, prize: {badge: star},"
        " steps: [{what: orders, at_least: 1}, {what: spend, at_least: 150}]}",
        "{id: big, steps: [{name: x, asks:"
        " {did: commerce.orders, where: [{column: total, at_least: '90'}], count: {at_least: 2}}}],"
        " prize: {points: 1}}",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    people = [f"m{n}" for n in range(9)]
    sold = []
    for _ in range(60):
        at = datetime(2026, 1, 5, tzinfo=UTC) + timedelta(hours=luck.randrange(24 * 140))
        lines = (("coat", "1", luck.choice(["30.00", "99.99", "160.00"])),)
        sold.append(an_order(key(), customer=luck.choice(people), at=at, lines=lines, origin="history"))
    for number, order in enumerate(sold[:9]):
        comes_back(order, ["1"], key=f"r{number}", at=datetime(2026, 6, 1, tzinfo=UTC))
    now = datetime(2026, 6, 1, tzinfo=UTC)
    numbers = sorted({buyer(order) for order in sold})
    for number in numbers:
        missions.settle(customer=number, at=now, by=THE_SHOP, origin="history")
    one_by_one = runs()
    balances = [has(number, at=now) for number in numbers]
    assert {row[1] for row in one_by_one if row[3]} == {"three", "row", "steps", "big"}
    assert mission_walks.everyone(at=now, by=THE_SHOP).changed == 0
    MissionRun.objects.all().delete()
    done = mission_walks.everyone(at=now, by=THE_SHOP)
    assert runs() == one_by_one
    assert done.changed == sum(row[3] for row in one_by_one)
    # What was given was given a second time: the runs that knew of it had been thrown away.
    assert [has(number, at=now)[1] for number in numbers] == [2 * each[1] for each in balances]
    assert mission_walks.everyone(at=now, by=THE_SHOP).changed == 0
    assert (told(), list(checkups.broken())) == ([], [])


def test_rules_that_become_others_are_gone_through_greet_nobody_and_take_nothing_that_was_done():
    a_programme("{id: two, steps: [{what: orders, at_least: 2}], prize: {points: 10}}")
    priya, li = buyer(buys("priya")), buyer(buys("li"))
    buys("priya")
    seen = told()
    a_programme("{id: two, steps: [{what: orders, at_least: 1}], prize: {points: 20}}", at=FRIDAY)
    assert mission_walks.go_on(at=FRIDAY, by=THE_SHOP).changed == 1
    assert mission_walks.go_on(at=FRIDAY, by=THE_SHOP).people == 0
    assert ([has(who, at=FRIDAY)[1] for who in (priya, li)], told()) == ([10, 20], seen)
    a_programme(THREE, at=FRIDAY + DAY)
    mission_walks.go_on(at=FRIDAY + DAY, by=THE_SHOP)
    assert [has(who, at=FRIDAY + DAY)[1] for who in (priya, li)] == [10, 20]
    mission_walks.anew(tells=True)
    assert mission_walks.go_on(at=FRIDAY + DAY, by=THE_SHOP) == mission_walks.Looked(2, 0)
    # March is over, and neither of them did three.
    assert mission_walks.drop_over(at=FRIDAY + 60 * DAY) == 2


def test_conditions_may_ask_for_badges_and_who_is_at_which_step_is_counted(monkeypatch):
    a_programme(THREE)
    priya, li = buyer(buys("priya")), buyer(buys("li"))
    for _ in range(2):
        buys("priya")
    field = next(one for one in fields.FIELDS if one.name == "loyalty.badges")
    assert field.read([priya, li, a_member("sam")]) == {priya: ("tried.star",)}
    assert [code for code, _words in field.choices()] == ["tried.star"]
    with CaptureQueriesContext(connection) as asked:
        [count] = missions.at_steps(at=MONDAY).by_mission.values()
    assert len(asked) == 4
    monkeypatch.setattr(missions, "_LONG", -1)
    assert [missions.at_steps(at=at).as_of for at in (MONDAY, MONDAY + DAY / 2)] == [MONDAY, MONDAY], (
        "kept, if it is long"
    )
    cache.clear()
    assert (count.at, count.done, count.done_ever, count.joined) == ((1,), 1, 1, None)
    assert [row[1:4] for row in runs()] == [("three", "2026-03", True), ("three", "2026-03", False)]
    assert date(2026, 4, 1) in {row[-1] for row in runs()}


def test_what_it_costs_in_queries(django_assert_num_queries):
    priya = buyer(an_order(lines=(("coat", "1", "31.00"),)))
    with django_assert_num_queries(1):
        missions.settle(customer=priya, at=MONDAY, by=THE_SHOP)
    a_programme(THREE)
    missions.every()
    # The rules; who they are, their accounts and they alone; their records, what is kept, what they bought; the row
    # and its number.
    with django_assert_num_queries(11):
        missions.settle(customer=priya, at=MONDAY, by=THE_SHOP)
    with django_assert_num_queries(9):
        missions.settle(customer=priya, at=MONDAY, by=THE_SHOP)
    with django_assert_num_queries(6):
        missions.of(customer=priya, at=MONDAY)
