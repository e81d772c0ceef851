"""What people do besides buying: the points it gives, why not, what a programme would have given for it; and a bonus
for a group by who was really in it."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from regulars.doors.console import trials as screens
from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.orders import LineReport, OrderReport
from regulars.facts.customers import customers, profiles
from regulars.facts.customers.profiles import Profile
from regulars.facts.events import following, stream
from regulars.facts.events.tests.shoppers import identify, viewed
from regulars.insight.audiences import audiences, members
from regulars.kit import civil
from regulars.kit.actors import SHELL, SYSTEM, Actor
from regulars.levers.loyalty import celebrating, earning, explaining, hearing, points, programmes, trials, trying
from regulars.levers.loyalty._earning import missed_events
from regulars.levers.loyalty.models import MissedEvent
from regulars.levers.loyalty.rules.views import EventView
from regulars.levers.loyalty.trying import OfEvents
from regulars.runtime.database import clock
from regulars.runtime.notices.dispatch import react_to_everything
from tests.stories.test_live_audiences import VIEWED, Shop, an_audience

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
ANA = Actor("operator", "7")
ABOVE = "programme: club\nmoney: CNY\nzone: Asia/Shanghai\npending: {until: placed, days: 0}\n"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def a_programme(*rules: str, above: str = ABOVE) -> str:
    text = above + "rules:\n" + "".join(f"  - {{{one}}}\n" for one in rules)
    at = clock.now() - 2 * DAY
    made = programmes.draft(text=text, at=at, by=SYSTEM)
    programmes.approve(programme="club", version=made.number, cost=0, at=at, by=SHELL, why="a test")
    programmes.activate(programme="club", version=made.number, at=at, by=SYSTEM)
    return text


def buys(ref: str, *, who: str = "li", many: str = "1", at: datetime | None = None) -> int:
    report = OrderReport(
        namespace="shop",
        ref=ref,
        customer_ref=who,
        placed_at=at or clock.now(),
        currency="CNY",
        lines=[LineReport(1, "tea", Decimal(many), Decimal("40.00"))],
    )
    return orders.record(report=report, at=at or clock.now(), by=SYSTEM).id


def called(who: str) -> int:
    [number] = customers.find_by_ref(ref=who, namespace="shop")
    return number


def did(name: str, who: str, **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": name, "userId": who, "properties": properties}


def has(who: str) -> int:
    return points.balance(customer=called(who), at=clock.now()).spendable


def test_a_bonus_for_a_group_keeps_since_when_they_were_in_it_and_a_return_goes_by_that(shop: Shop) -> None:
    keen = an_audience("Keen", VIEWED)
    group = audiences.get(keen).id
    a_programme(
        "id: spend, kind: spend, points: 1, per: 1",
        f"id: club, kind: audience_bonus, audience: {group}, times: 2, multiplies: [spend]",
    )
    shop.told(viewed("li"), identify("bo", {}))
    [since] = members.since([called("li")], {keen: group}).values()
    hers, his = buys("1", many="4"), buys("2", who="bo")
    react_to_everything()
    [decided] = explaining.of_order(hers)
    assert decided.evidence["audiences"] == {group: since.isoformat()}
    assert [(one.rule, one.points, one.because) for one in decided.rules][1] == (
        *("club", "160"),
        "bonus for a group you are in, 2 times the points",
    )
    [no] = explaining.of_order(his)
    assert "audiences" not in no.evidence
    assert (no.rules[1].points, no.rules[1].because) == ("0", "not in the group this rule is for")
    assert (has("li"), has("bo")) == (320, 40)
    # The group is another one by now, and nobody is in it: what was promised rests on what was so.
    wanted = {"version": 1, "zone": "Asia/Shanghai", "if": {**VIEWED, "count": {"at_least": 9}}}
    audiences.change(audience=keen, condition=wanted, key="nine", at=clock.now(), by=SYSTEM)
    shop.told(viewed("li"))
    assert members.since([called("li")], {keen: group}) == {}
    goods_returns.refund(order=hers, lines={1: Decimal(1)}, at=clock.now(), by=SYSTEM, key="back")
    late = buys("3")
    react_to_everything()
    assert explaining.of_order(hers)[0].evidence["audiences"] == {group: since.isoformat()}
    assert (explaining.of_order(late)[0].rules[1].points, has("li")) == ("0", 240 + 40)


RULES = (
    "id: spend, kind: spend, points: 1, per: 1",
    "id: review, kind: event, event: review, points: 10, once: about, caps: [{per: member, period: month, most: 25}]",
    "id: photo, kind: event, event: review, points: 5, once: ever, where: {field: property.photo, is: true}",
    "id: visit, kind: event, event: store_visit, points: 3, once: month,"
    " only_if: {field: customers.has_email, is: true}",
    "id: cake, kind: event, event: birthday, points: 88",
)
CAPPED = ABOVE + "caps: [{per: everyone, period: ever, most: 150}]\n"


def what_was_done(shop: Shop) -> None:
    """Li and bo write, visit and buy, and it is li's birthday; somebody nobody knows writes, too."""
    shop.told(identify("li", {"email": "li@example.org"}), identify("bo", {}))
    today = civil.day_of(clock.now(), civil.zone("Asia/Shanghai"))
    profile = Profile(birthday=f"1990-{today:%m-%d}")
    profiles.describe(customer=called("li"), profile=profile, key="born", at=clock.now(), by=SYSTEM)
    reader = stream.Reader(hearing.READER, take=hearing.take, after=following.PROFILES)
    stream.register([reader])
    celebrating.celebrate(at=clock.now(), by=SYSTEM)
    placed_at = clock.now() - timedelta(seconds=150)
    for ago, *slice_ in (
        (
            3,
            did("Product Reviewed", "li", product_id="oolong", photo=True),
            did("Product Reviewed", "li", product_id="sencha"),
            did("Product Reviewed", "li", product_id="assam"),
        ),
        (
            2,
            did("Store Visited", "li"),
            did("Store Visited", "bo"),
            did("Product Reviewed", "bo", product_id="oolong"),
            {"type": "track", "event": "Product Reviewed", "anonymousId": "tab", "properties": {"product_id": "mate"}},
            viewed("bo"),
        ),
        (1, did("review", "li", product_id="oolong"), did("visited store", "li")),
    ):
        shop.told(*slice_, ago=timedelta(minutes=ago))
        stream.step(reader, 2**40)
        # The first in the middle of it, the other when it is over.
        buys("1" if ago == 3 else "2", who="li" if ago == 3 else "bo", at=placed_at if ago == 3 else None)
        react_to_everything()


