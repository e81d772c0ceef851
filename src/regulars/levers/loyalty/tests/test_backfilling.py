"""The past posted by customers, side by side, and beside somebody who decides the same."""

import pytest
from django.db import IntegrityError, connection, transaction

from regulars.facts.commerce.kept import EVERYBODY
from regulars.kit.actors import SHELL
from regulars.levers.loyalty import backfilling, checkups, commands, earning, freezing, programmes
from regulars.levers.loyalty.earning import Posted
from regulars.levers.loyalty.models import Earning, Entry
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, has, key, said
from regulars.levers.loyalty.tests.test_earning import LATER, SPEND, a_programme, an_order, buyer, comes_back, settles

WELCOME = "{id: welcome, kind: first_order, points: 50}"
OF_A_YEAR = "pending: {until: placed, days: 3}\nexpiry: {kind: rolling, months: 1}"


def a_past(people=3, orders=12, *, of="") -> list[int]:
    """Orders of each in turn, the latest told first."""
    return [
        an_order(f"{of}{n}", customer=f"{of}c{n % people}", at=MONDAY - n * DAY, origin="history")
        for n in range(orders)
    ]


def posts(**more) -> Posted:
    return sum(earning.backfill(programme="tried", at=LATER, by=SHELL, **more), Posted())


