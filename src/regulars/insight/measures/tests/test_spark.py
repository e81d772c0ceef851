"""All that measures and figures compute can be said to Spark: compiled, not run, for it is not installed here."""

from collections.abc import Callable, Hashable
from datetime import date
from types import SimpleNamespace
from typing import Any

import ibis.expr.types as ir
import pyarrow as pa
import pytest
from ibis.backends.sql.compilers import pyspark
from ibis.backends.sql.compilers.pyspark import compiler

from regulars.insight.measures import catalogue, computing, exploring, moving, spanning
from regulars.insight.measures.figures import FIGURES
from regulars.insight.measures.scope import Scope
from regulars.insight.measures.tests.shops import LONDON, a_random_shop
from regulars.insight.warehouse.session import Session


class Interpreted(Session):
    """Says everything to Spark before it is computed here."""

    def __init__(self, **bounds: Any) -> None:
        super().__init__(**bounds)
        self.said: list[str] = []

    def keep(self, name: str, expression: ir.Table) -> ir.Table:
        self._say(expression)
        return super().keep(name, expression)

    def arrow(self, expression: ir.Table) -> pa.Table:
        self._say(expression)
        return super().arrow(expression)

    def repeat(self, what: Hashable, build: Callable[[], object]) -> None:
        build()

    def _say(self, expression: ir.Table) -> None:
        self.said.append(compiler.to_sqlglot(expression).sql(dialect="spark"))


def test_what_is_computed_of_the_shop_and_of_everybody_can_be_said_to_spark(monkeypatch: pytest.MonkeyPatch):
    # What Spark's own package would set.
    monkeypatch.setattr(pyspark, "options", SimpleNamespace(pyspark=SimpleNamespace(treat_nan_as_null=False)))
    with Interpreted.from_frames(a_random_shop(5).frames(), threads=2) as session:
        computed = computing.compute(session, currency="GBP", today=date(2030, 1, 1))
        scope = Scope(table=session.table, as_of=computed.as_of, currency="GBP")
        spanning.facts(session, scope, LONDON)
        figures = exploring.of_groups(session, scope)
        deeper = computing.deeper(session, scope)
        moving.all_of(session, scope)
        # Each customer measure is a column of what was said of everybody.
        assert {one.name for one in catalogue.CUSTOMER} <= set(computed.people().columns)
        said = "\n".join(session.said)
    assert {*computed.shop, *deeper} == {one.name for one in (*catalogue.SHOP, *catalogue.DEEPER)}
    assert set(figures.year.groups[exploring.EVERYBODY]) == {one.name for one in FIGURES}
    for name in ("customer_id", *(one.name for one in FIGURES)):
        assert name in said, name
