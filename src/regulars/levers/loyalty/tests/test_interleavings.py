"""Every pair of what can be done with points, in every order of their steps, ends as one after the other would."""

from collections import Counter
from itertools import combinations_with_replacement, count
from random import Random
from threading import Barrier, Thread

import pytest
from django.db import connection, connections, transaction

from regulars.facts.customers import identity
from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import checkups, currencies, earning, points
from regulars.levers.loyalty.currencies import CurrencyView
from regulars.levers.loyalty.rules.views import EventView
from regulars.levers.loyalty.tests.builders import MAREK, MONDAY, THE_SHOP, a_member, an_award, has, key
from regulars.levers.loyalty.tests.explored import OF_THE_LEDGER, Priya, a_shop
from regulars.levers.loyalty.tests.explored import STOPS as WHERE
from regulars.levers.loyalty.tests.interleaving import STOPS, in_between, orders, play
from regulars.levers.loyalty.tests.test_earning import a_programme
from tests.often import IS_WHOLE, LONGER

_number = count(1)
NAMES = ("award", "redeem", "hold", "capture", "release", "take back", "give back", "adjust", "told twice", "sweep")
PAIRS = list(combinations_with_replacement(NAMES, 2))
#: Those whose every order is tried each time; of the others one with `make slow`, every one with `make long`.
#: `make test` has a quarter of the others, in which each verb stands.
DANGEROUS = {("redeem", "redeem"), ("redeem", "take back")}
#: What came to the ledger since, against what it may meet.
AGAINST = {
    "pass on": (
        *("award", "award to both", "redeem", "hold", "capture", "release", "take back", "give back", "adjust"),
        *("sweep", "forgive", "extend", "mature", "reinstate", "heir spends", "pass on", "pass on to each other"),
        *("pass back", "join", "join heir", "part", "freeze", "thaw", "take", "cancel", "propose"),
    ),
    "pass on at rest": ("award to both", "thaw", "pass on to each other", "join heir", "join", "sweep", "redeem"),
    "pass back": ("heir spends", "take back", "pass back", "join heir", "join", "freeze", "thaw", "part"),
    "freeze": (
        *("award", "redeem", "hold", "capture", "sweep", "freeze", "join", "part", "take", "cancel", "award to both"),
    ),
    "thaw": ("redeem", "hold", "capture", "sweep", "thaw", "join", "part", "take", "cancel", "award to both"),
    "grant": ("take back earned", "return", "redeem", "join", "pass on", "freeze", "sweep"),
    "undo grant": ("take back earned", "return", "redeem", "join", "pass on", "pass back", "freeze", "capture"),
    "return": ("take back earned", "pass on", "pass back", "freeze", "join", "return"),
    "take": ("redeem", "take", "cancel", "join", "part"),
    "cancel": ("cancel", "redeem", "join", "part", "sweep", "pass back"),
    "pay": ("pay", "give up unpaid", "cancel", "sweep", "freeze"),
    "give up unpaid": ("give up unpaid", "join"),
}
LATER_PAIRS = [(one, other) for one, others in AGAINST.items() for other in others]
#: Of those, what `make test` tries: where one comes in between has been wrong once.
RISKY = {
    ("pass on", "take back"): (1, 0, 0, 0, 0, 1, 1, 1),
    ("pass on", "cancel"): (1, 1, 0, 0, 0, 0, 1, 1),
    ("pass on", "join heir"): (0, 1, 1, 1, 1, 0, 0, 0),
    ("pass on at rest", "award to both"): (0, 0, 1, 1, 1, 1, 0, 0),
    ("freeze", "sweep"): (1, 1, 0, 0, 0, 0, 1, 1),
    ("return", "take back earned"): (0, 0, 1, 1, 1, 1, 0, 0),
    ("return", "pass back"): (0, 0, 1, 1, 1, 1, 0, 0),
    ("undo grant", "freeze"): (0, 0, 1, 1, 1, 1, 0, 0),
}


def lived(pair, order, stops=(STOPS, STOPS)) -> tuple[object, ...]:
    """What the two answered, and how all stands in the end."""
    priya = Priya(pair)
    answers = play(order, [priya.verb(name) for name in pair], stops)
    return (*answers, priya.stands())


@pytest.mark.slow(shortened=True)
def test_pairs_end_as_if_one_had_come_after_the_other(fresh_database_of_module):
    for pair in PAIRS if IS_WHOLE else sorted({*PAIRS[::4], *DANGEROUS}):
        steps = 3
        every = list(orders(steps, steps))
        serial = {lived(pair, order) for order in (every[0], every[-1])}
        chosen = every if LONGER > 1 or pair in DANGEROUS else [Random(str(pair)).choice(every[1:-1])]
        for order in chosen:
            assert lived(pair, order) in serial, (pair, order)


@pytest.mark.slow(shortened=True)
def test_what_came_later_ends_so_with_all_it_may_meet(fresh_database_of_module):
    """In `make slow` who comes between any two steps of the other; every order in `make long`."""
    a_shop()
    for pair in LATER_PAIRS if IS_WHOLE else RISKY:
        stops = [WHERE.get(name, OF_THE_LEDGER) for name in pair]
        steps = [len(each) for each in stops]
        every = list(orders(*steps))
        serial = {lived(pair, order, stops) for order in (every[0], every[-1])}
        for order in every if LONGER > 1 else in_between(*steps) if IS_WHOLE else [RISKY[pair]]:
            assert lived(pair, order, stops) in serial, (pair, order)