@pytest.mark.parametrize("above", [ABOVE, CAPPED])
def test_a_trial_says_of_events_what_they_were_given(shop: Shop, above: str) -> None:
    text = a_programme(*RULES, above=above)
    what_was_done(shop)
    gave = Counter[str]()
    for who in ("li", "bo"):
        for one in explaining.events_of(called(who)).items:
            for ruled in one.rules:
                gave[ruled.ruled.rule] += ruled.ruled.parts
    is_capped = above == CAPPED
    # The cap is everybody's: whoever came first has it, whether they wrote or bought.
    bos, visits = (0, 0) if is_capped else (10, 3)
    assert gave == {"review": 25 + bos, "photo": 5, "visit": visits, "cake": 88}
    trial = trying.simulate(programmes.validate(text), since=clock.now() - DAY, until=clock.now() + timedelta(hours=1))
    times = 3 if is_capped else 4
    capped, again = ("cap_reached", "cap_reached") if is_capped else ("given_before", "given_before")
    assert trial.events == [
        OfEvents(
            "review", 25 + bos, 5, times, times - 2, Counter(["given_before", *["cap_reached"] * is_capped]), True
        ),
        OfEvents("photo", 5, 5, 1, 1, {"event_does_not_fit": 4}, True),
        OfEvents(
            "visit",
            visits,
            3,
            1 - is_capped,
            1 - is_capped,
            Counter(["not_for_them", again, *[capped] * is_capped]),
            True,
        ),
        OfEvents("cake", 88, 1, 1, 1, {}, True),
    ]
    assert (trial.untried, trial.orders, trial.customers, trial.earning_customers) == ([], 2, 2, 2 - is_capped)
    bought = 150 - 88 - 30 if is_capped else 80
    assert [(rule.parts, rule.orders) for rule in trial.rules] == [(bought, 2 - is_capped)]
    given = 150 if is_capped else 131 + 80
    assert (trial.parts, trial.all_parts, has("li") + has("bo"), sum(trial.months.values())) == (given,) * 4


@pytest.mark.parametrize(
    ("rule", "untried"),
    [
        ("points: 1, once: month", []),
        # Nothing that came before its first day counts, nothing of what is on record fits it, nobody ever did it.
        ("points: 1, once: month, from: {tomorrow}", ["one"]),
        ("points: 1, once: month, from: {today}", ["one"]),
        ("points: 1, once: month, where: {{field: property.video, is: true}}", ["one"]),
        ("points: 1, once: month, where: {{field: property.photo, is: true}}", []),
    ],
)
def test_its_author_approves_a_rule_for_events_alone_where_a_trial_can_say_what_it_costs(
    shop: Shop, rule: str, untried: list[str]
) -> None:
    shop.told(did("Product Reviewed", "li", product_id="oolong", photo=True))
    today = civil.day_of(clock.now(), civil.zone("Asia/Shanghai"))
    told = rule.format(today=today, tomorrow=today + DAY)
    text = f"{ABOVE}approval_above: 1000\nrules:\n  - {{id: one, kind: event, event: review, {told}}}\n"
    trial = trying.simulate(programmes.validate(text), since=clock.now() - 365 * DAY, until=clock.now())
    assert trial.untried == untried
    made = programmes.draft(text=text, at=clock.now(), by=ANA)
    how = {"programme": "club", "version": made.number, "cost": trial.all_parts, "tried": trial.tried_events}
    if untried:
        with pytest.raises(programmes.NeedsAnother, match="one"):
            programmes.approve(**how, at=clock.now(), by=ANA)
    else:
        programmes.approve(**how, at=clock.now(), by=ANA)


