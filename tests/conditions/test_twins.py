"""The two evaluators of the one language agree on everybody: random trees over random lives, at random instants."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from regulars.insight.audiences import everyone
from regulars.insight.audiences.everyone import Happenings, World
from regulars.insight.warehouse.session import Session
from regulars.kit.conditions import holding, reading
from regulars.kit.conditions.nodes import Among
from regulars.kit.conditions.tests.builders import SHOP
from tests.conditions.lives import ZONES, a_life, instants, trees

PEOPLE, TREES = 200, 6
_TYPES = {
    "int64": pl.Int64,
    "money": pl.Int64,
    "decimal": pl.Decimal(18, 6),
    "text": pl.String,
    "texts": pl.List(pl.String),
    "date": pl.Date,
    "timestamp": pl.Datetime("us"),
    "bool": pl.Boolean,
}


def plain(value):
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None)
    return list(value) if isinstance(value, tuple) else value


def a_frame(rows, columns, beside):
    schema = beside | {name: _TYPES[asked.type] for name, asked in columns.items()}
    return pl.DataFrame([{name: plain(row.get(name)) for name in schema} for row in rows], schema=schema, orient="row")


def a_session(people):
    """The same lives as tables, as the warehouse has them."""
    fields = {name: asked for name, asked in SHOP.fields.items() if name not in ("email", "p_alive")}
    frames = {
        "people": a_frame(
            [{"person": n} | dict(one.fields) for n, one in enumerate(people)], fields, {"person": pl.Int64}
        )
    }
    beside = {"person": pl.Int64, "row": pl.Int64, "at": pl.Datetime("us")}
    for name, collection in SHOP.collections.items():
        rows, parts = [], []
        for person, one in enumerate(people):
            for row in one.rows[name]:
                rows.append({"person": person, "row": len(rows), "at": row.at} | dict(row.values))
                parts.extend({"row": len(rows) - 1} | dict(part) for part in row.parts.get("lines", ()))
        frames[name] = a_frame(rows, collection.columns, beside)
        if collection.parts:
            frames["lines"] = a_frame(parts, collection.parts["lines"], {"row": pl.Int64})
    having = [{"person": n, "audience": "aud_1"} for n, one in enumerate(people) if "aud_1" in one.audiences]
    frames["members"] = pl.DataFrame(having, schema={"person": pl.Int64, "audience": pl.String}, orient="row")
    return Session.from_frames(frames)


def a_world(session):
    return World(
        session.table("people"),
        {
            "orders": Happenings(session.table("orders"), {"lines": session.table("lines")}),
            "events": Happenings(session.table("events")),
        },
        session.table("members"),
    )


def cut_of(node, people):
    """Nobody passes what nobody has a number for."""
    found = holding.cut_of([one.fields[node.field] for one in people if node.field in one.fields], node)
    return found if found is not None else Decimal("NaN")


def in_whole(found):
    yield found
    for one in found.of:
        yield from in_whole(one)


@settings(max_examples=int(os.environ.get("REGULARS_TWINS", "10")), deadline=None)
@given(
    seed=st.integers(0, 2**32),
    asked=st.lists(trees, min_size=TREES, max_size=TREES),
    at=instants,
    zone=st.sampled_from(ZONES),
)
def test_both_say_the_same_of_everybody(seed, asked, at, zone):
    chance = Random(seed)
    people = [a_life(chance) for _ in range(PEOPLE)]
    with a_session(people) as session:
        for node in asked:
            condition = reading.read({"version": 1, "zone": zone, "if": node}, SHOP)
            cuts = {one.id: cut_of(one, people) for one in condition.nodes() if isinstance(one, Among)}
            known = [replace(one, cuts=cuts) for one in people]

            each = [holding.holds(condition, one, at=at) for one in known]
            whom = everyone.whom(condition, a_world(session), at=at)
            nodes = everyone.each(condition, a_world(session), at=at)

            assert {row["person"] for row in session.rows(whom)} == {n for n, one in enumerate(each) if one.holds}, node
            for row in session.rows(nodes):
                for found in in_whole(each[row["person"]]):
                    assert row[everyone.of_node(found.node)] == found.holds, (node, found.node)
