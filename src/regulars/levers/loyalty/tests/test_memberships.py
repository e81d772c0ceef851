"""Paid memberships: joined with consent, tried, paid, used, rested, changed, left, bought in the shop."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib import import_module

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from regulars.facts.commerce import orders
from regulars.facts.commerce.orders import LineReport, OrderReport, TenderReport
from regulars.facts.customers import identity
from regulars.facts.customers.identity import Reason
from regulars.kit.actors import SHELL, SYSTEM
from regulars.kit.money import Money
from regulars.levers.loyalty import benefits, checkups, fields, memberships, points, programmes
from regulars.levers.loyalty.memberships import AlreadyMember, BadConsent, BadPayment, Consent, NotPossible
from regulars.levers.loyalty.models import Membership, MembershipConsent, MembershipPayment, MembershipStep
from regulars.levers.loyalty.rules.membership_steps import KINDS
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, THE_SHOP, a_member, key
from regulars.levers.loyalty.tests.test_earning import comes_back
from regulars.runtime.database import clock
from regulars.runtime.notices.dispatch import react_to_everything

pytestmark = pytest.mark.django_db
WEB = Consent("1", "en", "web:join")
JANUARY = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_club(*, at=JANUARY - 30 * DAY, terms="1", price=10, **plus):
    more = "".join(f"\n    {name}: {value}" for name, value in plus.items())
    text = f"""
programme: club
money: GBP
zone: Europe/London
pending: {{until: placed, days: 0}}
benefits:
  - {{id: ship, kind: free_shipping, name: {{en: Free shipping, zh: 包邮}}, per: membership}}
  - {{id: agent, kind: dedicated_agent}}
plans:
  - id: plus
    name: {{en: Plus, zh: 会员}}
    price: {price}
    every: month
    benefits: [{{benefit: ship, most: 2}}, {{benefit: agent}}]
    terms: {{version: "{terms}", en: "{price} a month", zh: "每月 {price}"}}{more}
  - id: year
    price: 90
    every: year
    benefits: [{{benefit: ship}}]
    terms: {{version: "1", en: 90 a year, zh: 每年 90}}