def test_only_a_programme_with_rules_for_events_is_tried_aside_because_of_many(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screens, "MOST_EVENTS", 1)
    shop.told(viewed("li"), viewed("li"), did("Product Reviewed", "li", product_id="oolong"))
    buys("1", at=clock.now() - DAY)
    of_orders, of_events = (
        programmes.validate(f"{ABOVE}rules:\n  - {{{rule}}}\n")
        for rule in (
            "id: spend, kind: spend, points: 1, per: 1",
            "id: one, kind: event, event: review, points: 1, once: ever",
        )
    )
    at_once = screens.look(of_orders, ANA)
    assert at_once.trial is not None
    assert (at_once.trial.parts, at_once.trial.events) == (40, [])
    aside = screens.look(of_events, ANA)
    assert aside.run is not None
    assert aside.trial is None
    trials.run(aside.run.id)
    done = trials.get(aside.run.id)
    assert (done.state, done.orders_read, done.orders_expected) == ("done", 2, 2)
    assert done.trial is not None
    assert [(one.times, one.found) for one in done.trial.events] == [(1, 1)]


def test_what_is_on_record_for_a_part_of_the_time_says_no_cost(shop: Shop) -> None:
    text = f"{ABOVE}rules:\n  - {{id: one, kind: event, event: review, points: 1, once: month}}\n"
    buys("1", at=clock.now() - 40 * DAY)
    shop.told(did("Product Reviewed", "li", product_id="oolong"))
    trial = trying.simulate(programmes.validate(text), since=clock.now() - 365 * DAY, until=clock.now())
    assert ([(one.times, one.is_tried) for one in trial.events], trial.untried) == ([(1, False)], ["one"])


def test_what_gave_nothing_is_kept_with_why_not_once_a_day_and_told_to_whoever_asks(
    shop: Shop, django_assert_num_queries: Any
) -> None:
    a_programme(*RULES)
    what_was_done(shop)
    told = [
        (one.words, one.about, [(of.ruled.rule, of.ruled.points, of.ruled.because) for of in one.rules])
        for one in explaining.events_of(called("bo")).items
    ]
    assert told == [
        ("visit to a store", "", [("visit", "0", "this rule is for others")]),
        ("review", "oolong", [("review", "10", "for: review"), ("photo", "0", "not what this rule is for")]),
    ]
    [birthday, visit, review, first_visit, *reviews] = explaining.events_of(called("li")).items
    assert [of.ruled.points for of in birthday.rules] == ["88"]
    assert [of.ruled.because for of in visit.rules] == ["it was given for this before"]
    assert [(of.ruled.rule, of.ruled.because) for of in review.rules] == [
        ("review", "it was given for this before"),
        ("photo", "not what this rule is for"),
    ]
    assert [of.ruled.because for of in first_visit.rules] == ["for: visit to a store"]
    assert [(one.about, *[(of.ruled.rule, of.ruled.because) for of in one.rules]) for one in reviews] == [
        ("sencha", ("review", "for: review"), ("photo", "not what this rule is for")),
        ("oolong", ("review", "for: review"), ("photo", "for: review")),
        ("assam", ("review", "for: review (without the cap it were 10)"), ("photo", "not what this rule is for")),
    ]
    li = called("li")
    with django_assert_num_queries(6):
        first = explaining.events_of(li, limit=2)
    assert [one.at for one in first.items] == [birthday.at, visit.at]
    rest = explaining.events_of(called("li"), cursor=first.next)
    assert (rest.items, rest.next) == ((review, first_visit, *reviews), None)
    # Told again, nothing of it is another one.
    kept = MissedEvent.objects.count()
    for at in (visit.at, visit.at + timedelta(minutes=1)):
        again = EventView("store_visit", at, at.date())
        earning.award_for_event(customer=called("li"), event=again, at=clock.now(), by=SYSTEM)
    assert MissedEvent.objects.count() == kept
    assert missed_events.drop_old(at=reviews[0].at + missed_events.KEPT) == 0
    assert missed_events.drop_old(at=clock.now() + missed_events.KEPT) == kept
