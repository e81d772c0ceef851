"""Points through the API: balances, statements, and every verb."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from regulars.doors.api.tests.builders import Program, problem
from regulars.facts.commerce import orders
from regulars.facts.company import company
from regulars.facts.customers import customers
from regulars.kit import civil
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import earlier, earning, points, programmes
from regulars.levers.loyalty.earlier import Movement
from regulars.levers.loyalty.rules.views import EventView
from regulars.runtime.database import clock

pytestmark = pytest.mark.django_db
WAY_OFF = "2190-03-31"


def priya(till: Program) -> str:
    return str(till.record()["customer"])


def told(answer: HttpResponse) -> dict[str, Any]:
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def has(till: Program, customer: str, of: str = "points") -> tuple[str, ...]:
    """What can be spent, is to come, is held and is owed."""
    wallets = told(till.get(f"customers/{customer}/points"))["wallets"]
    wallet = next(one for one in wallets if one["currency"] == of)
    return wallet["available"], wallet["pending"], wallet["held"], wallet["debt"]


def gives(till: Program, customer: str, amount: str, key: str, **more: Any) -> dict[str, Any]:
    return told(till.post(f"customers/{customer}/points/awards", {"amount": amount, **more}, key=key))


def test_points_are_given_kept_spent_and_taken_back_and_the_statement_says_why():
    till = Program()
    li = priya(till)
    assert has(till, li) == ("0", "0", "0", "0")
    given = gives(till, li, "100", "k1", expires_on=WAY_OFF)
    assert [(one["kind"], one["amount"], one["available_after"]) for one in given["entries"]] == [
        ("award", "100", "100")
    ]
    hold = told(till.post(f"customers/{li}/points/holds", {"amount": "60", "reference": "cart-7"}, key="k2"))
    assert (hold["kept"], hold["state"], hold["expires_at"], hold["reference"]) == ("60", "open", None, "cart-7")
    assert has(till, li) == ("40", "0", "60", "0")
    told(till.post(f"points/holds/{hold['id']}/capture", {"amount": "45"}, key="k3"))
    assert told(till.get(f"points/holds/{hold['id']}"))["captured"] == "45"
    told(till.post(f"customers/{li}/points/redeem", {"amount": "5"}, key="k4"))
    assert has(till, li) == ("50", "0", "0", "0")
    told(till.post(f"points/entries/{given['entries'][0]['id']}/reverse", {"why": "correction"}, key="k5"))
    assert has(till, li) == ("0", "0", "0", "50")
    page = told(till.get(f"customers/{li}/points/statement?limit=2"))
    rest = told(till.get(f"customers/{li}/points/statement?cursor={page['next']}"))
    lines = page["items"] + rest["items"]
    assert [one["kind"] for one in lines] == ["reverse", "redeem", "release", "capture", "hold", "award"]
    assert (lines[0]["because"], lines[0]["available"], lines[0]["debt"]) == ("a correction", "-50", "50")
    assert lines[0]["reverses"] == given["entries"][0]["id"]
    explained = told(till.get(f"points/entries/{lines[1]['id']}"))
    assert [(one["from_book"], one["to_book"], one["amount"]) for one in explained["moved"]] == [
        ("available", "redeemed", "5")
    ]
    assert explained["moved"][0]["expires_on"] == WAY_OFF


def test_a_hold_whose_time_ran_out_says_so_before_anybody_booked_it():
    till = Program()
    li, before = priya(till), clock.now() - timedelta(hours=1)
    gives(till, li, "10", "k1")
    number = customers.by_public_id(li).id
    made = points.hold(
        customer=number, amount=10, lasts=timedelta(minutes=5), key="k2", at=before, by=Actor("connector", "shop")
    )
    over = told(till.get(f"points/holds/{made.public_id}"))
    assert (over["state"], over["kept"], over["released"]) == ("expired", "0", "10")
    assert has(till, li) == ("10", "0", "0", "0")
    assert till.post(f"points/holds/{made.public_id}/capture", key="k3").json()["code"] == "points.hold_is_over"


def test_a_hold_has_its_owner_or_a_time_and_ends_in_half_an_hour_without_either():
    till = Program()
    li = priya(till)
    gives(till, li, "30", "k1")
    where = f"customers/{li}/points/holds"
    both = till.post(where, {"amount": "10", "reference": "cart-7", "lasts_seconds": 900}, key="k2")
    assert problem(both) == (422, "points.bad_hold", "lasts_seconds")
    plain = told(till.post(where, {"amount": "10"}, key="k3"))
    assert datetime.fromisoformat(plain["expires_at"]) - datetime.fromisoformat(plain["held_at"]) == points.HELD_FOR
    assert told(till.post(where, {"amount": "10", "reference": "cart-7"}, key="k4"))["expires_at"] is None
    assert has(till, li) == ("10", "0", "20", "0")


def test_the_statement_speaks_the_readers_language():
    till = Program()
    li = priya(till)
    gives(till, li, "10", "k1")
    answer = Client().get(
        f"/api/v1/customers/{li}/points/statement", headers=till.headers | {"Accept-Language": "zh-Hans"}
    )
    because = answer.json()["items"][0]["because"]
    assert because
    assert not because.isascii()
    assert told(till.get(f"customers/{li}/points/statement"))["items"][0]["because"] == "awarded"


def test_what_became_of_points_in_the_system_before_is_told_page_by_page():
    till = Program()
    li = priya(till)
    record = customers.by_public_id(li).id
    now = clock.now()
    assert told(till.get(f"customers/{li}/points/earlier")) == {
        "customer": li,
        "currency": "points",
        "items": [],
        "next": None,
    }
    earlier.bring(
        told=[
            Movement("1", record, "earned", 300, now - timedelta(days=9)),
            Movement("2", record, "spent", -120, now - timedelta(days=3)),
        ],
        source="old till",
        at=now,
        by=SYSTEM,
    )
    page = told(till.get(f"customers/{li}/points/earlier?limit=1"))
    rest = told(till.get(f"customers/{li}/points/earlier?cursor={page['next']}"))
    lines = [(one["kind"], one["amount"], one["source"]) for one in page["items"] + rest["items"]]
    assert lines == [("spent", "-120", "old till"), ("earned", "300", "old till")]
    assert has(till, li) == ("0", "0", "0", "0")


VERBS = {
    "award": ("customers/{li}/points/awards", {"amount": "10", "expires_on": WAY_OFF}, {"amount": "11"}),
    "give": (
        "customers/{li}/points/adjust",
        {"amount": "10", "direction": "give"},
        {"amount": "11", "direction": "give"},
    ),
    "take": (
        "customers/{li}/points/adjust",
        {"amount": "10", "direction": "take"},
        {"amount": "10", "direction": "give"},
    ),
    "redeem": ("customers/{li}/points/redeem", {"amount": "10"}, {"amount": "10", "why": "donated"}),
    "hold": ("customers/{li}/points/holds", {"amount": "10", "lasts_seconds": 60}, {"amount": "10"}),
    "capture": ("points/holds/{hold}/capture", {"amount": "3"}, {"amount": "4"}),
    "release": ("points/holds/{hold}/release", None, None),
    "reverse": ("points/entries/{entry}/reverse", {"amount": "3"}, {"amount": "4"}),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_write_told_again_gives_its_first_answer_and_other_content_is_refused(verb):
    till = Program()
    li = priya(till)
    entry = gives(till, li, "100", "first")["entries"][0]["id"]
    hold = told(till.post(f"customers/{li}/points/holds", {"amount": "20"}, key="keep"))["id"]
    path, body, other = VERBS[verb]
    where = path.format(li=li, hold=hold, entry=entry)
    assert problem(till.post(where, body))[:2] == (422, "request.invalid")
    first = told(till.post(where, body, key="again"))
    told(till.post(f"customers/{li}/points/redeem", {"amount": "1"}, key="meanwhile"))
    stands = has(till, li)
    assert told(till.post(where, body, key="again")) == first
    assert has(till, li) == stands
    if other is not None:
        assert problem(till.post(where, other, key="again"))[:2] == (409, "points.key_used_otherwise")
        assert has(till, li) == stands


def test_what_cannot_be_is_refused_with_a_code_that_stays():
    till = Program()
    li = priya(till)
    entry = gives(till, li, "10", "k1")["entries"][0]["id"]
    hold = told(till.post(f"customers/{li}/points/holds", {"amount": "10"}, key="k2"))["id"]
    told(till.post(f"points/holds/{hold}/release", key="k3"))
    told(till.post(f"points/entries/{entry}/reverse", key="k4"))
    mine = f"customers/{li}/points"
    for path, body, expected in (
        (f"{mine}/redeem", {"amount": "11"}, (409, "points.not_enough")),
        (f"{mine}/redeem", {"amount": "0"}, (422, "points.bad_amount")),
        (f"{mine}/redeem", {"amount": "1.5"}, (422, "number.too_fine")),
        (f"{mine}/redeem", {"amount": 5}, (422, "request.invalid")),
        (f"{mine}/redeem", {"amount": "5", "currency": "miles"}, (422, "points.no_such_currency")),
        (f"{mine}/awards", {"amount": "5", "expires_on": "2020-01-01"}, (422, "points.already_over")),
        (
            f"{mine}/awards",
            {"amount": "5", "expires_on": "2179-01-01", "matures_at": "2179-01-03T00:00:00Z"},
            (422, "points.already_over"),
        ),
        (f"{mine}/adjust", {"amount": "5", "direction": "take"}, (409, "points.not_enough")),
        (f"points/holds/{hold}/capture", None, (409, "points.hold_is_over")),
        ("points/holds/phd_nobody/capture", None, (404, "id.bad")),
        (f"points/entries/{entry}/reverse", None, (409, "points.nothing_to_reverse")),
        ("points/entries/ent_nobody/reverse", None, (404, "id.bad")),
        ("customers/cus_nobody/points/redeem", {"amount": "5"}, (404, "id.bad")),
    ):
        assert problem(till.post(path, body, key=f"{path}{body}".replace(" ", "")[:120]))[:2] == expected, (path, body)
    assert problem(till.post(f"{mine}/redeem", {"amount": "1.5"}, key="fine"))[2] == "amount"
    assert has(till, li) == ("0", "0", "0", "0")


def today_in(zone: str) -> date:
    """Its civil day, of a shop whose clock it is from now on."""
    now = clock.now()
    company.settle(name="Teas", currency="GBP", zone=zone, language="en", country="GB", at=now, by=SYSTEM)
    return civil.day_of(now, civil.zone(zone))


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("verb", ["awards", "adjust"])
def test_a_last_day_that_is_over_where_the_shop_is_is_refused_and_today_is_not(verb, zone):
    till = Program()
    li, today = priya(till), today_in(zone)
    body = {"amount": "10"} | ({"direction": "give"} if verb == "adjust" else {})
    where = f"customers/{li}/points/{verb}"
    late = till.post(where, body | {"expires_on": str(today - timedelta(days=1))}, key="k1")
    assert problem(late) == (422, "points.already_over", "expires_on")
    assert has(till, li) == ("0", "0", "0", "0")
    told(till.post(where, body | {"expires_on": str(today)}, key="k2"))
    assert has(till, li) == ("10", "0", "0", "0")


def test_what_is_to_come_and_every_day_it_ends_on():
    till = Program()
    li = priya(till)
    now = clock.now()
    gives(till, li, "10", "k1")
    gives(till, li, "20", "k2", expires_on="2180-01-31")
    gives(till, li, "30", "k3", expires_on="2179-12-31", matures_at=(now + timedelta(days=5)).isoformat())
    wallet = told(till.get(f"customers/{li}/points"))["wallets"][0]
    assert [(one["on"], one["available"], one["pending"]) for one in wallet["ends"]] == [
        ("2179-12-31", "0", "30"),
        ("2180-01-31", "20", "0"),
        (None, "10", "0"),
    ]
    assert [one["amount"] for one in wallet["pending_until"]] == ["30"]
    later = (now + timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    then = told(till.get(f"customers/{li}/points?as_of={later}"))["wallets"][0]
    assert (then["available"], then["pending"], then["pending_until"]) == ("60", "0", [])
    before = (now - timedelta(days=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
    past = told(till.get(f"customers/{li}/points?as_of={before}"))["wallets"][0]
    assert (past["available"], past["pending"], past["ends"]) == ("0", "0", None)
    assert problem(till.get(f"customers/{li}/points?as_of=2199-01-01T00:00:00Z"))[1] == "points.too_far_ahead"


def test_two_programs_that_choose_the_same_key_mean_two_acts():
    till, web = Program(), Program(name="web")
    li = priya(till)
    gives(till, li, "10", "1001")
    gives(web, li, "10", "1001")
    assert has(till, li)[0] == "20"


def test_reading_giving_and_spending_are_granted_apart():
    li = priya(Program())
    reads, gives_, spends, by_hand = (
        Program(f"points.{may}", name=may) for may in ("read", "award", "spend", "manage")
    )
    told(reads.get(f"customers/{li}/points"))
    told(gives_.post(f"customers/{li}/points/awards", {"amount": "10"}, key="k1"))
    told(spends.post(f"customers/{li}/points/redeem", {"amount": "10"}, key="k2"))
    for program, path in (
        (reads, "awards"),
        (reads, "redeem"),
        (gives_, "redeem"),
        (gives_, "adjust"),
        # What is given by hand has a limit and a second person; the way round them is another right.
        (by_hand, "awards"),
        (spends, "awards"),
        (spends, "adjust"),
    ):
        assert problem(program.post(f"customers/{li}/points/{path}", {"amount": "1"}, key="k3"))[0] == 403


def test_a_large_adjustment_waits_for_a_second_person():
    till = Program()
    li = priya(till)
    small, large = (
        told(till.post(f"customers/{li}/points/adjust", {"amount": amount, "direction": "give"}, key=f"k{amount}"))
        for amount in ("10", "5000")
    )
    assert (small["state"], small["receipt"]["entries"][0]["amount"], small["request"]) == ("done", "10", None)
    assert (large["state"], large["receipt"], large["request"][:4]) == ("waiting", None, "prq_")
    assert has(till, li)[0] == "10"


def test_whose_points_end_soon_is_listed_page_by_page():
    till = Program()
    today = clock.now().date()
    for number in range(3):
        li = str(till.record(ref=f"o{number}", customer_ref=f"c{number}")["customer"])
        gives(till, li, "10", f"e{number}", expires_on=str(today + timedelta(days=10 + number)))
    first = told(till.get("points/ending?limit=2"))
    assert [one["amount"] for one in first["items"]] == ["10", "10"]
    rest = told(till.get(f"points/ending?limit=2&cursor={first['next']}"))
    assert (len(rest["items"]), rest["next"]) == (1, None)
    one_day = told(till.get(f"points/ending?on={today + timedelta(days=11)}"))["items"]
    assert [one["on"] for one in one_day] == [str(today + timedelta(days=11))]
    assert told(till.get("points/ending?days=8"))["items"] == []
    # A day counts however far ahead it is, whatever days there are by default.
    day = today + timedelta(days=400)
    gives(till, li, "7", "far", expires_on=str(day))
    assert [one["amount"] for one in told(till.get(f"points/ending?on={day}"))["items"]] == ["7"]
    assert told(till.get("points/ending?on=2120-12-31"))["items"] == []
    assert told(till.get("points/ending?on=2020-01-01"))["items"] == []


def test_frozen_points_take_no_verb_and_say_why():
    till = Program()
    li = priya(till)
    gives(till, li, "100", "k1", expires_on=WAY_OFF)
    for _again in range(2):
        [wallet] = told(till.post(f"customers/{li}/points/freeze", {"why": "dispute"}, key="f1"))["wallets"]
    assert (wallet["frozen_for"], wallet["available"]) == ("dispute", "100")
    frozen = till.post(f"customers/{li}/points/redeem", {"amount": "5"}, key="k2")
    assert frozen.json()["code"] == "points.account_frozen"
    assert till.post(f"customers/{li}/points/freeze", {"why": "a story"}, key="f2").status_code == 422
    [wallet] = told(till.post(f"customers/{li}/points/thaw", key="t1"))["wallets"]
    assert (wallet["frozen_at"], wallet["frozen_for"]) == (None, None)
    told(till.post(f"customers/{li}/points/redeem", {"amount": "5"}, key="k3"))
    assert till.post(f"customers/{li}/points/thaw", key="t2").json()["code"] == "points.not_frozen"


def test_what_is_owed_is_forgiven_at_once_or_by_two():
    till = Program()
    li = priya(till)
    coat = gives(till, li, "1500", "k1")["entries"][0]["id"]
    told(till.post(f"customers/{li}/points/redeem", {"amount": "1500"}, key="k2"))
    told(till.post(f"points/entries/{coat}/reverse", key="k3"))
    where = f"customers/{li}/points/forgive"
    assert problem(till.post(where, {"amount": "1501"}, key="k4")) == (422, "points.bad_amount", "amount")
    first = told(till.post(where, {"amount": "400", "why": "amends"}, key="k5"))
    assert [(one["kind"], one["amount"], one["debt_after"]) for one in first["receipt"]["entries"]] == [
        ("write_off", "400", "1100")
    ]
    asked = told(till.post(where, {}, key="k6"))
    assert (asked["state"], asked["receipt"]) == ("waiting", None)
    assert told(till.post(where, {"amount": "400", "why": "amends"}, key="k5")) == first
    assert told(till.post(where, {}, key="k6")) == asked
    assert has(till, li)[3] == "1100"


def test_an_award_is_given_a_later_day_and_what_ended_is_valid_again():
    till = Program()
    li, now = priya(till), clock.now()
    number, ended = customers.by_public_id(li).id, (now - timedelta(days=3)).date()
    past = points.award(
        customer=number,
        amount=20,
        expires_on=ended,
        key="k0",
        at=now - timedelta(days=9),
        by=Actor("connector", "shop"),
    )
    entry = gives(till, li, "100", "k1", expires_on="2180-01-31")["entries"][-1]["id"]
    lot = told(till.get(f"points/entries/{entry}"))["moved"][0]["lot"]
    mine = f"customers/{li}/points"
    for path, body, expected in (
        ("extend", {"lot": lot, "expires_on": "2180-01-31"}, (422, "points.not_later", "expires_on")),
        ("extend", {"lot": lot, "expires_on": str(ended)}, (422, "points.already_over", "expires_on")),
        ("reinstate", {"lot": past.lots[0], "expires_on": str(ended)}, (422, "points.already_over", "expires_on")),
        ("reinstate", {"lot": lot, "expires_on": None}, (409, "points.nothing_to_reverse", "lot")),
        ("reinstate", {"lot": 2**53 - 1, "expires_on": None}, (404, "points.unknown_entry", "lot")),
    ):
        assert problem(till.post(f"{mine}/{path}", body, key=f"{path}{expected[1]}")) == expected, (path, body)
    for path, body in (
        ("extend", {"lot": lot, "expires_on": "2180-02-29"}),
        ("reinstate", {"lot": past.lots[0], "expires_on": None}),
    ):
        first = told(till.post(f"{mine}/{path}", body, key=path))
        assert told(till.post(f"{mine}/{path}", body, key=path)) == first
    [wallet] = told(till.get(mine))["wallets"]
    assert [(one["on"], one["available"]) for one in wallet["ends"]] == [("2180-02-29", "100"), (None, "20")]


def test_what_an_order_earned_is_said_by_each_rule_and_why_not():
    till = Program()
    told_of = till.record(customer_ref="li")
    way = f"orders/{told_of['id']}/points"
    assert told(till.get(way)) == {"order": told_of["id"], "decided": []}
    at = clock.now() - timedelta(days=400)
    text = "programme: club\nmoney: GBP\nrules:\n- {id: base, kind: spend, points: 1, per: 1}\n"
    text += "- {id: third, kind: nth_order, nth: 3, points: 9}\n"
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    earning.award_for_order(order=orders.by_public_id(told_of["id"]).id, at=clock.now(), by=SYSTEM)
    [decided] = told(till.get(way))["decided"]
    assert (decided["programme"], decided["version"], decided["currency"]) == ("club", 1, "points")
    assert [(rule["rule"], rule["amount"]) for rule in decided["rules"]] == [("base", "99"), ("third", "0")]
    assert decided["rules"][1]["because"] == "2 more orders until then"
    assert till.get("orders/ord_none/points").status_code == 404


def test_what_somebody_did_besides_buying_is_said_by_each_rule_and_why_not():
    till = Program()
    li = priya(till)
    at = clock.now() - timedelta(days=2)
    text = "programme: club\nmoney: GBP\nrules:\n- {id: review, kind: event, event: review, points: 10, once: month}\n"
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    way, who = f"customers/{li}/points/events", customers.by_public_id(li).id
    assert told(till.get(way)) == {"customer": li, "items": [], "next": None}
    for about, minutes in (("coat", 2), ("hat", 1)):
        moment = clock.now() - timedelta(minutes=minutes)
        seen = EventView("review", moment, moment.date(), about=about)
        earning.award_for_event(customer=who, event=seen, at=clock.now(), by=SYSTEM)
    page = told(till.get(f"{way}?limit=1"))
    [late] = page["items"]
    assert (late["event"], late["about"]) == ("review", "hat")
    no = {"programme": "club", "version": 1, "currency": "points", "rule": "review", "amount": "0"}
    assert late["rules"] == [no | {"because": "it was given for this before"}]
    [first] = told(till.get(f"{way}?cursor={page['next']}"))["items"]
    assert [(rule["amount"], rule["because"]) for rule in first["rules"]] == [("10", "for: review")]
    for bad in ("limit=0", "cursor=x"):
        assert till.get(f"{way}?{bad}").status_code == 422
    assert till.get("customers/cus_none/points/events").status_code == 404


def estates_pass() -> None:
    at = clock.now() - timedelta(hours=1)
    text = "programme: club\nmoney: GBP\nestate: passes\nrules: [{id: base, kind: spend, points: 1, per: 1}]\n"
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)


def test_points_pass_to_an_heir_where_the_programme_says_so_and_back():
    till = Program()
    li, bo = priya(till), str(till.record(ref="1002", customer_ref="bo")["customer"])
    gives(till, li, "100", "k1", expires_on=WAY_OFF)
    refused = till.post(f"customers/{li}/points/pass-on", {"to": bo}, key="p1")
    assert refused.json()["code"] == "points.no_estate"
    estates_pass()
    done = told(till.post(f"customers/{li}/points/pass-on", {"to": bo}, key="p2"))
    assert told(till.post(f"customers/{li}/points/pass-on", {"to": bo}, key="p2")) == done
    assert (has(till, li)[0], has(till, bo)[0]) == ("0", "100")
    entry = next(one["id"] for one in done["receipt"]["entries"] if one["kind"] == "merge_out")
    for again in ("b1", "b2"):
        told(till.post(f"points/entries/{entry}/pass-back", key=again))
    assert (has(till, li)[0], has(till, bo)[0]) == ("100", "0")
