"""A version that counts for the past: looked at, run, undone; returns before, between and after; and kills."""

import itertools
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from regulars.facts.commerce import orders
from regulars.facts.sources import api_keys
from regulars.kit.actors import SHELL, Actor
from regulars.levers.loyalty import checkups, commands, earning, points, programmes, regrants
from regulars.levers.loyalty.models import Account, Counter, Earning, Entry, Lot, Posting, Regrant, RegrantOrder
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, has, said
from regulars.levers.loyalty.tests.test_earning import SPEND, a_programme, an_order, buyer, comes_back, settles
from tests.often import a_few

pytestmark = pytest.mark.django_db
ANA = Actor("operator", "8")
DOUBLE = "{id: spend, kind: spend, points: 2, per: 2}"
LATER = MONDAY + 30 * DAY
IN_MARCH = {"since": date(2026, 3, 1), "until": date(2026, 3, 10)}


@pytest.fixture(autouse=True)
def the_books_agree_after_each():
    yield
    assert not list(checkups.broken())


def asked(version=2, *, by=MAREK, at=LATER, **more):
    found = regrants.ask(programme="tried", version=version, at=at, by=by, **IN_MARCH, **more)
    return regrants.go_on(batch=found.id, at=at)


def run(version=2, *, at=LATER, **more):
    batch = asked(version, at=at, **more).id
    regrants.approve(batch=batch, at=at, by=ANA)
    return regrants.go_on(batch=batch, at=at)


def undone(batch, *, at=LATER):
    regrants.undo(batch=batch, at=at, by=ANA)
    return regrants.go_on(batch=batch, at=at)


def decision(order) -> tuple[object, ...]:
    row = Earning.objects.get(subject=f"order:{order}")
    return row.version_id, row.context, row.allowed, row.lines, row.why, row.missed, bytes(row.stamp)


def test_priya_is_given_what_the_new_version_gives_for_march_and_its_return_takes_as_much():
    """She bought a coat and a hat by the first version, and Li a scarf after those days."""
    a_programme(SPEND, above="pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 40}")
    coat, hat = an_order("1"), an_order("2", lines=(("hat", "1", "20.00"),), at=MONDAY + DAY)
    scarf = an_order("3", customer="li", at=MONDAY + 20 * DAY)
    for order in (coat, hat, scarf):
        settles(order, at=LATER)
    a_programme(DOUBLE, above="pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 40}", from_at=LATER)
    priya = buyer(coat)
    rows = (Entry, Posting, Lot, Earning, Counter, Regrant, RegrantOrder)
    before = [model.objects.count() for model in rows]
    seen = regrants.preview(programme="tried", version=2, at=LATER, **IN_MARCH)
    assert (seen.orders, seen.customers, seen.given, seen.taken, seen.fewer) == (2, 1, 50, 0, 0)
    assert seen.members == [(priya, 50)]
    assert [model.objects.count() for model in rows] == before

    ready = asked()
    assert (ready.state, ready.orders, ready.given, ready.members) == ("ready", 2, 50, [(priya, 50)])
    assert asked().id == ready.id
    assert has(priya, at=LATER) == (0, 50, 0, 0)
    regrants.approve(batch=ready.id, at=LATER, by=ANA)
    done = regrants.go_on(batch=ready.id, at=LATER)
    assert (done.state, done.orders_done, done.given_done) == ("done", 2, 50)
    assert has(priya, at=LATER) == (0, 100, 0, 0)
    assert has(buyer(scarf), at=LATER) == (0, 40, 0, 0)
    assert said(priya)[-2:] == [f"award: rules that were changed for the past (batch {ready.id})"] * 2
    assert {tuple(one.arguments.items()) for one in Entry.objects.filter(reason="regranted")} == {
        (("batch", ready.id),)
    }
    # What came of it lasts as if it was earned today: of the days it was bought on it would be nearly over.
    ends = Lot.objects.filter(rule_version=2).values_list("expires_on", flat=True)
    assert set(ends) == {(LATER + 40 * DAY).date()}
    assert regrants.preview(programme="tried", version=2, at=LATER, **IN_MARCH).orders == 0
    regrants.go_on(batch=ready.id, at=LATER)
    assert has(priya, at=LATER) == (0, 100, 0, 0)

    comes_back(coat, ["1"], key="r1", at=LATER)
    settles(coat, at=LATER)
    assert has(priya, at=LATER) == (0, 20, 0, 0)
    back = undone(ready.id)
    assert (back.state, back.orders_done) == ("undone", 0)
    assert has(priya, at=LATER) == (0, 10, 0, 0)
    assert said(priya)[-1] == f"reverse: rules that were changed for the past are taken back (batch {ready.id})"
    comes_back(hat, ["1"], key="r2", at=LATER)
    settles(hat, at=LATER)
    assert has(priya, at=LATER) == (0, 0, 0, 0)


