"""Points in the console: a member's card and page, changes by hand with four eyes, and the ledger."""

import re
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from regulars.doors.console.tests.builders import signed_in
from regulars.facts.commerce import orders
from regulars.facts.commerce.order_reports import LineReport, OrderReport
from regulars.facts.commerce.orders import OrderView
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import (
    adjustments,
    currencies,
    earlier,
    earning,
    examination,
    freezing,
    missions,
    order_spends,
    points,
    programmes,
)
from regulars.levers.loyalty.currencies import CurrencyView
from regulars.levers.loyalty.earlier import Movement
from regulars.levers.loyalty.points import Balance
from regulars.levers.loyalty.rules.views import EventView
from regulars.runtime.database import clock
from regulars.runtime.preferences.preferences import read

pytestmark = pytest.mark.django_db
THE_SHOP = Actor("connector", "shop")


@pytest.fixture
def li() -> str:
    """A member of a shop in London; her public id."""
    company.settle(
        name="Teas", currency="GBP", zone="Europe/London", language="en", country="GB", at=clock.now(), by=SYSTEM
    )
    number = customers.resolve_many(namespace="till", refs=["li"], at=clock.now(), by=THE_SHOP, origin="live")["li"]
    return customers.get(number).public_id


def gets(who: str, amount: int, **more) -> None:
    number = customers.by_public_id(who).id
    points.award(customer=number, amount=amount, key=str(uuid4()), at=clock.now(), by=THE_SHOP, **more)


def has(who: str) -> Balance:
    return points.balance(customer=customers.by_public_id(who).id, at=clock.now())


def shown(client: Client, path: str) -> str:
    answer = client.get(f"/console/{path}")
    assert answer.status_code == 200, answer.content[:300]
    return answer.content.decode()


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def by_hand(client: Client, who: str, amount: str, direction: str = "give", **more):
    told = {"of": "points", "amount": amount, "direction": direction, "reason": "amends", "key": str(uuid4()), **more}
    return client.post(f"/console/members/{who}/points/adjust", told, follow=True)


def test_the_card_says_what_can_be_spent_what_is_to_come_and_until_when(li):
    manager = signed_in("manager")
    assert "No points yet" in shown(manager, f"members/{li}/points/card")
    gets(li, 1250, expires_on=date(2180, 1, 31))
    gets(li, 40, matures_at=clock.now() + timedelta(days=3))
    card = plain(shown(manager, f"members/{li}/points/card"))
    for words in ("1,250 can be spent", "To come 40", "until 31 Jan 2180 1,250"):
        assert words in card
    assert "points/card" in shown(manager, f"members/{li}/")


def test_what_became_of_points_in_the_system_before_stands_below_the_entries(li):
    manager, number, now = signed_in("manager"), customers.by_public_id(li).id, clock.now()
    assert "in the system used then" not in shown(manager, f"members/{li}/points/")
    told = [Movement(str(nth), number, "earned", 100, now - timedelta(days=nth)) for nth in range(1, 12)]
    told.append(Movement("x", number, "spent", -250, now - timedelta(days=40)))
    earlier.bring(told=told, source="old-till", at=now, by=THE_SHOP)
    page = shown(manager, f"members/{li}/points/")
    assert "earned +1,100 · spent −250 · left 850" in plain(page)
    [older] = re.findall(r"before=([^#]+)#before", page)
    last = plain(shown(manager, f"members/{li}/points/?of=points&before={older}"))
    assert "spent −250" in last.partition("to be read")[2]
    assert "old-till" in last
    assert "earned" in plain(shown(manager, f"members/{li}/points/?before=nonsense"))


def test_whose_points_end_soon_is_on_the_ledger_and_listed_by_day(li):
    manager = signed_in("manager")
    assert "None within three months." in shown(manager, "ledger/")
    today = clock.now().date()
    gets(li, 1250, expires_on=today + timedelta(days=20))
    gets(li, 7, expires_on=today + timedelta(days=200))
    ledger = shown(manager, "ledger/")
    assert "1,250 1 member, for the last time on that day" in plain(ledger)
    listed = plain(shown(manager, f"ledger/ending?on={today + timedelta(days=20)}"))
    assert "1,250" in listed
    assert "Nobody's points end then" in shown(manager, f"ledger/ending?on={today + timedelta(days=21)}").replace(
        "&#x27;", "'"
    )
    for path in ("ledger/ending?of=none", "ledger/ending?after=nonsense"):
        assert manager.get(f"/console/{path}").status_code == 404


