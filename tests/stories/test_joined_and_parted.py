"""Joined and parted again, all is as if nobody had ever been joined: whatever happened before, between and after."""

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from regulars.facts.commerce import goods_returns, orders
from regulars.facts.commerce.tests.builders import MAREK, MONDAY, a_batch, a_return_batch, an_order
from regulars.facts.customers import (
    consent,
    customers,
    households,
    identity,
    persons,
    preferences,
    profiles,
    reviews,
    tags,
)
from regulars.facts.customers.households import Role
from regulars.facts.customers.identity import Observation, Reason
from regulars.facts.customers.profiles import Profile
from regulars.facts.customers.tests.builders import platforms_suffice
from regulars.facts.events import events
from regulars.facts.events.following import follow_everything
from regulars.facts.events.tests.shoppers import a_source, sent, viewed
from regulars.levers.loyalty import points
from regulars.levers.loyalty.tests.builders import lots_of
from tests.often import often

pytestmark = pytest.mark.django_db
NAMES = ("anna", "bo", "chen")
DAY = timedelta(days=1)

WHO = st.sampled_from(NAMES)
FACTS = st.one_of(
    st.tuples(st.just("buys"), WHO, st.sampled_from(("coat", "tea")), st.integers(1, 3)),
    st.tuples(st.just("brings back"), WHO, st.sampled_from(("coat", "tea")), st.integers(1, 3)),
    st.tuples(st.just("refunds"), WHO),
    st.tuples(st.just("cancels"), WHO),
    st.tuples(st.just("agrees"), WHO, st.booleans()),
    st.tuples(st.just("tells"), WHO, st.sampled_from(("Lisa", "Lily"))),
    st.tuples(st.just("looks"), WHO, st.sampled_from(("Monopoly", "Chess")), st.sampled_from(("tablet", "laptop"))),
    st.tuples(st.just("is tagged"), WHO, st.sampled_from(("vip", "press"))),
    st.tuples(st.just("is untagged"), WHO, st.sampled_from(("vip", "press"))),
    st.tuples(st.just("wishes"), WHO, st.integers(1, 3)),
    st.tuples(st.just("moves to"), WHO, st.sampled_from(("dora's", "emil's"))),
    st.tuples(st.just("moves out"), WHO),
)
POINTS = st.one_of(
    st.tuples(st.just("earns"), WHO, st.integers(1, 50), st.sampled_from((None, 1, 3, 8))),
    st.tuples(st.just("spends"), WHO, st.integers(1, 50)),
    st.tuples(st.just("keeps"), WHO, st.integers(1, 50), st.sampled_from((None, 2))),
    st.tuples(st.just("loses"), WHO, st.sampled_from((None, 7)), st.integers(0, 9)),
    st.tuples(st.just("gets back"), WHO, st.integers(0, 9)),
)
JOINING = st.one_of(
    st.tuples(st.just("joined"), WHO, WHO),
    st.tuples(st.just("apart"), WHO, WHO),
    st.tuples(st.just("proves"), WHO, st.sampled_from(("+8613812341234", "+8613987651234"))),
)


class Rollback(Exception):
    """The example is over."""


