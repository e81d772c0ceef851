"""Every pair of what can be done with points, in every order of their steps, ends as one after the other would."""

from collections import Counter
from collections.abc import Callable
from datetime import date
from itertools import combinations_with_replacement, count
from random import Random
from threading import Barrier, Thread

import pytest
from django.db import connection, connections, transaction

from regulars.kit.refusals import Refusal
from regulars.levers.loyalty import checkups, points
from regulars.levers.loyalty._ledger import clockwork
from regulars.levers.loyalty.models import Account
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, an_award, has, key
from regulars.levers.loyalty.tests.interleaving import orders, play
from tests.often import IS_WHOLE, LONGER

_number = count(1)


class Priya:
    """Somebody with 100 points, 40 of which lapse before Friday; 15 of those are spent and 20 held."""

    def __init__(self):
        self.number = a_member(f"priya-{next(_number)}")
        self.coat = an_award(self.number, 60)
        self.tea = an_award(self.number, 40, expires_on=date(2026, 3, 3))
        self.spent = points.redeem(customer=self.number, amount=15, key=key(), at=MONDAY, by=THE_SHOP).entries[-1].id
        self.basket = points.hold(customer=self.number, amount=20, key=key(), at=MONDAY, by=THE_SHOP).id
        self.key = key()

    def tells(self, verb, **what):
        return lambda: len(verb(**{"key": key(), "by": MAREK, "at": FRIDAY, **what}).entries)

    def verbs(self) -> dict[str, Callable[[], object]]:
        mine = {"customer": self.number}
        hold = {"key": key(), "by": MAREK, "at": FRIDAY, "lasts": DAY}
        return {
            "award": self.tells(points.award, amount=30, **mine),
            "redeem": self.tells(points.redeem, amount=45, **mine),
            "hold": lambda: points.hold(amount=45, **mine, **hold).amount,
            "capture": self.tells(points.capture, hold=self.basket, amount=12),
            "release": self.tells(points.release, hold=self.basket),
            "take back": self.tells(points.reverse, entry=self.coat, amount=50),
            "give back": self.tells(points.reverse, entry=self.spent),
            "adjust": self.tells(points.adjust, amount=-45, **mine),
            "told twice": self.tells(points.redeem, amount=25, **mine, key=self.key),
            "sweep": lambda: sum(clockwork.book_due(at=FRIDAY, by=THE_SHOP).values()) and 0,
        }


NAMES = ("award", "redeem", "hold", "capture", "release", "take back", "give back", "adjust", "told twice", "sweep")
PAIRS = list(combinations_with_replacement(NAMES, 2))
#: Those whose every order is tried each time; of the others one with `make slow`, every one with `make long`.
#: `make test` has a quarter of the others, in which each verb stands.
DANGEROUS = {("redeem", "redeem"), ("redeem", "take back")}


def lived(pair, order) -> tuple[object, ...]:
    """What the two answered, and what Priya has in the end."""
    priya = Priya()
    answers = play(order, [priya.verbs()[name] for name in pair])
    account = Account.objects.get(customer_id=priya.number).id
    assert list(checkups.broken([account])) == [], order
    return (*answers, has(priya.number, at=FRIDAY))


@pytest.mark.slow(shortened=True)
def test_pairs_end_as_if_one_had_come_after_the_other(fresh_database_of_module):
    for pair in PAIRS if IS_WHOLE else sorted({*PAIRS[::4], *DANGEROUS}):
        steps = 3
        every = list(orders(steps, steps))
        serial = {lived(pair, order) for order in (every[0], every[-1])}
        chosen = every if LONGER > 1 or pair in DANGEROUS else [Random(str(pair)).choice(every[1:-1])]
        for order in chosen:
            assert lived(pair, order) in serial, (pair, order)


def test_who_reads_then_checks_then_writes_is_caught(fresh_database):
    """The control: the same explorer finds what is wrong with the usual way."""
    broken = 0
    for order in orders(2, 2):
        number = a_member(f"bo-{next(_number)}", points=60)
        broken += play(order, [lambda n=number: spends_naively(n)] * 2, NAIVE_STOPS) == ["spent", "spent"]
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
