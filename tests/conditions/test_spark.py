"""Conditions asked of everyone can be said to Spark: compiled, not run, for it is not installed here."""

from hypothesis import given, settings
from ibis.backends.sql.compilers.pyspark import compiler

from regulars.insight.audiences import everyone
from regulars.kit.conditions import reading
from regulars.kit.conditions.tests.builders import SHOP
from tests.conditions.lives import instants, trees
from tests.conditions.test_twins import a_session, a_world


@settings(max_examples=30, deadline=None)
@given(node=trees, at=instants)
def test_what_is_asked_of_everyone_can_be_said_to_spark(node, at):
    condition = reading.read({"version": 1, "zone": "Europe/London", "if": node}, SHOP)
    with a_session([]) as session:
        said = compiler.to_sqlglot(everyone.whom(condition, a_world(session), at=at)).sql(dialect="spark")
    assert "FROM `people`" in said
