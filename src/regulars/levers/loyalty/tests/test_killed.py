"""Killed at any moment, a verb has happened or it has not; told again under its key, it happens once."""

import os
import signal
from datetime import date

import pytest
from django.db import connection, connections

from regulars.levers.loyalty import checkups, points
from regulars.levers.loyalty.models import Entry, Posting
from regulars.levers.loyalty.tests.builders import FRIDAY, MAREK, MONDAY, THE_SHOP, a_member, an_award, has, spends

MORE_THAN_ANY_VERB_SAYS = 40


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


@pytest.mark.parametrize("name", ["award", "capture", "return"])
def test_killed_before_each_of_its_statements_it_is_done_once_when_it_is_told_again(fresh_database_of_module, name):
    kills = 0
    for statement in range(MORE_THAN_ANY_VERB_SAYS):
        who = a_member(f"{name}-{statement}")
        coat = an_award(who, 60)
        an_award(who, 40, expires_on=date(2026, 3, 3))
        spends(who, 50)
        basket = points.hold(customer=who, amount=20, key=f"h{name}{statement}", at=MONDAY, by=THE_SHOP).id
        told = {"key": f"{name}{statement}", "at": FRIDAY, "by": MAREK}
        verb = {
            "award": lambda told=told, who=who: points.award(customer=who, amount=7, **told),
            "capture": lambda told=told, basket=basket: points.capture(hold=basket, amount=12, **told),
            "return": lambda told=told, coat=coat: points.reverse(entry=coat, amount=45, **told),
        }[name]
        before = has(who), Entry.objects.count(), Posting.objects.count()
        is_killed = killed_before(statement, verb)
        kills += is_killed
        if is_killed:
            assert (has(who), Entry.objects.count(), Posting.objects.count()) == before
        verb()
        entries = Entry.objects.count()
        verb()
        assert Entry.objects.count() == entries
        assert list(checkups.broken()) == []
        if not is_killed:
            break
    assert kills >= 7
    assert not is_killed, "at last it had nothing left to say"
