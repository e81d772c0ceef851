"""Killed at any moment, a verb has happened or it has not; told again under its key, it happens once."""

import os
import signal
from datetime import date
from functools import partial

import pytest
from django.db import connection, connections

from regulars.levers.loyalty import checkups, freezing, inheriting, points
from regulars.levers.loyalty.models import Account, Entry, Posting
from regulars.levers.loyalty.tests.builders import DAY, FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, an_award, has, spends
from regulars.levers.loyalty.tests.explored import a_shop
from tests.often import a_few

MORE_THAN_ANY_VERB_SAYS = 90


def killed_before(statement: int, verb) -> bool:
    """Do `verb` in a process of its own that is killed before its statement of this number; whether it came so far."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        said = 0

        def count(execute, sql, params, many, context):
            nonlocal said
            if said == statement:
                os.kill(os.getpid(), signal.SIGKILL)
            said += 1
            return execute(sql, params, many, context)

        try:
            with connection.execute_wrapper(count):
                verb()
        finally:
            os._exit(0)
    _pid, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def stands(*people):
    return [has(who) for who in people], Entry.objects.count(), Posting.objects.count()


@pytest.fixture(scope="module")
def _estates_pass(fresh_database_of_module):
    a_shop()


@pytest.mark.usefixtures("_estates_pass")
@pytest.mark.parametrize("name", a_few(2, ["award", "return", "capture", "pass on", "pass back", "thaw"]))
def test_killed_before_each_of_its_statements_it_is_done_once_when_it_is_told_again(name):
    kills = 0
    for statement in range(MORE_THAN_ANY_VERB_SAYS):
        who = a_member(f"{name}-{statement}")
        coat = an_award(who, 60)
        an_award(who, 40, expires_on=date(2026, 3, 3))
        spends(who, 50)
        basket = points.hold(
            customer=who, amount=20, lasts=30 * DAY, key=f"h{name}{statement}", at=MONDAY, by=THE_SHOP
        ).id
        if name.startswith("pass"):
            an_award(who, 15, expires_on=date(2026, 7, 1))
        li = a_member(f"heir-{name}-{statement}")
        told = {"key": f"{name}{statement}", "at": FRIDAY, "by": MAREK}
        passes = partial(inheriting.pass_on, customer=who, to=li)
        will = passes(**told | {"key": f"w{name}{statement}"}).of("merge_out").id if name == "pass back" else 0
        if name in ("pass on", "thaw"):
            freezing.freeze(customer=who, why="estate", key=f"f{name}{statement}", at=MONDAY, by=MAREK)
        verb = {
            "award": lambda told=told, who=who: points.award(customer=who, amount=7, **told),
            "capture": lambda told=told, basket=basket: points.capture(hold=basket, amount=12, **told),
            "return": lambda told=told, coat=coat: points.reverse(entry=coat, amount=45, **told),
            "pass on": partial(passes, **told),
            "pass back": partial(inheriting.pass_back, entry=will, at=FRIDAY, by=MAREK),
            "thaw": partial(freezing.thaw, customer=who, **told),
        }[name]
        before = stands(who, li)
        is_killed = killed_before(statement, verb)
        kills += is_killed
        now = stands(who, li)
        verb()
        # Killed while it read its answer, it had happened.
        assert now == before or now == stands(who, li)
        entries = Entry.objects.count()
        verb()
        assert Entry.objects.count() == entries
        accounts = Account.objects.filter(customer_id__in=(who, li)).values_list("id", flat=True)
        assert list(checkups.broken(list(accounts))) == []
        if not is_killed:
            break
    assert kills >= 7
    assert not is_killed, "at last it had nothing left to say"