def test_run_and_undone_every_decision_balance_and_cap_is_as_before():
    cap = "pending: {until: placed, days: 0}\ncaps: [{per: member, period: month, most: 60}]"
    first = "{id: first, kind: first_order, points: 15}"
    a_programme(SPEND, first, above=cap)
    told = [an_order(str(n), at=MONDAY + n * DAY, lines=(("hat", "1", "30.00"),)) for n in range(4)]
    for order in told:
        settles(order, at=LATER)
    a_programme(DOUBLE, "{id: each, kind: item, points: 3}", above=cap.replace("60", "100"), from_at=LATER)

    def standing():
        return (
            has(buyer(told[0]), at=LATER),
            [decision(order) for order in told],
            sorted(Counter.objects.exclude(used=0).values_list("rule", "period", "used")),
        )

    before = standing()
    assert before[0] == (0, 60, 0, 0)
    # 30 and 3 each, 100 at most: the first has 30 as it was, of which the first order's were 15.
    batch = run()
    assert (batch.given_done, has(buyer(told[0]), at=LATER)) == (40, (0, 100, 0, 0))
    undone(batch.id)
    assert standing() == before
    assert undone(batch.id).state == "undone"
    again = run()
    assert (again.id > batch.id, again.given_done) == (True, 40)


# A return of one hat and of the others, the batch and its end, in every order that can be.
WAYS = [way for way in itertools.permutations("abru") if way.index("r") < way.index("u")]


@pytest.mark.parametrize("way", a_few(3, WAYS), ids="".join)
def test_whatever_comes_back_before_within_or_after_a_batch_ends_as_without_it(way):
    ends = []
    for customer, steps in (("li", [one for one in way if one in "ab"]), ("amira", list(way))):
        code = f"tried_{customer}"
        a_programme("{id: spend, kind: spend, points: 3, per: '0.70'}", code=code)
        order = an_order(customer, customer=customer, lines=(("hat", "3", "10.01"), ("sock", "1", "1.99")))
        settles(order)
        a_programme("{id: spend, kind: spend, points: 5, per: '0.70'}", code=code, from_at=FRIDAY)
        batch = None
        for step in steps:
            if step in "ab":
                comes_back(order, ["1", "0"] if step == "a" else ["1", "1"], key=f"{customer}{step}", at=LATER)
                settles(order, at=LATER)
            elif step == "r":
                batch = regrants.ask(programme=code, version=2, at=LATER, by=MAREK, **IN_MARCH).id
                regrants.go_on(batch=batch, at=LATER)
                regrants.approve(batch=batch, at=LATER, by=ANA)
                assert regrants.go_on(batch=batch, at=LATER).orders_done == 1
            else:
                regrants.undo(batch=batch, at=LATER, by=ANA)
                regrants.go_on(batch=batch, at=LATER)
        row = Earning.objects.get(subject=f"order:{order}", programme__code=code)
        mine = Lot.objects.filter(earning=row)
        ends.append((row.lines, row.context["member"] == str(buyer(order)), sum(one.available for one in mine)))
        programmes.end(programme=code, at=LATER, by=MAREK)
    assert ends[0] == ends[1]


