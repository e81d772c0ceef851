"""How many a condition would hold for, before it is saved: exactly, as of what was last published."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import ibis.expr.types as ir
from django.conf import settings
from django.db import connection

from regulars.insight.audiences import _world, audiences, everyone
from regulars.insight.audiences.asking import Kept
from regulars.insight.warehouse.session import Session
from regulars.kit.conditions.nodes import Condition

SAMPLE = 10


@dataclass(frozen=True)
class Preview:
    """`members` of `everyone`, as of `as_of`, when the facts were published; `by_node` how many each part holds for by
    itself, the whole included; `sample` some of the members, the newest customers; `overlap` how many of them are in
    each audience now, by its number."""

    as_of: datetime
    everyone: int
    members: int
    by_node: Mapping[str, int]
    sample: tuple[int, ...]
    overlap: Mapping[int, int]


def preview(condition: Mapping[str, Any]) -> Preview:
    """Asks it of everyone; writes nothing. Refuses with `BadCondition`, which names the node and the mend, and with
    `NothingPublished`. One look at the published tables for all nodes together."""
    asking = Kept().look()
    asked = audiences.read(condition)
    with Session.from_published(Path(settings.REGULARS_HOME)) as session:
        as_of = session.published_at.astimezone(UTC)
        world = _world.world(session, [asked], asking)
        # Computed once for all nodes.
        people = session.keep("preview-people", world.people)
        world = replace(world, people=people)
        looked = session.keep("preview-looked", everyone.each(asked, world, at=as_of))
        by_node = _counted(session, looked, asked)
        members = looked.filter(looked[everyone.of_node(asked.root.id)]).select("person")
        sample = session.rows(members.order_by(members.person.desc()).limit(SAMPLE))
        overlap = _overlap(session.arrow(members).column("person").to_pylist())
        return Preview(
            as_of=as_of,
            everyone=_many(session, people),
            members=by_node[asked.root.id],
            by_node=by_node,
            sample=tuple(row["person"] for row in sample),
            overlap=overlap,
        )


def _counted(session: Session, looked: ir.Table, asked: Condition) -> dict[str, int]:
    """How many each node holds for, in one pass."""
    columns = {node.id: looked[everyone.of_node(node.id)] for node in asked.nodes()}
    counts = {f"n{place}": holds.cast("int64").sum() for place, holds in enumerate(columns.values())}
    [row] = session.rows(looked.aggregate(**counts))
    return {node: int(count or 0) for node, count in zip(columns, row.values(), strict=True)}


def _many(session: Session, table: ir.Table) -> int:
    [row] = session.rows(table.aggregate(many=table.count().cast("int64")))
    return int(row["many"])


def _overlap(people: list[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audience_id, count(*) FROM audiences_member WHERE customer_id = ANY(%s) GROUP BY 1", [people]
        )
        return dict(cursor.fetchall())
