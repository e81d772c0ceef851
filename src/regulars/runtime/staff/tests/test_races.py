"""Several at the same moment, each on a connection of their own."""

import threading

from django.db import connections

from regulars.runtime.staff import operators
from regulars.runtime.staff.models import Operator
from regulars.runtime.staff.tests.builders import MONDAY, PASSWORD, an_operator


def claim(token, email):
    return operators.claim_first(token=token, email=email, name="Lin", password=PASSWORD, at=MONDAY)


def at_once(*acts):
    """Runs each act in its own thread and connection, all let go together; what each returned or raised."""
    gate, outcomes = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number, act):
        gate.wait()
        try:
            outcomes[number] = act()
        except Exception as no:
            outcomes[number] = no
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n, act)) for n, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def test_of_eight_who_claim_at_once_one_gets_in(fresh_database):
    token = operators.first_link(at=MONDAY).token
    outcomes = at_once(*[lambda n=n: claim(token, f"p{n}@shop.example") for n in range(8)])
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, operators.LinkSpent) for outcome in outcomes) == 7
    assert Operator.objects.count() == 1


def test_two_owners_who_demote_each_other_leave_one(fresh_database):
    lin, ana = an_operator("lin", "owner"), an_operator("ana", "owner")
    outcomes = at_once(
        lambda: operators.set_role(operator=lin, role="agent", at=MONDAY, by=operators.actor(ana)),
        lambda: operators.set_role(operator=ana, role="agent", at=MONDAY, by=operators.actor(lin)),
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LastOwner", "NoneType"]
    assert Operator.objects.filter(role="owner").count() == 1
