"""What the outbox does where commits are real."""

import psycopg
import pytest

from regulars.kit.actors import SYSTEM
from regulars.runtime.notices.outbox import announce
from regulars.runtime.notices.tests.builders import MONDAY, Bought


def test_outside_a_transaction_nothing_is_announced(fresh_database):
    with pytest.raises(RuntimeError, match="outside a transaction"):
        announce(Bought(person="ines", at=MONDAY), by=SYSTEM, verb="tests.buy")


def test_the_owner_is_stopped_too(fresh_database):
    with (
        psycopg.connect(fresh_database["REGULARS_DATABASE_OWNER_URL"]) as owner,
        pytest.raises(psycopg.errors.RestrictViolation, match="append-only"),
    ):
        owner.execute("DELETE FROM notices_notice")