def test_every_entry_says_why_and_unfolds_to_what_it_moved(li):
    manager = signed_in("manager")
    gets(li, 100, expires_on=date(2180, 1, 31))
    number = customers.by_public_id(li).id
    points.redeem(customer=number, amount=30, key="k1", at=clock.now(), by=THE_SHOP)
    points.hold(customer=number, amount=20, owner="cart-7", key="k2", at=clock.now(), by=THE_SHOP)
    page = shown(manager, f"members/{li}/points/")
    words = plain(page)
    for said in ("Kept for a purchase", "Spent", "−30 available", "−20 available · +20 kept", "awarded", "cart-7"):
        assert said in words
    entry = re.findall(r'hx-get="/console/(ledger/entries/ent_[^"]+)"', page)[1]
    assert "30: Available → Spent" in plain(shown(manager, entry))
    assert manager.get("/console/ledger/entries/ent_nobody/").status_code == 404


def test_a_little_is_given_at_once_and_the_same_form_again_gives_it_once(li):
    manager = signed_in("manager")
    key = str(uuid4())
    for _turn in range(2):
        assert "It is done." in by_hand(manager, li, "100", key=key).content.decode()
    assert has(li).available == 100
    assert "to make up for something that went wrong" in shown(manager, f"members/{li}/points/")


def test_much_waits_for_a_second_person_is_on_today_and_ones_own_is_never_decided(li):
    marek, astrid = signed_in("manager", name="Marek"), signed_in("owner", name="Astrid")
    assert "it waits until somebody else agrees" in by_hand(marek, li, "5000").content.decode()
    assert has(li).available == 0
    for client in (marek, astrid):
        assert "1 change of points by hand waits" in shown(client, "")
    [asked] = adjustments.waiting()
    where = f"/console/ledger/requests/{asked.public_id}/decide"
    assert "Approve</button>" not in shown(marek, "ledger/")
    assert "Approve</button>" in shown(astrid, "ledger/")
    assert "somebody else has to decide" in marek.post(where, {"act": "approve"}, follow=True).content.decode()
    assert has(li).available == 0
    assert "It is approved and done." in astrid.post(where, {"act": "approve"}, follow=True).content.decode()
    assert has(li).available == 5000
    page = plain(shown(marek, f"members/{li}/points/"))
    assert "Marek asked on" in page
    assert "Astrid decided on" in page


def test_one_takes_back_what_one_asked_for_and_another_turns_it_down(li):
    marek, astrid = signed_in("manager", name="Marek"), signed_in("manager", name="Astrid")
    for client, act in ((marek, "withdraw"), (astrid, "turn_down")):
        by_hand(marek, li, "5000")
        [asked] = adjustments.waiting()
        client.post(f"/console/ledger/requests/{asked.public_id}/decide", {"act": act, "back": "https://evil.example/"})
    assert [one.state for one in adjustments.of_customer(asked.customer)] == ["turned_down", "withdrawn"]
    assert has(li).available == 0


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"amount": "0"}, "greater than or equal to 1"),
        ({"amount": "1.5"}, "no more than 0 decimal places"),
        ({"amount": "5", "reason": ""}, "This field is required"),
        ({"amount": "5", "expires_on": "2020-01-01"}, "That day is over"),
        ({"amount": "5", "expires_on": "9999-12-31"}, "less than or equal to"),
        ({"amount": "5", "direction": "take"}, "5 points are asked for and 0 can be spent"),
    ],
)
def test_what_cannot_be_is_said_beside_the_form(li, told, said):
    manager = signed_in("manager")
    answer = by_hand(manager, li, **({"amount": "1"} | told))
    assert answer.status_code == 422
    assert said in answer.content.decode()


def test_what_cannot_be_done_any_more_is_said_without_the_names_of_programs(li):
    marek, astrid = signed_in("manager", name="Marek"), signed_in("manager", name="Astrid")
    gets(li, 5000)
    page = plain(by_hand(marek, li, "6000", "take", reason="misuse").content.decode())
    assert " 6000 points are asked for and 5000 can be spent" in page
    by_hand(marek, li, "5000", "take", reason="misuse")
    points.redeem(customer=customers.by_public_id(li).id, amount=30, key="k1", at=clock.now(), by=THE_SHOP)
    [asked] = adjustments.waiting()
    answer = astrid.post(f"/console/ledger/requests/{asked.public_id}/decide", {"act": "approve"}, follow=True)
    page += plain(answer.content.decode())
    assert " 5000 points are asked for and 4970 can be spent" in page
    assert "amount:" not in page