rules: [{{id: spend, kind: spend, points: 1, per: 1}}]
"""
    made = programmes.draft(text=text, at=at, by=MAREK)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL)
    programmes.activate(programme="club", version=made.number, at=at, by=MAREK, from_at=at)


def joins(who, plan="club.plus", *, at=JANUARY, key_="j", consent=WEB):
    return memberships.join(customer=who, plan=plan, consent=consent, key=key_, at=at, by=THE_SHOP)


def told(one, payment="p1", state="paid", amount=1000, *, at=JANUARY, **more):
    said = {"payment": payment, "state": state, "money": Money(amount, "GBP")} | more
    return memberships.tell_payment(membership=one.id, **said, at=at, by=THE_SHOP)


def a_paid_one(ref="priya", **plus):
    a_club(**plus)
    who = a_member(ref)
    return who, told(joins(who))


def has(who, at):
    return {one.view.benefit.id: one.left for one in benefits.of(customer=who, at=at) if one.given_by == "plan"}


def noticed():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(kind, 20), coalesce(body ->> 'what', body ->> 'why', body ->> 'nth', '') FROM notices_notice"
            " WHERE starts_with(kind, 'loyalty.membership_') ORDER BY id"
        )
        return cursor.fetchall()


def day(text, hour=12):
    return datetime.fromisoformat(text).replace(hour=hour, tzinfo=UTC)


def test_somebody_joins_with_evidence_pays_has_the_benefits_and_sees_what_they_saved():
    a_club()
    priya = a_member("priya")
    for bad in (Consent("0", "en", "web"), Consent("1", "fr", "web")):
        with pytest.raises(BadConsent):
            joins(priya, consent=bad)
    for where in ("", " ", "somewhere", "web:", "web ", "call:two words", "webby"):
        with pytest.raises(BadConsent, match="web, app, card, store, call, mail, order"):
            joins(priya, consent=Consent("1", "en", where))
    one = joins(priya)
    assert joins(priya) == one
    with pytest.raises(points.KeyUsedOtherwise):
        joins(priya, "club.year")
    with pytest.raises(AlreadyMember):
        joins(priya, key_="j2")
    assert (one.state, one.due, has(priya, JANUARY)) == ("waiting", Money(1000, "GBP"), {})
    assert (one.agreed.to, one.agreed.at, len(one.agreed.digest)) == (WEB, JANUARY, 64)
    with pytest.raises(BadPayment):
        told(one, amount=999)
    with pytest.raises(BadPayment, match=r"at most 100\.00 GBP can be used") as much:
        told(one, amount=99_999_999_999_900)
    assert much.value.facts["field"] == "amount"
    now = told(one)
    assert told(one) == now, "told again it counts once"
    with pytest.raises(BadPayment):
        told(one, amount=1001)
    assert (now.state, now.since, now.until) == ("active", date(2026, 1, 31), date(2026, 2, 28))
    assert has(priya, JANUARY) == {"ship": 2, "agent": None}
    for nth in range(2):
        saved = Money(495, "GBP")
        benefits.use(customer=priya, benefit="club.ship", saved=saved, key=f"u{nth}", at=JANUARY, by=THE_SHOP)
    with pytest.raises(benefits.UsedUp):
        benefits.use(customer=priya, benefit="club.ship", key="u3", at=JANUARY, by=THE_SHOP)
    meter = memberships.get(one.id, at=JANUARY).meter
    assert (meter.paid, meter.saved) == (Money(1000, "GBP"), Money(990, "GBP"))
    _ship, agent = benefits.of(customer=priya, at=JANUARY)
    assert (agent.because, agent.source, agent.until) == ("plus", "plan:plus", None)


def test_the_clock_reminds_renews_asks_again_and_ends_it_whoever_looks():
    priya, one = a_paid_one(remind_days=5, retries="[2]")
    before_midnight, midnight = day("2026-02-27", 23) + timedelta(minutes=59), day("2026-02-28", 0)
    assert memberships.get(one.id, at=before_midnight).state == "active"
    assert memberships.get(one.id, at=midnight).state == "past_due", "also where no job has run"
    assert has(priya, midnight) == {"ship": 2, "agent": None}, "a new period, in its grace"
    for text in ("2026-02-22", "2026-02-23", "2026-02-23", "2026-02-28", "2026-03-02", "2026-03-06", "2026-03-07"):
        memberships.write_due(at=day(text), by=SHELL)
    over = memberships.get(one.id, at=day("2026-03-07"))
    assert (over.state, over.why_ended, has(priya, day("2026-03-07"))) == ("ended", "unpaid", {})
    assert noticed() == [
        ("began", "joined"),
        ("payment_due", "1"),
        ("changed", "paid"),
        ("began", "began"),
        ("renews_soon", ""),
        ("began", "renewed"),
        ("payment_due", "1"),
        ("payment_due", "2"),
        ("ended", "unpaid"),
    ]
    assert [step.kind for step in memberships.history(one.id)][-2:] == ["due", "ended"]
    late = told(one, "late", at=day("2026-03-08"))
    assert (late.state, noticed()[-1]) == ("ended", ("refund_due", "after_its_end"))
    again = joins(priya, key_="j2", at=day("2026-03-09"))
    assert again.state == "waiting"
    assert memberships.write_due(at=day("2026-03-09"), by=SHELL) == 0


def test_a_trial_is_had_once_in_a_life_and_left_without_paying():
    a_club(trial_days=30)
    priya = a_member("priya")
    one = joins(priya)
    assert (one.state, one.until, has(priya, JANUARY)) == ("trial", date(2026, 3, 2), {"ship": 2, "agent": None})
    left = memberships.cancel(membership=one.id, at=JANUARY + DAY, by=THE_SHOP)
    assert (left.state, left.ends, has(priya, JANUARY + DAY)["ship"]) == ("trial", True, 2)
    assert memberships.cancel(membership=one.id, at=JANUARY + DAY, by=THE_SHOP) == left
    assert memberships.get(one.id, at=day("2026-03-02")).state == "ended"
    again = joins(priya, key_="j2", at=day("2026-03-03"))
    assert (again.state, again.due) == ("waiting", Money(1000, "GBP"))
    with pytest.raises(NotPossible):
        memberships.cancel(membership=one.id, at=day("2026-03-03"), by=THE_SHOP)


def test_ended_at_once_unused_it_is_paid_back_and_used_it_is_not():
    priya, one = a_paid_one()
    assert memberships.refundable(membership=one.id, at=FRIDAY.replace(month=2)) == Money(1000, "GBP")
    used = benefits.use(customer=priya, benefit="club.agent", key="u", at=JANUARY, by=THE_SHOP)
    assert memberships.refundable(membership=one.id, at=JANUARY) == Money(0, "GBP")
    benefits.give_back(use=used.id, why="not_done", at=JANUARY, by=MAREK)
    out = memberships.cancel(membership=one.id, at_once=True, at=JANUARY + DAY, by=THE_SHOP)
    assert (out.state, out.why_ended, has(priya, JANUARY + DAY)) == ("ended", "cancelled", {})
    assert noticed()[-2:] == [("refund_due", "by_the_plan"), ("ended", "cancelled")]
    back = told(one, "p1", "refunded", at=JANUARY + DAY)
    assert (back.state, back.meter.paid) == ("ended", Money(0, "GBP"))


def test_it_rests_without_its_benefits_and_goes_on_with_the_days_that_were_left():
    priya, one = a_paid_one(pause_days=20)
    rests = memberships.pause(membership=one.id, at=day("2026-02-10"), by=THE_SHOP)
    assert (rests.state, rests.resumes_on, has(priya, day("2026-02-11"))) == ("paused", date(2026, 3, 2), {})
    assert memberships.get(one.id, at=day("2026-03-02")).until == date(2026, 3, 20)
    on = memberships.resume(membership=one.id, at=day("2026-02-20"), by=THE_SHOP)
    assert (on.state, on.until, has(priya, day("2026-02-20"))["ship"]) == ("active", date(2026, 3, 10), 2)
    with pytest.raises(NotPossible):
        memberships.resume(membership=one.id, at=day("2026-02-20"), by=THE_SHOP)


def test_another_plan_is_agreed_to_anew_and_what_is_left_is_credited():
    priya, one = a_paid_one()
    said = {"membership": one.id, "plan": "club.year", "at": day("2026-02-14"), "by": THE_SHOP}
    with pytest.raises(BadConsent):
        memberships.switch(**said, consent=Consent("9", "en", "call:7"))
    asked = memberships.switch(**said, consent=Consent("1", "zh", "call:7"))
    assert (asked.plan, asked.wants, asked.quote) == ("plus", "year", Money(8500, "GBP")), "half of it is left"
    year = told(one, "p2", amount=8500, at=day("2026-02-15"))
    assert (year.plan, year.until, year.agreed.to.where) == ("year", date(2027, 2, 15), "call:7")
    assert has(priya, day("2026-02-15")) == {"ship": None}
    assert MembershipConsent.objects.count() == 2
    with pytest.raises(memberships.UnknownPlan):
        memberships.switch(**(said | {"at": day("2026-02-16")}), consent=WEB)


def test_another_plan_that_is_not_paid_in_time_is_given_up_and_late_money_is_credited():
    _priya, one = a_paid_one()
    said = {"membership": one.id, "plan": "club.year", "consent": WEB, "by": THE_SHOP}
    memberships.switch(**said, at=day("2026-02-14"))
    assert memberships.write_due(at=day("2026-02-15"), by=SHELL) == 0
    assert memberships.write_due(at=day("2026-02-16"), by=SHELL) == 1
    assert noticed()[-1] == ("changed", "switch_lapsed")
    late = told(one, "p2", amount=8500, at=day("2026-02-17"))
    assert (late.plan, late.is_next_paid, late.credit) == ("plus", True, Money(7500, "GBP"))
    assert max(map(len, KINDS)) <= MembershipStep._meta.get_field("kind").max_length


def test_changed_prices_and_benefits_reach_who_agrees_anew():
    _priya, one = a_paid_one()
    a_club(at=JANUARY + DAY, terms="2", price=20)
    renewed = memberships.get(one.id, at=day("2026-02-28"))
    assert (renewed.due, renewed.price) == (Money(1000, "GBP"), Money(1000, "GBP"))
    li = a_member("li")
    with pytest.raises(BadConsent):
        joins(li, at=JANUARY + 2 * DAY, key_="li")
    new = joins(li, at=JANUARY + 2 * DAY, key_="li", consent=Consent("2", "en", "store:3"))
    assert new.due == Money(2000, "GBP")
    assert new.agreed.digest != one.agreed.digest


def test_audiences_may_ask_for_plans_and_all_that_are_asked_of_everybody_agree():
    priya, one = a_paid_one()
    bo = a_member("bo")
    joins(bo, "club.year", key_="bo")
    [field] = [each for each in fields.FIELDS if each.name == "loyalty.plans"]
    assert field.read([priya, bo]) == {priya: ("club.plus",)}, "who has not paid has none"
    assert [code for code, _words in field.choices()] == ["club.plus", "club.year"]
    memberships.cancel(membership=one.id, at_once=True, at=JANUARY, by=THE_SHOP)
    assert field.read([priya, bo]) == {}


def test_a_charge_that_was_taken_back_ends_it_and_failures_change_nothing():
    priya, one = a_paid_one()
    assert told(one, "p2", "failed", at=FRIDAY.replace(month=2)).state == "active"
    gone = told(one, "p1", "refunded", at=FRIDAY.replace(month=2))
    assert (gone.state, gone.why_ended, has(priya, FRIDAY.replace(month=2))) == ("ended", "refunded", {})


def an_order(ref, at, *, amount="10.00", sku="PLUS-1", many="1"):
    report = OrderReport(
        namespace="shop",
        ref=ref,
        customer_ref="priya",
        placed_at=at,
        currency="GBP",
        lines=[LineReport(1, "Plus", Decimal(many), Decimal(amount), sku=sku)],
        tenders=[TenderReport("t1", "card", "captured", int(Decimal(amount) * Decimal(many) * 100))],
    )
    return orders.record(report=report, at=at, by=THE_SHOP).id


def test_bought_in_the_shop_it_begins_is_paid_ahead_and_goes_back_with_what_was_bought():
    a_club(sku="PLUS-1")
    now = clock.now()
    first = an_order("1", now, amount="8.00")
    react_to_everything()
    priya = orders.get(first).customer_id
    [one] = memberships.of(customer=priya, at=now)
    assert (one.state, one.agreed.to.where, one.meter.paid) == ("active", f"order:{first}", Money(800, "GBP"))
    assert [kind for kind, _what in noticed()] == ["began", "changed", "began"], "no money is asked for that came"
    an_order("2", now)
    an_order("3", now, sku="MUG")
    react_to_everything()
    assert memberships.bought(order=first, at=now, by=THE_SHOP) == []
    [one] = memberships.of(customer=priya, at=now + 35 * DAY)
    assert (one.state, one.meter.paid) == ("active", Money(1800, "GBP")), "the second month is paid"
    comes_back(first, ["1"], key="r", at=now)
    react_to_everything()
    [one] = memberships.of(customer=priya, at=now + 35 * DAY)
    assert (one.state, one.meter.paid) == ("past_due", Money(1000, "GBP"))


def test_of_three_in_one_line_three_periods_are_paid_and_the_one_that_comes_back_is_the_last():
    a_club(sku="PLUS-1")
    now = clock.now()
    three = an_order("1", now, amount="10.00", many="3")
    react_to_everything()
    priya = orders.get(three).customer_id
    [one] = memberships.of(customer=priya, at=now)
    told_of = MembershipPayment.objects.order_by("id").values_list("payment", "minor")
    pieces = [(f"order:{three}:1{nth}", 1000) for nth in ("", ":2", ":3")]
    assert (list(told_of), one.state, one.is_next_paid) == (pieces, "active", True)
    assert memberships.get(one.id, at=now + 85 * DAY).state == "active"
    comes_back(three, ["1"], key="r", at=now)
    react_to_everything()
    last = MembershipPayment.objects.order_by("id").last()
    assert (last.state, last.of, last.minor) == ("refunded", f"order:{three}:1:3", 1000)
    assert [memberships.get(one.id, at=now + days * DAY).state for days in (50, 65)] == ["active", "past_due"]


def test_money_goes_back_in_parts_under_their_own_numbers_and_not_before_it_came():
    _priya, one = a_paid_one()
    with pytest.raises(BadPayment, match="tell of that first"):
        told(one, "re_1", "refunded", 300, of="p2")
    told(one, "p2")
    for number, minor, left in (("re_1", 300, 700), ("re_2", 400, 300)):
        part = told(one, number, "refunded", minor, of="p2")
        assert (part.state, part.is_next_paid, part.meter.paid) == ("active", True, Money(1000 + left, "GBP"))
        assert told(one, number, "refunded", minor, of="p2") == part
    with pytest.raises(BadPayment):
        told(one, "re_3", "refunded", 301, of="p2")
    whole = told(one, "re_3", "refunded", 300, of="p2")
    assert (whole.state, whole.is_next_paid, whole.credit, whole.owed) == ("active", False, *[Money(0, "GBP")] * 2)
    assert (part.next, whole.next) == (Money(0, "GBP"), Money(1000, "GBP"))
    asked = memberships.cancel(membership=told(one, "p4").id, at=JANUARY, by=THE_SHOP)
    assert (asked.owed, noticed()[-1]) == (Money(1000, "GBP"), ("refund_due", "paid_ahead"))
    gone = told(one, "re_4", "refunded", 1000, of="p4")
    assert (gone.state, gone.ends, gone.owed) == ("active", True, Money(0, "GBP")), "that was asked for"


def test_what_the_clock_did_is_nobodys_doing_and_money_that_just_came_is_not_asked_for():
    _priya, one = a_paid_one()
    told(one, "p2", at=day("2026-02-28", 0))
    steps = memberships.history(one.id)[4:]
    assert [(step.kind, step.by) for step in steps] == [("renewed", str(SYSTEM)), ("paid", str(THE_SHOP))]
    assert [kind for kind, what in noticed() if kind == "payment_due"] == ["payment_due"], "of the first period alone"


def test_a_benefit_is_counted_on_through_a_change_of_plan():
    a_club(price=95)
    priya = a_member("priya")
    one = told(joins(priya), amount=9500)
    benefits.use(customer=priya, benefit="club.ship", key="u", at=JANUARY, by=THE_SHOP)
    year = {"membership": one.id, "plan": "club.year", "consent": WEB}
    other = memberships.switch(**year, at=JANUARY, by=THE_SHOP)
    assert (other.plan, other.credit, has(priya, JANUARY + DAY)) == ("year", Money(500, "GBP"), {"ship": None})
    back = memberships.switch(**year | {"plan": "club.plus"}, at=JANUARY + DAY, by=THE_SHOP)
    assert (back.wants, back.quote) == ("plus", Money(25, "GBP")), "a day of the year was had"
    assert memberships.switch(**year, at=JANUARY + DAY, by=THE_SHOP).wants == "", "they stay with theirs"
    memberships.switch(**year | {"plan": "club.plus"}, at=JANUARY + DAY, by=THE_SHOP)
    told(back, "p2", amount=25, at=JANUARY + DAY)
    assert has(priya, JANUARY + DAY)["ship"] == 1


def test_books_of_memberships_that_were_there_before_are_laid_out_from_what_was_kept():
    _priya, one = a_paid_one()
    told(one, "p2")
    told(one, "re", "refunded", 300, of="p1")
    whole = Membership.objects.get(id=one.id).books
    [fine] = checkups._memberships()
    Membership.objects.filter(id=one.id).update(books=[], quote_credit=1100, credit_minor=100)
    [wrong] = checkups._memberships()
    assert (fine.state, wrong.state) == ("fine", "wrong")
    import_module("regulars.levers.loyalty.migrations.0024_books_of_memberships").fill(None, connection.schema_editor())
    row = Membership.objects.get(id=one.id)
    assert sorted(row.books) == sorted(whole)
    assert (row.paid_minor, row.ahead_minor, row.credit_minor, row.quote_credit) == (700, 1000, 0, 0)
    on = memberships.get(one.id, at=day("2026-03-30"))
    assert (on.state, on.since) == ("active", date(2026, 2, 28))


def test_joined_records_have_a_plan_once_and_parted_each_keeps_theirs():
    priya, _one = a_paid_one()
    other = a_member("priya-2")
    told(joins(other, key_="o"), "po")
    identity.join(one=priya, other=other, why=Reason.ASKED, key="m", at=JANUARY + DAY, by=MAREK)
    react_to_everything()
    later = JANUARY + 2 * DAY
    assert has(priya, later) == {"ship": 2, "agent": None}
    assert len(memberships.of(customer=other, at=later)) == 2
    with pytest.raises(AlreadyMember):
        joins(other, key_="o2", at=later)
    identity.keep_apart(one=priya, other=other, why=Reason.ASKED, key="a", at=later, by=MAREK)
    assert [len(memberships.of(customer=who, at=later)) for who in (priya, other)] == [1, 1]


def test_the_database_holds_one_living_membership_and_what_was_written_down_stays():
    _priya, one = a_paid_one()
    row = Membership.objects.get(id=one.id)
    row.id, row.key, row.public_id = None, key(), "0" * 32
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    for table in (MembershipStep, MembershipPayment, MembershipConsent):
        with pytest.raises(DatabaseError), transaction.atomic():
            table.objects.filter(membership_id=one.id).delete()


def test_a_part_that_goes_back_ends_nothing_and_many_are_looked_at_as_one_is(django_assert_num_queries):
    who, one = a_paid_one()
    part = told(one, "p1", "refunded", 300, at=JANUARY + DAY)
    assert (part.state, part.meter.paid) == ("active", Money(700, "GBP"))
    assert memberships.refundable(membership=one.id, at=JANUARY + DAY) == Money(700, "GBP")
    for ref in ("li", "bo", "cy"):
        joins(a_member(ref), key_=ref)
    with django_assert_num_queries(4):
        found = memberships.every(at=JANUARY + DAY)
    assert [each.meter.paid.minor for each in found if each.customer == who] == [700]
    assert len(found) == 4
    with django_assert_num_queries(1):
        assert memberships.unbought(orders=range(1, 100), at=JANUARY, by=MAREK) == 0