@pytest.mark.slow(shortened=True)
def test_who_moves_two_kinds_of_somebodys_points_waits_for_nobody_in_a_circle(fresh_database_of_module):
    """As an order under two programmes does, with what listens to it, while the member spends or is a member anew."""
    currencies.ensure(currency=CurrencyView("beans"), at=MONDAY, by=MAREK)
    for has_points, has_beans in ((True, True), (True, False), (False, True), (False, False)):
        for order in orders(5, 3) if IS_WHOLE else [(0, 0, 0, 1, 1, 1, 0, 0), (1, 1, 0, 0, 0, 0, 0, 1)]:
            li = a_member(f"of-two-kinds-{next(_number)}", points=50 if has_points else 0)
            if has_beans:
                an_award(li, 5, currency="beans")
            answers = play(
                order,
                [lambda li=li: gives_both(li), lambda li=li: an_award(li, 7) and "given"],
                [("", OF_ACCOUNTS, "WITH part_0", OF_ACCOUNTS, "WITH part_0"), STOPS],
            )
            assert answers == ["given", "given"]
            assert has(li) == (0, 50 * has_points + 27, 0, 0)
            assert has(li, currency="beans") == (0, 5 * has_beans + 10, 0, 0)


def gives_both(number: int) -> str:
    with transaction.atomic():
        an_award(number, 10, currency="beans")
        an_award(number, 20)
    return "given"


OF_ACCOUNTS = STOPS[1]


def test_who_reads_then_checks_then_writes_is_caught(fresh_database):
    """The control: the same explorer finds what is wrong with the usual way."""
    broken = 0
    for order in orders(2, 2):
        number = a_member(f"bo-{next(_number)}", points=60)
        broken += play(order, [lambda n=number: spends_naively(n)] * 2, [NAIVE_STOPS] * 2) == ["spent", "spent"]
    assert broken == 4


NAIVE_STOPS = ("", "UPDATE loyalty_account SET available")


def spends_naively(number: int) -> str:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT available FROM loyalty_account WHERE customer_id = %s", [number])
        [(available,)] = cursor.fetchall()
        if available < 45:
            return "refused"
        cursor.execute("UPDATE loyalty_account SET available = %s WHERE customer_id = %s", [available - 45, number])
    return "spent"


def at_once(verbs) -> Counter:
    """How often each answer, or code of a refusal, was given when all are told at the same moment."""
    ready, answers = Barrier(len(verbs)), Counter()

    def tell(verb):
        try:
            ready.wait()
            answers[verb()] += 1
        except Refusal as refusal:
            answers[refusal.code] += 1
        finally:
            connections.close_all()

    threads = [Thread(target=tell, args=[verb]) for verb in verbs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_fifty_who_want_the_same_points_get_what_there_is_and_no_more(fresh_database_of_module):
    priya = a_member(points=100)

    def spend():
        return points.redeem(customer=priya, amount=9, key=key(), at=MONDAY, by=THE_SHOP).of("redeem").kind

    assert at_once([spend] * 50) == {"redeem": 11, "points.not_enough": 39}
    assert has(priya) == (0, 1, 0, 0)
    basket = points.hold(customer=a_member("bo", points=100), amount=100, key=key(), at=MONDAY, by=THE_SHOP)

    def capture():
        told = points.capture(hold=basket.id, amount=30, rest=False, key=key(), at=MONDAY, by=THE_SHOP)
        return told.of("capture").kind

    answers = at_once([capture] * 50)
    assert answers["capture"] == 3
    assert sum(answers.values()) == 50
    told = at_once([lambda: points.redeem(customer=priya, amount=1, key="once", at=MONDAY, by=THE_SHOP).entries] * 50)
    assert list(told.values()) == [50], "one answer for all"
    assert has(priya) == (0, 0, 0, 0)
    assert list(checkups.broken()) == []


def test_of_two_records_of_a_person_who_do_the_same_at_once_one_is_given_points(fresh_database_of_module):
    a_programme("{id: hi, kind: event, event: sign_up, points: 5}", code="hello")
    mia, lea = a_member("mia", points=1), a_member("lea", points=1)
    identity.join(one=mia, other=lea, why=identity.Reason.ASKED, key=key(), at=MONDAY, by=MAREK)
    signed_up = EventView("sign_up", MONDAY, MONDAY.date())

    def signs_up(who):
        told = {"customer": who, "event": signed_up, "programme": "hello"}
        return lambda: earning.award_for_event(**told, at=MONDAY, by=THE_SHOP).awards

    stops = ("", "INSERT INTO loyalty_earning", "INSERT INTO loyalty_act")
    answers = play((0, 0, 1, 1, 0, 1, 0, 1), [signs_up(mia), signs_up(lea)], [stops, stops])
    assert sorted(answers) == [0, 1]
    assert has(mia)[1] == 7