class World:
    """A shop that remembers who it knows by name."""

    def __init__(self, took=None):
        platforms_suffice()
        # Who bore how much of each spend while some of them were one: told to the world in which they never were.
        self.took, self.is_told = took or {}, took is not None
        self.awards = {name: [] for name in NAMES}
        self.spends = []
        self.web = a_source()
        self.numbers = {
            name: customers.resolve_many(namespace="shop", refs=[name], at=MONDAY, by=MAREK, origin="live")[name]
            for name in NAMES
        }
        self.homes = {
            f"{name}'s": households.form(members={number: Role.HEAD}, key=f"h{number}", at=MONDAY, by=MAREK).public_id
            for name, number in customers.resolve_many(
                namespace="shop", refs=["dora", "emil"], at=MONDAY, by=MAREK, origin="live"
            ).items()
        }
        self._day = count(1)
        self._key = count(1)
        self._links = []
        self._pairs = set()

    def does(self, what, who, *more):
        """`n` only makes references and keys, so that facts have the same ones with and without joins between."""
        n, at = next(self._day), MONDAY + self.days * DAY
        number = self.numbers[who]
        if what == "buys":
            [product, quantity] = more
            orders.record_many(
                batch=a_batch(an_order(f"o{n}", customer=who, at=at, lines=((product, str(quantity), "10.00"),))),
                at=at,
                by=MAREK,
            )
        elif what == "brings back":
            [product, quantity] = more
            goods_returns.record_many(
                batch=a_return_batch((f"r{n}", who, None, at, [(product, str(quantity), quantity * 1000)])),
                at=at,
                by=MAREK,
            )
        elif what in ("refunds", "cancels"):
            mine = [one for one in self.orders_told_for(who) if one.cancelled_at is None]
            if mine and what == "cancels":
                orders.cancel(order=mine[0].id, at=at, by=MAREK)
            elif mine and all(line.returned_quantity == 0 for line in mine[0].lines):
                goods_returns.refund(order=mine[0].id, key=f"f{n}", at=at, by=MAREK)
        elif what == "agrees":
            act = consent.give if more[0] else consent.withdraw
            act(customer=number, purpose="marketing", channel="email", place="web_form", key=f"c{n}", at=at, by=MAREK)
        elif what == "tells":
            profiles.describe(customer=number, profile=Profile(given_name=more[0]), key=f"d{n}", at=at, by=MAREK)
        elif what == "is tagged":
            tags.tell_many(told=[tags.Told(number, more[0], True, f"t{n}", at)], by=MAREK, origin="live")
        elif what == "is untagged":
            tags.untag(customer=number, tag=more[0], key=f"u{n}", at=at, by=MAREK)
        elif what == "wishes":
            preferences.change(
                customer=number, wishes={"most_per_week": more[0]}, place="app", key=f"w{n}", at=at, by=MAREK
            )
        elif what in ("moves to", "moves out"):
            households.leave(customer=number, key=f"l{n}", at=at, by=MAREK)
            for home in more:
                households.add(
                    household=self.homes[home], customer=number, role=Role.OTHER, key=f"c{n}", at=at, by=MAREK
                )
        elif what in ("earns", "spends", "keeps", "loses", "gets back"):
            self.has_points(what, who, number, n, at, *more)
        elif what == "looks":
            [product, device] = more
            sent(self.web, viewed(who, product, anonymousId=device, messageId=f"looked-{n}"), at=at)
            follow_everything()

    def has_points(self, what, who, number, n, at, amount, *more):
        if what == "earns":
            [lasts] = more
            until = None if lasts is None else (at + lasts * DAY).date()
            done = points.award(customer=number, amount=amount, expires_on=until, key=f"p{n}", at=at, by=MAREK)
            self.awards[who].append(done.of("award").id)
        elif what in ("spends", "keeps"):
            shares = self.took.get(n, {}) if self.is_told else {who: amount}
            for owner, share in shares.items():
                whose = self.numbers[owner]
                told = {"customer": whose, "amount": share, "key": f"p{n}-{owner}", "at": at, "by": MAREK}
                with suppress(points.NotEnoughPoints), transaction.atomic():
                    if what == "keeps":
                        points.hold(**told, lasts=None if more[0] is None else more[0] * DAY)
                        entry = points.statement(customer=whose, limit=1).items[0].id
                    else:
                        entry = points.redeem(**told).of("redeem").id
                        self.spends.append((n, entry))
                    if not self.is_told:
                        self.took[n] = self.bore(entry)
        elif what == "loses" and self.awards[who]:
            with suppress(points.NothingToReverse), transaction.atomic():
                mine = self.awards[who]
                points.reverse(entry=mine[more[0] % len(mine)], amount=amount, key=f"p{n}", at=at, by=MAREK)
        elif what == "gets back" and self.spends:
            which = sorted({spend for spend, _entry in self.spends})
            for spend, entry in self.spends:
                if spend == which[amount % len(which)]:
                    with suppress(points.NothingToReverse), transaction.atomic():
                        points.reverse(entry=entry, key=f"p{n}-{entry}", at=at, by=MAREK)

    def bore(self, entry):
        """Whose points an entry took, and how many."""
        called, shares = {number: name for name, number in self.numbers.items()}, Counter()
        for moved in points.explain(entry=entry).moved:
            shares[called[moved.record]] += moved.amount
        return dict(shares)

    days = 0

    def orders_told_for(self, who):
        person = persons.of(self.numbers[who])
        found = orders.of_customer(person, limit=200)
        return [one for one in found if self.told_for.get(one.ref) == who]

    def live(self, acts):
        self.told_for = {}
        fact = count(1)
        for act in acts:
            if act[0] in ("joined", "apart", "proves"):
                self.joins(*act)
                continue
            n = next(fact)
            self.told_for[f"o{n}"] = act[1]
            self.days += 1
            self.does(*act)

    def joins(self, what, who, other):
        n, at = next(self._key), MONDAY + self.days * DAY
        if what == "proves":
            changed = Observation(self.numbers[who], "phone", "", other, "platform", "portal", at, f"l{n}")
            identity.observe(observation=changed, by=MAREK)
        elif who != other:
            one, two = self.numbers[who], self.numbers[other]
            self._pairs.add((one, two))
            if what == "apart":
                identity.keep_apart(one=one, other=two, why=Reason.FAMILY, key=f"k{n}", at=at, by=MAREK)
                return
            # Refused where they were kept apart before: nobody is joined, and the story goes on.
            with suppress(identity.KeptApart), transaction.atomic():
                identity.join(one=one, other=two, why=Reason.ASKED, key=f"k{n}", at=at, by=MAREK)

    def parts_all(self):
        at = MONDAY + (self.days + 1) * DAY
        for link in identity.links_of(list(self.numbers.values())):
            identity.revoke(link=link.id, why=Reason.MISTAKE, key=f"u{link.id}", at=at, by=MAREK)
        for one, two in sorted(self._pairs):
            identity.undecide(one=one, other=two, why=Reason.MISTAKE, key=f"u{one}-{two}", at=at, by=MAREK)

    def _lives_with(self, number):
        home = households.of(number)
        if home is None:
            return None
        [name] = [name for name, public_id in self.homes.items() if public_id == home.public_id]
        return name, len(home.members), list(home.members.values())

    def seen(self):
        """Everything that anybody can see of the three, by names and references."""
        at = MONDAY + (self.days + 2) * DAY
        called = {number: name for name, number in self.numbers.items()}
        browsed = events.summaries(list(self.numbers.values()))
        return {
            who: (
                [
                    (
                        one.ref,
                        one.total_minor,
                        one.cancelled_at,
                        [(line.number, line.returned_quantity) for line in one.lines],
                    )
                    for one in orders.of_customer(number, limit=200)
                ],
                [
                    (one.ref, one.matched_minor, [line.matched_quantity for line in one.lines])
                    for one in goods_returns.of_customer(number, limit=200)
                ],
                consent.may_send(customer=number, purpose="marketing", channel="email", at=at).code,
                profiles.masked([number])[number],
                # Each world has a source with a number of its own.
                replace(browsed[number], last_source=0) if number in browsed else None,
                [(one.name, one.occurred_at) for one in events.of_customer(number, limit=50)],
                [tag.code for tag in tags.of_many([number]).get(number, [])],
                replace(preferences.of(customer=number, at=at), rows={}),
                self._lives_with(number),
                [(one.kind, called.get(one.one), called.get(one.other)) for one in reviews.of_records([number])],
                customers.get(number).first_seen_at,
                persons.records_of(number) == (number,),
                points.balance(customer=number, at=at),
                [(called[record], *lot) for record, *lot in lots_of(number, at=at)],
            )
            for who, number in self.numbers.items()
        }