def test_an_agent_reads_points_and_moves_none(li):
    agent = signed_in("agent")
    gets(li, 10)
    assert "by-hand" not in shown(agent, f"members/{li}/points/")
    assert by_hand(agent, li, "5").status_code == 403
    assert 'href="/console/ledger/"' in shown(agent, "ledger/")


def test_the_ledger_lists_by_kind_and_day_and_its_books_add_up(li):
    owner = signed_in("owner")
    assert "Nobody has points yet" in shown(owner, "ledger/")
    gets(li, 100)
    points.redeem(customer=customers.by_public_id(li).id, amount=30, key="k1", at=clock.now(), by=THE_SHOP)
    assert "+100" in shown(owner, "ledger/")
    assert "+100" not in shown(owner, "ledger/?kind=redeem")
    assert "No entry fits" in shown(owner, "ledger/?on=2020-01-01")
    assert owner.get("/console/ledger/?of=miles").status_code == 404
    books = plain(shown(owner, "ledger/totals"))
    for said in ("Available with members, can be spent +70", "Issued given by the programme −100", "All together 0"):
        assert said in books
    assert "1 account says the same as its entries" in books


def test_an_owner_sets_how_much_one_gives_alone(li):
    owner, manager = signed_in("owner"), signed_in("manager")
    owner.post("/console/ledger/limit", {"limit": "50"})
    assert read(adjustments.APPROVAL_ABOVE) == 50
    owner.post("/console/ledger/limit", {"limit": "-3"})
    assert manager.post("/console/ledger/limit", {"limit": "9"}).status_code == 403
    assert read(adjustments.APPROVAL_ABOVE) == 50


def test_it_reads_chinese(li):
    manager = signed_in("manager", language="zh-hans")
    gets(li, 10)
    for path in (f"members/{li}/points/", f"members/{li}/points/card", "ledger/", "ledger/totals"):
        page = shown(manager, path)
        assert "积分" in page or "账本" in page, path


def test_a_manager_freezes_points_and_lets_them_go_on(li):
    for days in (20, 30):
        gets(li, 50, expires_on=clock.now().date() + timedelta(days=days))
    manager, agent = signed_in("manager"), signed_in("agent", name="ada")
    assert "Freeze their points" in shown(manager, f"members/{li}/points/")
    assert "and each time up to a day more" in shown(manager, f"members/{li}/points/")
    assert "Freeze their points" not in shown(agent, f"members/{li}/points/")
    way = f"/console/members/{li}/points/freeze"
    assert agent.post(way, {"why": "dispute", "key": "a"}).status_code == 403
    page = manager.post(way, {"why": "dispute", "key": "a"}, follow=True).content.decode()
    assert "something is in dispute" in plain(page)
    assert "Freeze their points" not in page
    assert "frozen; none can be spent" in page
    assert "nothing moves and nothing ends" in shown(manager, f"members/{li}/points/card")
    assert "something is in dispute" in shown(manager, "ledger/")
    assert "15 points" not in page
    assert "frozen their points" in plain(by_hand(manager, li, "5").content.decode())
    # A form that lost its reason lets nothing go on.
    page = manager.post(way, {"key": "b"}, follow=True).content.decode()
    assert "with the days left that they had" not in page
    assert "Let them go on" in page
    answer = manager.post(way, {"key": "b", "act": "thaw"}, follow=True)
    assert "with the days left that they had" in answer.content.decode()
    assert "Freeze their points" in answer.content.decode()
    # Each award has its days by an entry; they stand as one until they are unfolded.
    number = customers.by_public_id(li).id
    freezing.freeze(customer=number, why="dispute", key="c", at=clock.now() - timedelta(days=3), by=SYSTEM)
    page = manager.post(way, {"key": "d", "act": "thaw"}, follow=True).content.decode()
    assert "2 entries" in page
    assert page.count("before until") == 2
    for path in (way, way.replace("freeze", "pass-on")):
        assert manager.post(path, {"of": "stars&after=1", "act": "thaw"}).status_code == 404, "no such kind"


