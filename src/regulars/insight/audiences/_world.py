"""Everyone as conditions ask for them, from what is published: the tables that `everyone.whom` works on."""

from collections.abc import Collection, Iterable

import ibis
import ibis.expr.types as ir
import pyarrow as pa
from django.db import connection

from regulars.insight.audiences.asking import Asking
from regulars.insight.audiences.everyone import Happenings, World
from regulars.insight.warehouse.session import Session
from regulars.kit.conditions.nodes import Condition
from regulars.runtime.database.offered import Field

_MEMBERS = "audience-members"


def world(session: Session, conditions: Iterable[Condition], asking: Asking) -> World:
    """All that the conditions ask of everyone; computed when it is asked."""
    asked = list(conditions)
    customers = session.table("customers")
    people = customers.filter(customers.customer_id == customers.person_id).select(person=customers.customer_id)
    for name in sorted(frozenset[str]().union(*(one.fields for one in asked))):
        people = _with(people, session, asking.fields[name])
    happenings = {}
    for name in sorted(frozenset[str]().union(*(one.collections for one in asked))):
        one = asking.collections[name]
        parts = {part.name: session.select(part.everyone) for part in one.parts}
        happenings[name] = Happenings(session.select(one.everyone), parts)
    audiences = frozenset[str]().union(*(one.audiences for one in asked))
    return World(people, happenings, _members(session, asking, audiences) if audiences else None)


def _with(people: ir.Table, session: Session, field: Field) -> ir.Table:
    assert field.everyone is not None, "only what can be asked of everyone is read into conditions"
    values = session.select(field.everyone)
    if field.type == "texts":
        values = values.group_by("person").agg(value=lambda t: t.value.collect())
    found = values.select(person_=values.person, **{field.name: values.value})
    joined = people.left_join(found, people.person == found.person_)
    return joined.select(*people.columns, field.name)


def _members(session: Session, asking: Asking, audiences: Collection[str]) -> ir.Table:
    """Who is in the audiences now: from the database, which they come into and leave at once."""
    numbers = {one.audience.number: one.audience.id for one in asking.audiences if one.audience.id in audiences}
    people: list[int] = []
    names: list[str] = []
    with connection.cursor() as cursor:
        for number, name in sorted(numbers.items()):
            cursor.execute("SELECT customer_id FROM audiences_member WHERE audience_id = %s", [number])
            found = [customer for (customer,) in cursor.fetchall()]
            people += found
            names += [name] * len(found)
    return session.put(
        _MEMBERS, pa.table({"person": pa.array(people, pa.int64()), "audience": pa.array(names, pa.string())})
    )


def number_at(session: Session, people: ir.Table, field: str, *, highest: bool, place: int) -> object:
    """The value that the person at that place, from nought, has in the order of a field; None beyond the last."""
    ordered = people.select(value=people[field]).filter(ibis._.value.notnull())
    direction = ibis.desc(ordered.value) if highest else ibis.asc(ordered.value)
    rows = session.rows(ordered.order_by(direction).limit(1, offset=place))
    return rows[0]["value"] if rows else None


def how_many(session: Session, people: ir.Table, field: str) -> int:
    """How many have a value."""
    [row] = session.rows(people.aggregate(many=people[field].count().cast("int64")))
    return int(row["many"])