def outcome(acts, *, parted, took=None):
    """What is seen in the end, and who bore which spends."""
    seen = None
    try:
        with transaction.atomic():
            world = World(took)
            world.live(acts)
            if parted:
                world.parts_all()
            seen = world.seen()
            raise Rollback
    except Rollback:
        return seen, world.took


@pytest.mark.slow
@settings(max_examples=often(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.one_of(FACTS, POINTS, JOINING), min_size=4, max_size=16))
@example([("joined", "anna", "bo"), ("tells", "bo", "Lisa")])
@example(
    [
        ("looks", "anna", "Chess", "tablet"),
        ("joined", "anna", "bo"),
        ("looks", "bo", "Monopoly", "tablet"),
        ("joined", "bo", "chen"),
        ("looks", "chen", "Chess", "tablet"),
        ("looks", "bo", "Chess", "laptop"),
    ]
)
@example([("joined", "bo", "chen"), ("tells", "chen", "Lisa"), ("joined", "anna", "bo"), ("apart", "bo", "chen")])
@example(
    [
        ("moves to", "anna", "dora's"),
        ("moves to", "bo", "emil's"),
        ("joined", "anna", "bo"),
        ("wishes", "bo", 2),
        ("is tagged", "anna", "vip"),
        ("moves to", "bo", "dora's"),
        ("is untagged", "bo", "vip"),
        ("joined", "bo", "chen"),
        ("moves out", "chen"),
        ("wishes", "anna", 3),
    ]
)
@example(
    [
        ("earns", "anna", 40, 3),
        ("earns", "bo", 50, None),
        ("spends", "bo", 20),
        ("joined", "anna", "bo"),
        ("earns", "chen", 9, 1),
        ("joined", "bo", "chen"),
        ("spends", "anna", 47),
        ("keeps", "bo", 30, 2),
        ("loses", "bo", None, 0),
        ("earns", "bo", 8, None),
        ("loses", "anna", 7, 0),
        ("gets back", "chen", 1),
        ("keeps", "chen", 2, None),
        ("moves out", "bo"),
    ]
)
def test_parted_again_nothing_is_left_of_having_been_joined(acts):
    parted, took = outcome(acts, parted=True)
    never, _ = outcome([act for act in acts if act[0] not in ("joined", "apart", "proves")], parted=False, took=took)
    assert parted == never


def test_together_they_are_one_customer_and_their_returns_find_each_others_purchases():
    world = World()
    world.live(
        [
            ("buys", "anna", "coat", 2),
            ("brings back", "bo", "coat", 1),
            ("buys", "bo", "tea", 1),
            ("joined", "anna", "bo"),
            ("buys", "bo", "tea", 3),
            ("agrees", "anna", True),
            ("agrees", "bo", False),
        ]
    )
    anna, bo = world.numbers["anna"], world.numbers["bo"]
    assert [one.ref for one in orders.of_customer(anna)] == ["o4", "o3", "o1"]
    assert orders.of_customer(bo) == []
    [back] = goods_returns.of_customer(anna)
    assert back.matched_minor == 1000
    assert not consent.may_send(customer=bo, purpose="marketing", channel="email", at=MONDAY + 30 * DAY).is_allowed, (
        "the strictest of the two counts"
    )