def test_what_is_valid_again_says_until_when_and_until_when_it_was(li):
    manager, number, now = signed_in("manager"), customers.by_public_id(li).id, clock.now()
    ended = now - timedelta(days=10)
    done = points.award(
        customer=number, amount=30, expires_on=ended.date(), key="k1", at=now - timedelta(days=20), by=THE_SHOP
    )
    points.reinstate(lot=done.lots[0], expires_on=date(2180, 1, 31), key="k2", at=now, by=THE_SHOP)
    words = plain(shown(manager, f"members/{li}/points/"))
    assert "until 31 Jan 2180, before until" in words


def owes(who: str, amount: int) -> None:
    """Points that were spent before they were taken back."""
    number, now = customers.by_public_id(who).id, clock.now()
    coat = points.award(customer=number, amount=amount, key=str(uuid4()), at=now, by=THE_SHOP).of("award").id
    points.redeem(customer=number, amount=amount, key=str(uuid4()), at=now, by=THE_SHOP)
    points.reverse(entry=coat, key=str(uuid4()), at=now, by=THE_SHOP)


def forgives(client: Client, who: str, amount: str, **more):
    told = {"of": "points", "amount": amount, "reason": "amends", "key": str(uuid4()), **more}
    return client.post(f"/console/members/{who}/points/forgive", told, follow=True)


def test_what_is_owed_is_forgiven_by_hand_and_much_of_it_by_two(li):
    marek, astrid = signed_in("manager", name="Marek"), signed_in("owner", name="Astrid")
    assert 'id="forgive"' not in shown(marek, f"members/{li}/points/")
    owes(li, 1500)
    assert 'value="1500"' in shown(marek, f"members/{li}/points/")
    key = str(uuid4())
    for _turn in range(2):
        assert "It is done." in forgives(marek, li, "200", key=key).content.decode()
    assert has(li).debt == 1300
    answer = forgives(marek, li, "1400")
    assert (answer.status_code, "1300 is owed" in answer.content.decode()) == (422, True)
    assert "waits until somebody else agrees" in forgives(marek, li, "1300").content.decode()
    assert has(li).debt == 1300
    [asked] = adjustments.waiting()
    assert "forgive what is owed · to make up for" in plain(shown(astrid, "ledger/"))
    astrid.post(f"/console/ledger/requests/{asked.public_id}/decide", {"act": "approve"}, follow=True)
    page = shown(marek, f"members/{li}/points/")
    assert (has(li).debt, 'id="forgive"' in page) == (0, False)
    assert "Debt forgiven to make up for something that went wrong" in plain(page)


def test_what_ends_is_given_more_time_and_what_ended_is_valid_again(li):
    manager, number, now = signed_in("manager"), customers.by_public_id(li).id, clock.now()
    page = shown(manager, f"members/{li}/points/")
    assert 'id="longer"' not in page
    gets(li, 40, expires_on=date(2180, 1, 31))
    past = points.award(
        customer=number,
        amount=30,
        expires_on=(now - timedelta(days=10)).date(),
        key="k1",
        at=now - timedelta(days=20),
        by=THE_SHOP,
    )
    page = shown(manager, f"members/{li}/points/")
    [ends] = re.findall(r'<option value="(extend:\d+)">40 · until 31 Jan 2180', page)
    [ended] = re.findall(r'<option value="(reinstate:\d+)">30 · until', page)
    assert ended == f"reinstate:{past.lots[0]}"
    where = f"/console/members/{li}/points/give-time"
    form = {"of": "points", "reason": "service"}
    for award, until, said in (
        (ends, "2180-01-30", "they can be spent until 2180-01-31 as it is"),
        (ends, "2020-01-30", "2020-01-30 is over"),
        (ended, "2020-01-30", "2020-01-30 is over"),
        ("extend:1000000", "2180-02-28", "is no award of theirs"),
        ("forgive:1", "2180-02-28", "Select a valid choice"),
    ):
        answer = manager.post(where, form | {"award": award, "until": until, "key": str(uuid4())})
        assert (answer.status_code, said in answer.content.decode()) == (422, True), (award, until)
    for award, until in ((ends, "2180-02-29"), (ended, "")):
        key = str(uuid4())
        for _turn in range(2):
            answer = manager.post(where, form | {"award": award, "until": until, "key": key}, follow=True)
            assert "It is done." in answer.content.decode()
    found = [(str(one.on), one.available) for one in points.expiring(customer=number, at=clock.now())]
    assert found == [("2180-02-29", 40), ("None", 30)]
    assert "until 29 Feb 2180, before until 31 Jan 2180" in plain(answer.content.decode())


