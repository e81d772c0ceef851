"""Who is in which audience, since when, and why: questions, they write nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db import connection

from regulars.facts.customers import persons
from regulars.insight.audiences import _knowing, audiences, vocabulary
from regulars.insight.audiences.asking import Kept, cuts_of
from regulars.insight.audiences.models import Change, Due, Member, Proof
from regulars.kit import paging
from regulars.kit.conditions import changing, holding, spoken
from regulars.kit.conditions.holding import Known, Verdict
from regulars.kit.conditions.nodes import All, Among, Did, Has, Node, Not, Type
from regulars.kit.conditions.nodes import Any as AnyOf
from regulars.kit.conditions.vocabulary import Vocabulary
from regulars.kit.languages import Language
from regulars.kit.paging import Page
from regulars.runtime.database import clock

#: Of each pair of so many: more would be a table nobody reads.
MOST_COMPARED = 12
#: Members read at once where all of them are wanted.
BATCH = 5_000


@dataclass(frozen=True)
class Membership:
    """Somebody in an audience. `evidence` of each node, whether it held and what was seen, when they came in; None for
    who was found when everybody was looked at."""

    audience: int
    customer: int
    since_at: datetime
    evidence: Mapping[str, Any] | None


@dataclass(frozen=True)
class Step:
    """Somebody came in, or left: because of facts, time, a join, readings computed anew, or the nightly proof."""

    number: int
    audience: int
    customer: int
    entered: bool
    because: str
    definition: int
    evidence: Mapping[str, Any] | None
    at: datetime


@dataclass(frozen=True)
class Explained:
    """One node in words, whether it holds now, and the value, number or sum that was found, of which `type`; None
    where the node asks for no value. `kind`: all, any, not, or part."""

    node: str
    kind: Literal["all", "any", "not", "part"]
    words: str
    holds: bool
    seen: object
    type: Type | None
    of: tuple["Explained", ...]


@dataclass(frozen=True)
class Explanation:
    """Why somebody is in an audience or not, as of `at`; `membership` is what stands, None where they are not in.

    `again_at`: when they are looked at again though nothing new is told; None for not by time alone.
    """

    holds: bool
    root: Explained
    at: datetime
    membership: Membership | None
    again_at: datetime | None


@dataclass(frozen=True)
class Proved:
    """What the last nightly proofs found: how many were compared, and how many stood wrongly and were put right."""

    at: datetime
    compared: int
    missing: int
    wrongly_in: int


def page(audience: int, *, cursor: str | None = None, size: int = 50) -> Page[Membership]:
    """Who is in, the newest customer first. One index read of a page."""
    paging.check_size(size)
    rows = Member.objects.filter(audience=audience).order_by("-customer_id")
    if cursor is not None:
        (last,) = paging.decode(cursor, f"audience:{audience}", int)
        rows = rows.filter(customer_id__lt=last)
    found = paging.cut(list(rows[: size + 1]), size, of=f"audience:{audience}", key=lambda row: (row.customer_id,))
    return Page(tuple(_membership(row) for row in found.items), found.next)


def batches(audience: int) -> Iterator[list[Membership]]:
    """Everybody who is in, the newest customer first, some thousands at once. One index read of each."""
    last: int | None = None
    while True:
        rows = Member.objects.filter(audience=audience).order_by("-customer_id")
        if last is not None:
            rows = rows.filter(customer_id__lt=last)
        found = [_membership(row) for row in rows[:BATCH]]
        if found:
            yield found
        if len(found) < BATCH:
            return
        last = found[-1].customer


def lately(*, since: datetime) -> dict[int, tuple[int, int]]:
    """How many came into each audience and how many left it from then on, where anybody did. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audience_id, count(*) FILTER (WHERE entered), count(*) FILTER (WHERE NOT entered)"
            " FROM audiences_change WHERE at >= %s GROUP BY 1",
            [since],
        )
        return {audience: (entered, left) for audience, entered, left in cursor.fetchall()}


def of_customer(customer: int) -> list[Membership]:
    """The audiences somebody is in, the latest first. One query."""
    return [_membership(row) for row in Member.objects.filter(customer=customer).order_by("-since_at", "audience_id")]


