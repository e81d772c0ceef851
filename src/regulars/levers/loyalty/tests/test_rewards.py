"""Rewards: taken with points, stock and code at once or not at all; handed over, paid for, taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from regulars.facts.customers import identity
from regulars.kit.money import Money
from regulars.levers.loyalty import checkups, currencies, points, redemptions, rewards
from regulars.levers.loyalty.currencies import CurrencyView
from regulars.levers.loyalty.models import Account, Reward, RewardCode
from regulars.levers.loyalty.rewards import Terms
from regulars.levers.loyalty.tests.builders import (
    DAY,
    FRIDAY,
    MAREK,
    MONDAY,
    THE_SHOP,
    a_member,
    an_award,
    has,
    takes_back,
)
from regulars.runtime.trail import trail

pytestmark = pytest.mark.django_db
NAMES = {"en": "A mug", "zh": "杯子"}


def a_reward(code="mug", *, is_open=True, **terms):
    said_ = {"kind": "goods", "handed": "sent", "titles": NAMES, "price": 100} | terms
    rewards.put(code=code, terms=Terms(**said_), at=MONDAY, by=MAREK)
    if is_open:
        rewards.set_state(code=code, state="open", at=MONDAY, by=MAREK)
    return code


def takes(who, reward="mug", key="k1", at=FRIDAY):
    return redemptions.take(customer=who, reward=reward, key=key, at=at, by=THE_SHOP)


def with_points(amount=250, ref="priya"):
    who = a_member(ref)
    an_award(who, amount)
    return who


def why(who):
    return [line.because for line in points.statement(customer=who).items]


def test_points_and_one_of_the_stock_go_at_once_and_come_back_together():
    a_reward(stock=2, cancel_days=3)
    priya = with_points()
    mug = takes(priya)
    assert (mug.state, mug.parts, has(priya, at=FRIDAY)[1]) == ("reserved", 100, 150)
    assert rewards.get("mug").left == 1
    assert takes(priya) == mug, "the same key is the same mug"
    assert why(priya) == ["spent on the reward A mug", "awarded"]
    with translation.override("zh-hans"):
        assert why(priya)[0] == "兑换 杯子"
    back = redemptions.cancel(redemption=mug.id, why="by_member", at=FRIDAY + DAY, by=THE_SHOP, is_by_member=True)
    assert (back.state, has(priya, at=FRIDAY + DAY)[1], rewards.get("mug").left) == ("cancelled", 250, 2)
    again = redemptions.cancel(redemption=mug.id, why="by_member", at=FRIDAY + DAY, by=THE_SHOP, is_by_member=True)
    assert again == back


def test_another_reward_under_the_same_key_is_refused():
    a_reward()
    a_reward("cup")
    priya = with_points()
    takes(priya)
    with pytest.raises(points.KeyUsedOtherwise):
        takes(priya, "cup")


@pytest.mark.parametrize(
    ("terms", "refusal"),
    [
        ({"price": 251}, points.NotEnoughPoints),
        ({"stock": 0}, redemptions.SoldOut),
        ({"handed": "code"}, redemptions.SoldOut),
        ({"opens_at": FRIDAY + timedelta(seconds=1)}, redemptions.NotOpen),
        ({"closes_at": FRIDAY}, redemptions.NotOpen),
        ({"is_open": False}, redemptions.NotOpen),
    ],
)
def test_what_cannot_be_taken_costs_nothing(terms, refusal):
    a_reward(**terms)
    priya = with_points()
    with pytest.raises(refusal):
        takes(priya)
    assert has(priya, at=FRIDAY) == (0, 250, 0, 0)
    assert redemptions.of_customer(priya) == []


@pytest.mark.parametrize(
    ("per", "on", "again_on", "may"),
    [
        ("day", datetime(2026, 6, 1, 22, 59, tzinfo=UTC), datetime(2026, 6, 1, 23, 0, tzinfo=UTC), True),
        ("day", datetime(2026, 6, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, 22, 59, tzinfo=UTC), False),
        ("week", datetime(2026, 6, 7, 12, tzinfo=UTC), datetime(2026, 6, 8, 12, tzinfo=UTC), True),
        ("month", datetime(2026, 6, 30, 12, tzinfo=UTC), datetime(2026, 7, 1, 12, tzinfo=UTC), True),
        ("month", datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2026, 6, 30, 12, tzinfo=UTC), False),
        ("year", datetime(2026, 12, 31, 12, tzinfo=UTC), datetime(2027, 1, 1, 12, tzinfo=UTC), True),
        ("ever", datetime(2026, 6, 1, 12, tzinfo=UTC), datetime(2027, 12, 31, 12, tzinfo=UTC), False),
    ],
)
def test_as_many_as_one_may_have_in_a_period_of_the_shops_own_days(per, on, again_on, may):
    currencies.ensure(currency=CurrencyView("points", 0, {}, "Europe/London"), at=MONDAY, by=MAREK)
    a_reward(most=1, per=per)
    priya = with_points()
    takes(priya, at=on)
    if may:
        takes(priya, key="k2", at=again_on)
    else:
        with pytest.raises(redemptions.LimitReached):
            takes(priya, key="k2", at=again_on)


def test_what_was_given_back_counts_to_no_limit_and_of_two_records_it_is_one_persons():
    a_reward(most=1, cancel_days=9)
    priya, bo = with_points(), with_points(ref="bo")
    first = takes(priya)
    redemptions.cancel(redemption=first.id, why="by_member", at=FRIDAY, by=THE_SHOP, is_by_member=True)
    takes(priya, key="k2")
    identity.join(one=priya, other=bo, why=identity.Reason.ASKED, key="j", at=FRIDAY, by=MAREK)
    with pytest.raises(redemptions.LimitReached):
        takes(bo, key="k3")
    assert len(redemptions.of_customer(bo)) == 2


def test_a_code_of_the_pool_is_one_persons_for_ever_and_nobody_reads_it_in_a_table():
    a_reward("coupon", kind="coupon", handed="code", low_at=1)
    told = rewards.add_codes(code="coupon", codes=["TEA-1", " TEA-2 ", "TEA-1"], at=MONDAY, by=MAREK)
    assert (told.new, told.same) == (2, 1)
    assert rewards.add_codes(code="coupon", codes=["TEA-2"], at=MONDAY, by=MAREK) == rewards.Counted(0, 1)
    priya = with_points()
    one = takes(priya, "coupon")
    assert (one.state, one.issued_at) == ("issued", FRIDAY)
    assert redemptions.codes([one.id]) == {one.id: "TEA-1"}
    assert [low.code for low in rewards.running_low()] == ["coupon"]
    assert all(b"TEA" not in bytes(row) for row in RewardCode.objects.values_list("sealed", flat=True))
    with pytest.raises(redemptions.AlreadySo):
        redemptions.cancel(redemption=one.id, why="by_member", at=FRIDAY, by=THE_SHOP, is_by_member=True)
    redemptions.cancel(redemption=one.id, why="correction", at=FRIDAY, by=MAREK)
    assert redemptions.codes([takes(priya, "coupon", "k2").id]) != {one.id: "TEA-1"}
    with pytest.raises(redemptions.SoldOut):
        takes(with_points(ref="bo"), "coupon", "k3")


def test_a_bad_code_is_named_by_its_line_and_none_comes_in():
    a_reward("coupon", kind="coupon", handed="code")
    with pytest.raises(rewards.BadReward, match="line 2") as refused:
        rewards.add_codes(code="coupon", codes=["TEA-1", "TEA\x00-SECRET"], at=MONDAY, by=MAREK)
    assert "SECRET" not in refused.value.message
    assert rewards.get("coupon").left == 0


def test_points_and_money_the_points_wait_half_an_hour_for_the_money():
    a_reward(cash=Money(500, "GBP"), stock=1)
    priya = with_points()
    waits = takes(priya)
    assert (waits.state, waits.cash, has(priya, at=FRIDAY)) == ("reserved", Money(500, "GBP"), (0, 150, 100, 0))
    waiting = redemptions.waiting()
    assert (waiting["reserved"], waiting["unpaid"], redemptions.how_many_wait()) == ([], [waits], {"unpaid": 1})
    assert redemptions.release_unpaid(at=FRIDAY + timedelta(minutes=29), by=THE_SHOP) == 0
    assert redemptions.release_unpaid(at=FRIDAY + redemptions.PAY_WITHIN, by=THE_SHOP) == 1
    gone = redemptions.of_customer(priya)[0]
    assert (gone.state, gone.why, has(priya, at=FRIDAY + DAY)) == ("cancelled", "never_paid", (0, 250, 0, 0))
    with pytest.raises(redemptions.AlreadySo):
        redemptions.pay(redemption=waits.id, payment="p1", at=FRIDAY + DAY, by=THE_SHOP)
    second = takes(priya, key="k2")
    paid = redemptions.pay(redemption=second.id, payment="p1", at=FRIDAY, by=THE_SHOP)
    assert (paid.pay_until, paid.payment, has(priya, at=FRIDAY)) == (None, "p1", (0, 150, 0, 0))
    assert redemptions.pay(redemption=second.id, payment="p1", at=FRIDAY, by=THE_SHOP) == paid
    assert {state: [one.id for one in some] for state, some in redemptions.waiting().items()} == {
        "reserved": [second.id],
        "shipped": [],
        "unpaid": [],
    }
    redemptions.cancel(redemption=second.id, why="damaged", at=FRIDAY, by=MAREK)
    assert (has(priya, at=FRIDAY), rewards.get("mug").left) == ((0, 250, 0, 0), 1)


def test_it_is_sent_arrives_and_is_nobodys_to_take_back_then():
    a_reward(cancel_days=9)
    mug = takes(with_points())
    with pytest.raises(redemptions.AlreadySo):
        redemptions.use(redemption=mug.id, at=FRIDAY, by=MAREK)
    sent = redemptions.ship(redemption=mug.id, tracking="RM-77", at=FRIDAY, by=MAREK)
    assert (sent.state, sent.tracking) == ("shipped", "RM-77")
    assert redemptions.ship(redemption=mug.id, at=FRIDAY, by=MAREK) == sent
    with pytest.raises(redemptions.AlreadySo):
        redemptions.cancel(redemption=mug.id, why="by_member", at=FRIDAY, by=THE_SHOP, is_by_member=True)
    redemptions.use(redemption=mug.id, at=FRIDAY, by=MAREK)
    with pytest.raises(redemptions.AlreadySo):
        redemptions.cancel(redemption=mug.id, why="damaged", at=FRIDAY, by=MAREK)


def test_after_its_days_only_staff_take_it_back():
    a_reward(cancel_days=2)
    mug = takes(with_points())
    with pytest.raises(redemptions.TooLate):
        redemptions.cancel(redemption=mug.id, why="by_member", at=FRIDAY + 2 * DAY, by=THE_SHOP, is_by_member=True)
    assert redemptions.cancel(redemption=mug.id, why="damaged", at=FRIDAY + 2 * DAY, by=MAREK).state == "cancelled"


def test_a_present_costs_nothing_and_counts_to_no_limit():
    a_reward(most=1, stock=2)
    priya = with_points()
    present = redemptions.give(customer=priya, reward="mug", key="g", at=FRIDAY, by=MAREK)
    assert (present.is_gift, present.parts, has(priya, at=FRIDAY)[1]) == (True, 0, 250)
    takes(priya)
    assert rewards.get("mug").left == 0


def test_what_is_near_stands_first_with_what_is_missing_and_why_not():
    a_reward("mug", price=100)
    a_reward("coat", price=400)
    a_reward("gone", price=10, stock=0)
    priya = with_points()
    found = [
        (one.reward.code, one.missing, one.why_not, one.is_within_reach)
        for one in redemptions.offers(customer=priya, at=FRIDAY)
    ]
    assert found == [("mug", 0, "", True), ("coat", 150, "", False), ("gone", 0, "rewards.sold_out", False)]


def test_charity_goes_to_its_own_book_and_partners_are_owed_for_what_was_handed_over():
    a_reward("trees", kind="charity", handed="done")
    a_reward("coffee", kind="partner", handed="code", partner="bean", owed=Money(180, "GBP"))
    rewards.add_codes(code="coffee", codes=["C1", "C2", "C3"], at=MONDAY, by=MAREK)
    priya = with_points(900)
    takes(priya, "trees", "t")
    first = takes(priya, "coffee", "c1")
    takes(priya, "coffee", "c2", at=FRIDAY + DAY)
    redemptions.cancel(redemption=takes(priya, "coffee", "c3").id, why="correction", at=FRIDAY, by=MAREK)
    [owed] = redemptions.settlement(since=FRIDAY, until=FRIDAY + 2 * DAY)
    assert (owed.partner, owed.reward, owed.count, owed.owed) == ("bean", "coffee", 2, Money(360, "GBP"))
    [only] = redemptions.settlement(since=FRIDAY, until=FRIDAY + DAY)
    assert (only.count, first.state) == (1, "issued")


def put_again(code="mug", *, at=FRIDAY, **terms):
    return rewards.put(code=code, terms=replace(rewards.get(code).terms, **terms), at=at, by=MAREK)


def gives_back(taken, at=FRIDAY):
    return redemptions.cancel(redemption=taken.id, why="correction", at=at, by=MAREK)


def the_doctor_says():
    return [found.state for looks in checkups.CHECKUPS for found in looks() if found.what == "Rewards"]


def test_what_was_taken_before_there_was_a_stock_is_none_of_it():
    a_reward()
    priya = with_points(900)
    early = takes(priya)
    assert put_again(stock=10).left == 10
    late = takes(priya, key="k2")
    gives_back(early)
    assert rewards.get("mug").left == 9, "nine are there, whatever came back of another time"
    assert put_again(stock=None).left is None
    takes(priya, key="k3")
    assert put_again(stock=10).left == 9
    gives_back(late)
    assert rewards.get("mug").left == 10
    assert the_doctor_says() == ["fine"]
    Reward.objects.update(stock_left=3)
    assert the_doctor_says() == ["wrong"]
    assert rewards.set_stock(code="mug", left=4, at=FRIDAY, by=MAREK).terms.stock == 4


def test_a_partner_is_owed_what_was_agreed_when_it_was_taken_and_a_settled_time_stays():
    a_reward("coffee", kind="partner", handed="done", partner="bean", owed=Money(500, "GBP"))
    priya = with_points(900)
    first, second = (takes(priya, "coffee", key, at=MONDAY + DAY) for key in ("c1", "c2"))
    for one in (first, second):
        redemptions.hand_over(redemption=one.id, at=MONDAY + DAY, by=MAREK)
    put_again("coffee", owed=Money(800, "GBP"), at=MONDAY + 2 * DAY)

    def owed(since, until):
        return [(one.count, one.back, one.owed.minor) for one in redemptions.settlement(since=since, until=until)]

    assert owed(MONDAY, FRIDAY) == [(2, 0, 1000)]
    third = takes(priya, "coffee", "c3")
    redemptions.hand_over(redemption=third.id, at=FRIDAY, by=MAREK)
    gives_back(second, at=FRIDAY + DAY)
    assert owed(MONDAY, FRIDAY) == [(2, 0, 1000)], "what was settled stays"
    with CaptureQueriesContext(connection) as asked:
        assert owed(FRIDAY, FRIDAY + 2 * DAY) == [(0, 1, -500), (1, 0, 800)]
    assert len(asked) == 1
    put_again("coffee", owed=None)
    assert owed(MONDAY, FRIDAY + 2 * DAY) == [(1, 0, 500), (1, 0, 800)]
    changes = [line.after.get("partner_minor", -1) for line in trail.of(f"reward:{rewards.get('coffee').id}")]
    assert sorted(changes) == [-1, 0, 500, 800], "-1: it was opened"


def test_whose_account_is_frozen_keeps_nobody_else_waiting():
    a_reward(cash=Money(500, "GBP"))
    priya, bo = with_points(), with_points(ref="bo")
    takes(priya)
    takes(bo, key="k2")
    Account.objects.filter(customer_id=priya).update(frozen_at=FRIDAY, frozen_why="L2")
    late = FRIDAY + redemptions.PAY_WITHIN
    assert [redemptions.release_unpaid(at=late, by=THE_SHOP) for _twice in range(2)] == [1, 0]
    assert has(bo, at=late)[1] == 250


def test_who_wrote_a_reward_meanwhile_is_not_written_over():
    a_reward(stock=5)
    read = rewards.get("mug")
    rewards.stock_up(code="mug", more=100, key="s", at=FRIDAY, by=MAREK)
    cheaper = replace(read.terms, price=90)
    with pytest.raises(rewards.ChangedMeanwhile):
        rewards.put(code="mug", terms=cheaper, seen=read.changed_at, keeps_stock=True, at=FRIDAY, by=MAREK)
    with pytest.raises(rewards.BadReward):
        rewards.put(code="mug", terms=cheaper, seen=None, at=FRIDAY, by=MAREK)
    now = rewards.get("mug").changed_at
    done = rewards.put(code="mug", terms=cheaper, seen=now, keeps_stock=True, at=FRIDAY, by=MAREK)
    assert (done.terms.price, done.left) == (90, 105)


def test_stock_goes_up_and_never_below_what_was_taken():
    a_reward(stock=2)
    takes(with_points())
    for _told_again in range(2):
        assert rewards.stock_up(code="mug", more=5, key="s1", at=FRIDAY, by=MAREK).left == 6
    with pytest.raises(rewards.BadReward, match="6 are left"):
        rewards.stock_up(code="mug", more=-7, key="s2", at=FRIDAY, by=MAREK)
    view = rewards.get("mug")
    with pytest.raises(rewards.BadReward, match="1 are taken already"):
        rewards.put(code="mug", terms=Terms(**(vars(view.terms) | {"stock": 0})), at=FRIDAY, by=MAREK)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE loyalty_reward SET stock_left = -1")


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        ({"titles": {"en": "A mug"}}, "titles"),
        ({"titles": NAMES | {"fr": "x"}}, "titles"),
        ({"kind": "magic"}, "kind"),
        ({"handed": "thrown"}, "handed"),
        ({"per": "decade"}, "per"),
        ({"price": -1}, "price"),
        ({"price": 1.5}, "price"),
        ({"price": 0}, "most"),
        ({"level_prices": {"classic.status.gold": 0}}, "most"),
        ({"handed": "code", "cancel_days": 1}, "cancel_days"),
        ({"most": 0}, "most"),
        ({"kind": "partner"}, "partner"),
        ({"opens_at": FRIDAY, "closes_at": FRIDAY}, "closes_at"),
        ({"from_level": "classic.status.gold"}, "from_level"),
        ({"level_prices": {"x": 1}}, "level_prices"),
        ({"owed": Money(100, "CNY")}, "partner"),
        ({"handed": "code", "stock": 5}, "stock"),
        ({"about": {"en": "x" * 2001}}, "about"),
    ],
)
def test_terms_that_cannot_be_are_refused_with_their_name(terms, field):
    with pytest.raises(rewards.BadReward) as refused:
        a_reward(**terms)
    assert refused.value.facts["field"] == field
    assert Reward.objects.count() == 0


@pytest.mark.parametrize("ends", ["cancelled", "never paid"])
def test_who_takes_a_reward_and_sends_the_goods_back_has_nothing_of_both(ends):
    currencies.ensure(currency=CurrencyView("points", debt_limit=30), at=MONDAY, by=MAREK)
    a_reward(cancel_days=3, cash=Money(500, "GBP") if ends == "never paid" else None)
    priya = a_member()
    coat = an_award(priya, 100)
    mug = takes(priya)
    takes_back(coat, at=FRIDAY)
    if ends == "cancelled":
        redemptions.cancel(redemption=mug.id, why="by_member", at=FRIDAY + DAY, by=THE_SHOP, is_by_member=True)
    redemptions.release_unpaid(at=FRIDAY + DAY, by=THE_SHOP)
    assert has(priya, at=FRIDAY + DAY) == (0, 0, 0, 0)
    assert list(checkups.broken()) == []