def test_an_agent_forgives_nothing_and_gives_no_time(li):
    agent = signed_in("agent")
    owes(li, 10)
    gets(li, 40, expires_on=date(2180, 1, 31))
    page = shown(agent, f"members/{li}/points/")
    assert 'id="forgive"' not in page
    assert 'id="longer"' not in page
    assert forgives(agent, li, "5").status_code == 403
    assert agent.post(f"/console/members/{li}/points/give-time", {}).status_code == 403


def books_differ(who: str, by: int = 1) -> int:
    """One balance says more than was posted; the number of the account."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE loyalty_account SET available = available + %s WHERE customer_id = %s RETURNING id",
            [by, customers.by_public_id(who).id],
        )
        [(account,)] = cursor.fetchall()
    return int(account)


def frozen_card(client: Client) -> str:
    return shown(client, "ledger/").partition('id="frozen"')[2].partition("</section>")[0]


def test_who_was_frozen_by_a_person_and_whose_books_do_not_agree_are_told_apart(li):
    stars = CurrencyView("stars", titles={"en": "Stars", "zh-Hans": "星星"})
    currencies.ensure(currency=stars, at=clock.now(), by=SYSTEM)
    manager, now = signed_in("manager"), clock.now()
    number = customers.resolve_many(namespace="till", refs=["bo"], at=now, by=THE_SHOP, origin="live")["bo"]
    gets(li, 20)
    gets(customers.get(number).public_id, 10)
    freezing.freeze(customer=number, why="dispute", key="a", at=now, by=SYSTEM)
    card = plain(frozen_card(manager))
    assert card.count("by the shop") == card.count("something is in dispute") == 1
    assert "points, Stars" in card
    assert "books" not in card
    books_differ(li)
    examination.examine(at=now, by=SHELL)
    card = plain(frozen_card(manager))
    assert card.count("points the books do not agree") == 1
    assert "the balance is not the sum of what was posted; the balance is not the sum of the awards" in card
    card = plain(frozen_card(signed_in("manager", name="mei", language="zh-hans")))
    assert "账目不符" in card
    assert not re.search("[a-z]{4}", re.sub("regulars doctor ledger --thaw|points", "", card)), card


def test_what_the_doctor_froze_goes_on_by_whoever_mended_it(li):
    gets(li, 20)
    account = books_differ(li)
    examination.examine(at=clock.now(), by=SHELL)
    manager, agent = signed_in("manager"), signed_in("agent", name="ada")
    for page in (shown(agent, "ledger/"), shown(agent, f"members/{li}/points/")):
        assert f"regulars doctor ledger --thaw {account}" in page
        assert "Look again" not in page
    way = f"/console/ledger/accounts/{account}/thaw"
    assert way in shown(manager, "ledger/")
    assert way in shown(manager, f"members/{li}/points/")
    assert agent.post(way).status_code == 403
    there = {"back": f"/console/members/{li}/points/"}
    page = plain(manager.post(way, there, follow=True).content.decode())
    assert "Its books do not agree yet (the balance is not the sum of what was posted" in page
    books_differ(li, -1)
    page = plain(manager.post(way, there, follow=True).content.decode())
    assert "The books agree: it goes on." in page
    assert "Frozen" not in page
    assert has(li).available == 20
    assert 'id="frozen"' not in shown(manager, "ledger/")


def estates_pass() -> None:
    at = clock.now() - timedelta(hours=1)
    text = "programme: club\nmoney: GBP\nestate: passes\nrules: [{id: base, kind: spend, points: 1, per: 1}]\n"
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)


CLUB = """programme: club
money: GBP
pending: {until: placed, days: 0}
rules:
  - {id: base, kind: spend, points: 1, per: 1}
  - {id: welcome, kind: first_order, points: 50}