def books() -> list[tuple[object, ...]]:
    """Every lot and every entry, without the numbers that depend on who was posted first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lot.subject, lot.rule, lot.original, lot.matures_at, lot.expires_at, lot.lapsed, lot.taken_back,"
            " entry.reason, entry.arguments::text FROM loyalty_lot AS lot"
            " JOIN loyalty_entry AS entry ON entry.id = lot.origin_entry_id ORDER BY 1, 2, 3"
        )
        return cursor.fetchall()


@pytest.mark.django_db
def test_pages_of_any_size_and_customers_in_any_order_come_to_the_same():
    bought = a_past()
    comes_back(bought[4], ["1"], key="r", at=FRIDAY)
    a_programme(SPEND, WELCOME, from_at=FRIDAY, above=OF_A_YEAR)
    ends = []
    some = sorted(map(buyer, bought[:3]))
    stretches = [(some[1], EVERYBODY[1]), (0, some[0]), (some[0], some[1])]
    for ways in ([{}], [{"size": 1}], [{"size": 5}], [{"within": those, "size": 2} for those in stretches]):
        before = transaction.savepoint()
        done = sum((posts(**way) for way in ways), Posted())
        ends.append((done, books()))
        assert not list(checkups.broken())
        assert posts() == Posted()
        transaction.savepoint_rollback(before)
    assert all(end == ends[0] for end in ends)
    assert ends[0][0].awards == 12 + 3


@pytest.mark.django_db
def test_the_past_stands_in_the_ledger_in_the_order_in_which_it_came_to_be():
    bought = a_past(people=1, orders=3)
    a_programme(SPEND, from_at=FRIDAY, above="pending: {until: placed, days: 0}\nexpiry: {kind: rolling, days: 1}")
    posts()
    assert said(buyer(bought[0])) == [
        "award: 80.00 GBP spent, 1 for each 2.00 GBP",
        "award: 80.00 GBP spent, 1 for each 2.00 GBP",
        "expire: not spent before they expired",
        "award: 80.00 GBP spent, 1 for each 2.00 GBP",
        "expire: not spent before they expired",
        "expire: not spent before they expired",
    ]
    moments = list(Entry.objects.order_by("sequence").values_list("effective_at", flat=True))
    assert moments == sorted(moments)


@pytest.mark.django_db
def test_where_a_cap_is_everyones_who_bought_first_has_it_and_one_process_does_it():
    bought = a_past(people=3, orders=3)
    cap = "{id: spend, kind: spend, points: 1, per: 2, caps: [{per: everyone, period: ever, most: 60}]}"
    a_programme(cap, from_at=FRIDAY)
    done = backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2)
    assert done.awarded == 60
    assert [has(buyer(order), at=LATER)[1] for order in bought] == [0, 20, 40]


@pytest.mark.django_db
@pytest.mark.parametrize("cap", ["", ", caps: [{per: everyone, period: ever, most: 1000}]"])
@pytest.mark.parametrize("way", [{}, {"size": 1}, {"since": MONDAY - 30 * DAY, "size": 5}])
def test_orders_of_who_is_frozen_are_left_out_and_posted_when_it_is_done_again(way, cap):
    bought = a_past()
    a_programme(SPEND.replace("}", cap + "}"), from_at=FRIDAY)
    people = [buyer(order) for order in bought[:3]]
    freezing.freeze(customer=people[1], why="dispute", key=key(), at=FRIDAY, by=MAREK)
    done = posts(**way)
    assert (done.awards, done.waiting) == (8, 4)
    assert [has(who, at=LATER)[1] for who in people] == [160, 0, 160]
    assert posts(**way) == Posted(waiting=4)
    freezing.thaw(customer=people[1], key=key(), at=LATER, by=MAREK)
    assert (posts(**way).awards, posts(**way)) == (4, Posted())
    assert [has(who, at=LATER)[1] for who in people] == [160] * 3
    assert not list(checkups.broken())


@pytest.mark.django_db
def test_who_lost_an_order_while_frozen_keeps_the_page_from_nobody():
    """It is taken back first from whom it was told for, who is frozen: neither has it until then."""
    bought = a_past(people=2, orders=4)
    a_programme(SPEND, from_at=MONDAY - 30 * DAY)
    settles(bought[1], at=FRIDAY)
    li, bo = buyer(bought[1]), an_order("other", customer="bo", at=MONDAY, origin="history")
    freezing.freeze(customer=li, why="dispute", key=key(), at=FRIDAY, by=MAREK)
    an_order("1", customer="bo", at=MONDAY - DAY, origin="history", source_updated_at=FRIDAY)
    assert buyer(bought[1]) == buyer(bo)
    assert posts().waiting == 2
    assert (has(buyer(bo), at=LATER)[1], has(buyer(bought[0]), at=LATER)[1]) == (40, 80)
    freezing.thaw(customer=li, key=key(), at=LATER, by=MAREK)
    assert posts().waiting == 0
    assert (has(buyer(bo), at=LATER)[1], has(li, at=LATER)[1]) == (80, 40)


@pytest.mark.django_db
def test_what_is_told_meanwhile_of_who_is_frozen_is_left_to_who_listens(capsys):
    bought = a_past(people=2, orders=4)
    a_programme(SPEND, from_at=MONDAY - 30 * DAY)
    freezing.freeze(customer=buyer(bought[1]), why="dispute", key=key(), at=FRIDAY, by=MAREK)

    def told(_done):
        for customer in ("c0", "c1"):
            an_order(f"live-{customer}", customer=customer, at=FRIDAY)

    done = backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=1, progress=told)
    assert (done.awards, done.waiting) == (3, 2)
    assert has(buyer(bought[0]), at=LATER)[1] == 120
    commands.backfill.main(["tried", "--processes", "1"], standalone_mode=False)
    assert "left out: 3, of members whose points are frozen" in capsys.readouterr().out


@pytest.mark.django_db
def test_beside_somebody_who_decides_the_same_it_is_done_again_with_claims_first(monkeypatch):
    bought = a_past(people=2, orders=4)
    a_programme(SPEND, from_at=MONDAY - 30 * DAY)
    settles(bought[1], at=FRIDAY)
    # As if what was posted just now had been looked for a moment before.
    monkeypatch.setattr(earning, "rows_of", lambda subjects, programme: [])
    done = posts()
    assert (done.decided, done.awards) == (3, 3)
    assert Earning.objects.count() == 4
    assert not list(checkups.broken())


def test_processes_side_by_side_post_all_of_it_once(fresh_database, monkeypatch):
    monkeypatch.setattr(backfilling, "_FEWEST", 3)
    bought = a_past(people=7, orders=40)
    a_programme(SPEND, WELCOME, from_at=FRIDAY)
    told = []
    done = backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=3, progress=told.append)
    assert (done.decided, done.awards, done.awarded) == (40, 47, 40 * 40 + 7 * 50)
    assert told[-1] == 40
    assert backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2) == Posted()
    assert not list(checkups.broken())
    assert has(buyer(bought[0]), at=LATER)[1] == 6 * 40 + 50


def test_where_a_process_breaks_off_it_is_said_and_again_goes_on_where_something_is_missing(
    fresh_database, monkeypatch, capfd
):
    monkeypatch.setattr(backfilling, "_FEWEST", 1)
    a_past(people=4, orders=8)
    a_programme(SPEND, from_at=FRIDAY)
    whole = earning.backfill

    def only_the_first(**told):
        return whole(**told) if told["within"][0] == 0 else iter([1 / 0])

    with monkeypatch.context() as broken:
        broken.setattr(earning, "backfill", only_the_first)
        with pytest.raises(backfilling.BrokenOff, match="begin it again"):
            backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2)
    assert "ZeroDivisionError" in capfd.readouterr().err
    assert 0 < Earning.objects.count() < 8
    backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=2)
    assert Earning.objects.count() == 8


@pytest.mark.django_db
def test_a_programme_that_is_not_active_is_refused():
    with pytest.raises(programmes.NotActive):
        backfilling.all_of_it(programme="tried", at=LATER, by=SHELL, processes=1)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "told",
    [
        "INSERT INTO loyalty_earning (subject, programme_id, version_id, record_id, effective_at, decided_at)"
        " SELECT 'order:0', programme_id, 0, record_id, effective_at, decided_at FROM loyalty_earning",
        "INSERT INTO loyalty_earning (subject, programme_id, version_id, record_id, effective_at, decided_at)"
        " SELECT 'order:0', 0, version_id, record_id, effective_at, decided_at FROM loyalty_earning",
        "INSERT INTO loyalty_earning (subject, programme_id, version_id, record_id, effective_at, decided_at)"
        " SELECT 'order:0', programme_id, version_id, 0, effective_at, decided_at FROM loyalty_earning",
        "UPDATE loyalty_earning SET version_id = 0",
        "UPDATE loyalty_earning SET subject = 'order:0'",
        "DELETE FROM loyalty_programme",
    ],
)
def test_what_was_decided_keeps_the_version_it_was_decided_by(told):
    a_past(people=1, orders=1)
    a_programme(SPEND, from_at=FRIDAY)
    posts()
    why = r"not there|keeps its version|is kept"
    with pytest.raises(IntegrityError, match=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(told)