def test_it_only_gives_unless_it_is_asked_to_take_and_where_a_law_is_kept_it_never_takes():
    a_programme(SPEND)
    coat = an_order()
    settles(coat)
    priya = buyer(coat)
    a_programme("{id: spend, kind: spend, points: 1, per: 4}", from_at=LATER)
    seen = regrants.preview(programme="tried", version=2, at=LATER, **IN_MARCH)
    assert (seen.orders, seen.fewer) == (0, 1)
    kept = asked()
    with pytest.raises(regrants.NothingToGive):
        regrants.approve(batch=kept.id, at=LATER, by=ANA)
    took = run(takes_back=True)
    assert regrants.get(kept.id).state == "dropped"
    assert (took.taken_done, has(priya, at=LATER)) == (20, (0, 20, 0, 0))
    undone(took.id)
    assert has(priya, at=LATER) == (0, 40, 0, 0)
    kind = "pending: {until: placed, days: 0}\nexpiry: {kind: rolling, months: 12}\nnotice_days: [30]\npolicies: china"
    a_programme("{id: spend, kind: spend, points: 1, per: 4}", above=kind, from_at=LATER)
    with pytest.raises(regrants.TakesFromMembers):
        asked(3, takes_back=True)


def test_above_the_limit_somebody_else_approves_it_and_what_cannot_be_brought_over_is_refused():
    limit = "pending: {until: placed, days: 0}\napproval_above: 10"
    a_programme(SPEND, above=limit)
    settles(an_order())
    a_programme(DOUBLE, above=limit, from_at=LATER)
    batch = asked()
    assert batch.needs_another
    with pytest.raises(programmes.NeedsAnother):
        regrants.approve(batch=batch.id, at=LATER, by=MAREK)
    assert regrants.approve(batch=batch.id, at=LATER, by=SHELL, why="agreed on Monday").state == "running"
    with pytest.raises(regrants.UnderWay):
        regrants.ask(programme="tried", version=2, at=LATER, by=MAREK, since=date(2026, 1, 1), until=date(2026, 2, 1))
    assert asked().state == "done"
    assert regrants.set_aside(batch=batch.id, at=LATER, by=MAREK).state == "done"
    with pytest.raises(regrants.BadDays):
        regrants.ask(programme="tried", version=2, at=FRIDAY, by=MAREK, since=date(2026, 3, 1), until=date(2026, 3, 9))
    for rule in ("{id: d, kind: donation, percent: 1, cause: trees}", "{id: n, kind: nth_order, every: 2, points: 5}"):
        a_programme(SPEND, rule, above=limit, from_at=LATER)
        with pytest.raises(regrants.Unlike):
            asked(programmes.latest("tried").number)
    with pytest.raises(regrants.UnknownRegrant):
        regrants.get(batch.id + 1)


def test_a_large_sum_is_not_given_in_days_by_who_asked_for_it_or_by_their_programs():
    limit = "pending: {until: placed, days: 0}\napproval_above: 50"
    a_programme(SPEND, above=limit)
    for day in range(4):
        settles(an_order(str(day), at=MONDAY + day * DAY))
    a_programme(DOUBLE, above=limit, from_at=LATER)
    mine, nobodys = (
        api_keys.make(name=name, may=["points.manage"], at=MONDAY, by=by).key.actor
        for name, by in (("marek", MAREK), ("nobody", SHELL))
    )

    def of_day(day, by, at=LATER):
        on = (MONDAY + day * DAY).date()
        asked_for = regrants.ask(programme="tried", version=2, since=on, until=on + DAY, at=at, by=by)
        return regrants.go_on(batch=asked_for.id, at=at)

    first = of_day(0, MAREK)
    assert (first.given, first.needs_another) == (40, False)
    regrants.approve(batch=first.id, at=LATER, by=MAREK)
    regrants.go_on(batch=first.id, at=LATER)
    for by in (MAREK, mine):
        second = of_day(1, by)
        assert second.needs_another
        for one in (MAREK, mine, nobodys):
            with pytest.raises(programmes.NeedsAnother):
                regrants.approve(batch=second.id, at=LATER, by=one)
        regrants.set_aside(batch=second.id, at=LATER, by=by)
    # What another approved counts for nobody, what is longer ago than a year neither.
    second = of_day(1, MAREK)
    regrants.approve(batch=second.id, at=LATER, by=ANA)
    regrants.go_on(batch=second.id, at=LATER)
    third = of_day(2, ANA)
    assert not third.needs_another
    regrants.approve(batch=third.id, at=LATER, by=ANA)
    regrants.go_on(batch=third.id, at=LATER)
    fourth = of_day(3, MAREK)
    assert fourth.needs_another
    regrants.set_aside(batch=fourth.id, at=LATER, by=MAREK)
    assert not of_day(3, MAREK, at=LATER + 366 * DAY).needs_another