"""


def a_club() -> None:
    at = clock.now() - timedelta(hours=2)
    made = programmes.draft(text=CLUB, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)


def an_order(ref: str, customer_ref: str | None = "li", *, currency: str = "GBP") -> OrderView:
    """Of eighty, an hour ago, and what it earns."""
    at = clock.now() - timedelta(hours=1)
    line = LineReport(1, "coat", Decimal(1), Decimal("80.00"))
    report = OrderReport(
        namespace="till",
        ref=ref,
        number=f"#{ref}",
        customer_ref=customer_ref,
        placed_at=at,
        currency=currency,
        lines=[line],
    )
    made = orders.by_public_id(orders.record(report=report, at=at, by=THE_SHOP).public_id)
    earning.award_for_order(order=made.id, at=clock.now(), by=SYSTEM)
    return made


def test_an_orders_page_says_what_it_earned_by_each_rule_and_why_not(li):
    a_club()
    owner = signed_in("owner")
    first, second = an_order("1"), an_order("2")
    assert f"/console/orders/{first.public_id}/points" in shown(owner, f"orders/{first.public_id}/")
    card = plain(shown(owner, f"orders/{first.public_id}/points"))
    for words in ("130 points", "base +80", "80.00 GBP spent", "80 available", "welcome +50 first order"):
        assert words in card
    points.redeem(customer=customers.by_public_id(li).id, amount=60, key="k1", at=clock.now(), by=THE_SHOP)
    assert "20 available, 60 spent" in plain(shown(owner, f"orders/{first.public_id}/points"))
    card = plain(shown(owner, f"orders/{second.public_id}/points"))
    assert "welcome no points not the first order: it is number 2" in card
    # Of what nobody knows the worth, nothing is earned.
    abroad = plain(shown(owner, f"orders/{an_order('3', currency='EUR').public_id}/points"))
    assert "base no points nobody knows what EUR was worth" in abroad
    assert "A guest bought it" in shown(owner, f"orders/{an_order('4', None).public_id}/points")
    chinese = plain(shown(signed_in("owner", name="mei", language="zh-hans"), f"orders/{first.public_id}/points"))
    assert "首单" in chinese
    assert "已使用 60" in chinese


def test_what_a_member_did_besides_buying_says_what_it_gave_and_why_not(li):
    owner, who = signed_in("owner"), customers.by_public_id(li).id
    place = f"members/{li}/points/did"
    assert f"/console/{place}" in shown(owner, f"members/{li}/points/")
    assert shown(owner, place).strip() == "", "nothing is shown where nothing is to be said"
    at = clock.now() - timedelta(hours=2)
    text = CLUB + "  - {id: words, kind: event, event: review, points: 10, once: month}\n"
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    for minutes in range(12, 0, -1):
        moment = at + timedelta(hours=1, minutes=-minutes)
        seen = EventView("review", moment, moment.date(), about=f"tea-{minutes}")
        earning.award_for_event(customer=who, event=seen, at=clock.now(), by=SYSTEM)
    newest = shown(owner, place)
    assert "review tea-1 " in plain(newest)
    assert "words it was given for this before no points" in plain(newest)
    [older] = re.findall(r'hx-get="/console/(members/[^"]+after=[^"]+)"', newest)
    assert "words for: review +10" in plain(shown(owner, older.replace("&amp;", "&")))
    assert "tea-1 " in plain(shown(owner, f"{place}?after=nonsense"))
    chinese = plain(shown(signed_in("owner", name="mei", language="zh-hans"), place))
    assert "之前已为此发放过 无积分" in chinese
    assert signed_in("agent").get("/console/members/cus_none/points/did").status_code == 404


def unfolded(client: Client, who: str, kind: str) -> str:
    """What the latest entry of a kind moved."""
    number = customers.by_public_id(who).id
    line = next(one for one in points.statement(customer=number).items if one.kind == kind)
    return shown(client, f"ledger/entries/{line.public_id}/")


def test_entries_say_of_which_order_and_for_what_as_people_call_it(li):
    a_club()
    owner, number = signed_in("owner"), customers.by_public_id(li).id
    made = an_order("1001")
    gets(li, 30, subject="api:slip-7")
    link = f'<a href="/console/orders/{made.public_id}/">order #1001</a>'
    assert shown(owner, f"members/{li}/points/").count(link) == 2
    points.redeem(customer=number, amount=150, key="k1", at=clock.now(), by=THE_SHOP)
    page = unfolded(owner, li, "redeem")
    assert link in page
    assert "slip-7" in page
    assert "order:" not in page
    # Of what was spent the line says nothing of where it was earned.
    assert shown(owner, f"members/{li}/points/").count(link) == 2
    orders.cancel(order=made.id, at=clock.now(), by=THE_SHOP)
    earning.award_for_order(order=made.id, at=clock.now(), by=SYSTEM)
    page = shown(owner, f"members/{li}/points/")
    assert "the order was cancelled" in page
    assert page.count(link) == 4
    assert shown(owner, "ledger/").count(link) == 4


def test_a_mission_is_called_by_its_title_wherever_its_points_went(li):
    at, number = clock.now() - timedelta(hours=2), customers.by_public_id(li).id
    text = (
        "programme: club\nmoney: GBP\npending: {until: placed, days: 0}\nmissions:\n"
        "- {id: again, name: {en: Come, zh: 来店}, steps: [{what: orders, at_least: 1}], prize: {points: 30}}\n"
        "rules: [{id: base, kind: spend, points: 1, per: 1}]\n"
    )
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    an_order("1001")
    missions.settle(customer=number, at=clock.now(), by=SYSTEM)
    points.redeem(customer=number, amount=110, key="k1", at=clock.now(), by=THE_SHOP)
    page = unfolded(signed_in("owner"), li, "redeem")
    assert "for the mission Come" in page
    assert "mission:" not in page


def test_an_order_that_nobody_decided_says_what_it_waits_for(li):
    early = an_order("1")
    owner = signed_in("owner")
    assert "No programme has decided about it" in shown(owner, f"orders/{early.public_id}/points")
    a_club()
    number = customers.by_public_id(li).id
    freezing.freeze(customer=number, why="dispute", key="a", at=clock.now(), by=SYSTEM)
    assert "Their points are frozen" in shown(owner, f"orders/{early.public_id}/points")
    assert owner.get("/console/orders/ord_none/points").status_code == 404


def test_a_manager_passes_points_on_to_an_heir_and_takes_them_back(li):
    gets(li, 100)
    number = customers.resolve_many(namespace="till", refs=["bo"], at=clock.now(), by=THE_SHOP, origin="live")["bo"]
    bo, manager = customers.get(number).public_id, signed_in("manager")
    assert 'id="estate"' not in shown(manager, f"members/{li}/points/")
    way = f"/console/members/{li}/points/pass-on"
    refused = manager.post(way, {"to": bo, "key": "a"}, follow=True).content.decode()
    assert "passes no points on to heirs" in plain(refused)
    estates_pass()
    assert "Pass them on" in shown(manager, f"members/{li}/points/")
    page = manager.post(way, {"to": bo, "key": "b"}, follow=True).content.decode()
    assert (has(li).available, has(bo).available) == (0, 100)
    assert "passed on to an heir" in plain(page)
    assert f"/console/members/{bo}/points/" in page
    assert f"/console/members/{li}/points/" in shown(manager, f"members/{bo}/points/")
    entry = re.search(r'name="entry" value="(ent_\w+)"', page)
    assert entry is not None
    page = manager.post(way, {"entry": entry[1]}, follow=True).content.decode()
    assert (has(li).available, has(bo).available) == (100, 0)
    assert "Take it back" not in page
    assert signed_in("agent", name="ada").post(way, {"to": bo, "key": "c"}).status_code == 403


def test_points_spent_for_orders_that_do_not_stand_are_given_back_or_left(li):
    gets(li, 100)
    now = clock.now()
    for ref in ("N-<1>", "N-2"):
        order = order_spends.OrderNamed("till", ref)
        number = customers.by_public_id(li).id
        points.redeem(customer=number, amount=30, key=ref, at=now - timedelta(days=2), by=SYSTEM, order=order)
    order_spends.settle(at=now)
    owner, assistant = signed_in("owner"), signed_in("shop_assistant")
    assert "Points were spent for 2 orders that do not stand" in shown(owner, "")
    page = shown(owner, "ledger/")
    assert "N-&lt;1&gt;" in page
    assert "never came" in page
    second, first = order_spends.listed().items
    address = f"/console/ledger/spends/{first.public_id}"
    assert assistant.post(address, {"act": "give_back"}).status_code == 403
    done = owner.post(address, {"act": "give_back"}, follow=True).content.decode()
    assert "The points are back with the awards they came from." in done
    assert has(li).available == 70
    assert owner.post(address, {"act": "odd"}).status_code == 404
    owner.post(f"/console/ledger/spends/{second.public_id}", {"act": "leave"})
    assert order_spends.count_wrong() == 0
    assert "do not stand</a>" not in shown(owner, "")
    owner.post("/console/ledger/hours", {"hours": 48})
    assert read(order_spends.WITHIN_HOURS) == 48