def since(customers: Collection[int], audiences: Collection[int]) -> dict[tuple[int, int], datetime]:
    """Since when these customers are in these audiences, by both numbers, where they are. One query."""
    rows = Member.objects.filter(customer__in=customers, audience__in=audiences)
    return {
        (customer, audience): at
        for customer, audience, at in rows.values_list("customer_id", "audience_id", "since_at")
    }


def steps(
    *, audience: int | None = None, customer: int | None = None, before: int | None = None, limit: int = 50
) -> list[Step]:
    """Who came and went, latest first, numbered below `before`. One query."""
    rows = Change.objects.order_by("-id")
    if audience is not None:
        rows = rows.filter(audience=audience)
    if customer is not None:
        rows = rows.filter(customer=customer)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [
        Step(
            row.id,
            row.audience_id,
            row.customer_id,
            row.entered,
            row.because,
            row.definition,
            row.evidence,
            row.at,
        )
        for row in rows[:limit]
    ]


def explain(*, audience: int, customer: int, language: Language) -> Explanation:
    """Looks at somebody now, node by node, in words; writes nothing. Some ten queries."""
    one = audiences.get(audience)
    words = vocabulary.current()
    condition = audiences.read(one.condition, words)
    person = persons.of(customer)
    asking = Kept().look()
    at = clock.now()
    facts = _knowing.facts([([person], [condition])], fields=asking.fields, collections=asking.collections, at=at)
    names = {other.audience.number: other.audience.id for other in asking.audiences}
    inside = {row.audience: row for row in of_customer(person)}
    known = Known(
        facts.fields[person],
        facts.rows[person],
        frozenset(names[number] for number in inside if number in names),
        cuts_of(one),
    )
    verdict = holding.holds(condition, known, at=at)
    said = spoken.of_nodes(condition, words, language)
    return Explanation(
        holds=verdict.holds,
        root=_explained(verdict, said, {node.id: node for node in condition.nodes()}, words),
        at=at,
        membership=inside.get(audience),
        again_at=changing.next_change(condition, known, at=at),
    )


def next_look(*, audience: int, customer: int) -> datetime | None:
    """When somebody is looked at again without a new fact, within the next day and a half."""
    return Due.objects.filter(audience=audience, customer=customer).values_list("due_at", flat=True).first()


def overlap(numbers: Sequence[int]) -> dict[tuple[int, int], int]:
    """Of each two of these audiences, at most `MOST_COMPARED`, how many are in both; of each with itself, how many are
    in it. One query over their members."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT one.audience_id, other.audience_id, count(*) FROM audiences_member AS one"
            " JOIN audiences_member AS other USING (customer_id)"
            " WHERE one.audience_id = ANY(%(of)s) AND other.audience_id = ANY(%(of)s)"
            " AND one.audience_id <= other.audience_id GROUP BY 1, 2",
            {"of": list(numbers)[:MOST_COMPARED]},
        )
        found = {(one, other): count for one, other, count in cursor.fetchall()}
    return found | {(other, one): count for (one, other), count in found.items()}


def proofs(audience: int, *, limit: int = 10) -> list[Proved]:
    """The last proofs, latest first. One query."""
    rows = Proof.objects.filter(audience=audience).order_by("-id")[:limit]
    return [Proved(row.at, row.compared, row.missing, row.wrongly_in) for row in rows]


def _membership(row: Member) -> Membership:
    return Membership(row.audience_id, row.customer_id, row.since_at, row.evidence)


def _explained(verdict: Verdict, said: Mapping[str, str], nodes: Mapping[str, Node], words: Vocabulary) -> Explained:
    node = nodes[verdict.node]
    return Explained(
        node=verdict.node,
        kind=_kind(node),
        words=said[verdict.node],
        holds=verdict.holds,
        seen=verdict.seen,
        type=_type_of(node, words),
        of=tuple(_explained(one, said, nodes, words) for one in verdict.of),
    )


def _kind(node: Node) -> Literal["all", "any", "not", "part"]:
    match node:
        case All():
            return "all"
        case AnyOf():
            return "any"
        case Not():
            return "not"
        case _:
            return "part"


def _type_of(node: Node, words: Vocabulary) -> Type | None:
    """Of what is seen of it."""
    match node:
        case Has(field=name) | Among(field=name):
            return words.fields[name].type
        case Did(counted="sum"):
            collection = words.collections[node.which.collection]
            columns = collection.columns if node.each is None else collection.parts[node.each]
            return columns[node.column or ""].type
        case Did():
            return "int64"
        case _:
            return None