def test_a_batch_on_a_batch_is_undone_first_and_a_decision_becomes_another_versions_in_no_other_way():
    a_programme(SPEND)
    coat = an_order()
    settles(coat)
    a_programme(DOUBLE, from_at=LATER)
    a_programme("{id: spend, kind: spend, points: 3, per: 2}", from_at=LATER)
    one, two = run(2), run(3)
    assert has(buyer(coat), at=LATER) == (0, 120, 0, 0)
    with pytest.raises(regrants.LaterFirst):
        regrants.undo(batch=one.id, at=LATER, by=ANA)
    undone(two.id)
    undone(one.id)
    assert has(buyer(coat), at=LATER) == (0, 40, 0, 0)
    hat = an_order("2")
    settles(hat)
    with pytest.raises(DatabaseError, match="keeps its version"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE loyalty_earning SET version_id = version_id + 1 WHERE subject = %s", [f"order:{hat}"])


def test_killed_between_lots_and_within_one_it_goes_on_and_gives_nothing_twice(monkeypatch):
    a_programme(SPEND)
    told = [an_order(str(n), customer=f"c{n}", lines=(("hat", "1", "20.00"),)) for n in range(5)]
    for order in told:
        settles(order)
    a_programme(DOUBLE, from_at=LATER)
    batch = asked().id
    regrants.approve(batch=batch, at=LATER, by=ANA)
    with CaptureQueriesContext(connection) as asked_of:
        assert regrants.go_on(batch=batch, at=LATER, size=1, most=2).orders_done == 2
    # Once, for the answer: of a large batch the lots would ask for all its orders a thousand times.
    assert sum("count(DISTINCT" in one["sql"] for one in asked_of) == 1

    def breaks(*_told, **_more):
        raise OSError("gone")

    with monkeypatch.context() as broken:
        broken.setattr(regrants.regranting, "turn", breaks)
        with pytest.raises(OSError, match="gone"):
            regrants.go_on(batch=batch, at=LATER, size=2)
    assert regrants.get(batch).orders_done == 2
    # One of the others comes back meanwhile, and one is called off before anybody heard of it.
    comes_back(told[3], ["1"], key="r", at=LATER)
    settles(told[3], at=LATER)
    orders.cancel(order=told[4], at=LATER, by=MAREK)
    regrants.take_up(at=LATER)
    done = regrants.get(batch)
    assert (done.state, done.orders_done, done.orders_left, done.given_done) == ("done", 3, 2, 30)
    assert [has(buyer(order), at=LATER)[1] for order in told] == [20, 20, 20, 0, 0]
    regrants.undo(batch=batch, at=LATER, by=ANA)
    regrants.go_on(batch=batch, at=LATER, size=2, most=1)
    regrants.take_up(at=LATER)
    assert [has(buyer(order), at=LATER)[1] for order in told] == [10, 10, 10, 0, 0]


def test_it_waits_for_whose_points_are_frozen_and_what_was_spent_of_it_is_owed_once_it_is_undone():
    a_programme(SPEND)
    coat = an_order()
    settles(coat)
    priya = buyer(coat)
    a_programme(DOUBLE, from_at=LATER)
    Account.objects.filter(customer_id=priya).update(frozen_at=LATER, frozen_why="L2")
    batch = run()
    assert (batch.state, batch.orders_done, batch.orders_waiting) == ("done", 0, 1)
    Account.objects.filter(customer_id=priya).update(frozen_at=None, frozen_why="")
    regrants.take_up(at=LATER)
    points.redeem(customer=priya, amount=70, key="mug", at=LATER, by=THE_SHOP)
    undone(batch.id)
    assert has(priya, at=LATER) == (0, 0, 0, 30)
    assert earning.award_for_order(order=coat, at=LATER + timedelta(hours=1), by=THE_SHOP).decided == 0


def test_who_is_frozen_keeps_no_batch_from_another_and_has_them_all_in_their_order_once_it_is_over():
    a_programme(SPEND)
    coat, hat = an_order(), an_order("2", customer="li")
    for order in (coat, hat):
        settles(order)
    priya, li = buyer(coat), buyer(hat)
    a_programme(DOUBLE, from_at=LATER)
    a_programme("{id: spend, kind: spend, points: 3, per: 2}", from_at=LATER)

    def freezes(who, at=LATER):
        Account.objects.filter(customer_id=who).update(frozen_at=at, frozen_why="L2" if at else "")

    def stand(*batches):
        return [(one.state, one.orders_done, one.orders_waiting) for one in map(regrants.get, batches)]

    freezes(priya)
    two, three = run(2).id, run(3).id
    assert stand(two, three) == [("done", 1, 1), ("done", 1, 1)]
    regrants.take_up(at=LATER)
    freezes(priya, at=None)
    # Whoever is asked first, the later one waits for the earlier one.
    regrants.go_on(batch=three, at=LATER)
    assert stand(two, three) == [("done", 1, 1), ("done", 1, 1)]
    regrants.take_up(at=LATER)
    regrants.take_up(at=LATER)
    assert stand(two, three) == [("done", 2, 0), ("done", 2, 0)]
    assert [has(who, at=LATER) for who in (priya, li)] == [(0, 120, 0, 0)] * 2
    assert [one.partition("batch ")[2] for one in said(priya)] == ["", f"{two})", f"{three})"]

    freezes(li)
    undone(three)
    assert stand(three) == [("undone", 1, 1)]
    undone(two)
    freezes(li, at=None)
    regrants.go_on(batch=two, at=LATER)
    assert stand(two, three) == [("undone", 1, 1), ("undone", 1, 1)]
    regrants.take_up(at=LATER)
    regrants.take_up(at=LATER)
    assert stand(two, three) == [("undone", 0, 0), ("undone", 0, 0)]
    assert [has(who, at=LATER) for who in (priya, li)] == [(0, 40, 0, 0)] * 2


def test_at_the_command_line_it_is_looked_at_run_and_undone():
    def says(*words):
        done = CliRunner().invoke(commands.programme, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    a_programme(SPEND)
    coat = an_order()
    settles(coat)
    a_programme(DOUBLE, from_at=LATER)
    what = ("regrant", "tried", "--version", "2", "--from", "2026-03-01", "--until", "2026-03-10")
    seen = says(*what)
    assert "Orders: 1 of 1 customers. Points given: 40, taken: 0." in seen
    assert f"customer {buyer(coat)}: +40" in seen
    assert "Nothing is written." in seen
    assert says("regrants", "tried") == "There is none.\n"
    assert CliRunner().invoke(commands.programme, [*what, "--yes"]).exit_code == 2
    assert "done.\n  standing: 1 orders, points given 40" in says(*what, "--yes", "--why", "agreed")
    [batch] = regrants.of_programme("tried")
    assert "undone.\n  standing: 0 orders" in says("regrant-undo", str(batch.id), "--why", "a mistake")
    assert '"state": "undone"' in says("regrants", "tried", "--json")
