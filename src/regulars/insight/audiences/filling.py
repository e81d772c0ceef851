"""Looks at everybody at once, from what is published: when an audience is made or asks something else, and each night.

What is published is a little behind. Whoever was looked at one by one since the publish began is therefore looked at
again at the end, and whoever is found otherwise than they stand each night is decided one by one: what was wrong is
counted, shown, and put right.
"""

import io
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
from django.conf import settings
from django.db import connection, transaction

from regulars.facts.customers.relation import CUSTOMERS
from regulars.insight.audiences import _world, deciding, everyone
from regulars.insight.audiences._writing import Because
from regulars.insight.audiences.asking import Asked, Asking, Kept
from regulars.insight.audiences.models import Audience, Proof, Touched
from regulars.insight.audiences.notices import AudienceFilled
from regulars.insight.warehouse import publishing
from regulars.insight.warehouse.session import Session
from regulars.kit.actors import SYSTEM, Actor
from regulars.kit.conditions.moments import Span
from regulars.kit.conditions.nodes import Among, Condition, Did, Has
from regulars.kit.conditions.nodes import Sequence as Following
from regulars.runtime.database import clock
from regulars.runtime.notices.outbox import announce
from regulars.runtime.trail import trail

logger = logging.getLogger(__name__)

#: Between two looks ahead; windows shorter than this bring them closer together.
_STEP, _SHORTEST_STEP = timedelta(hours=12), timedelta(hours=1)
_TOUCHED_KEPT = timedelta(days=2)
#: How many are shown to whoever has to find out why a proof failed.
_SHOWN = 20


@dataclass(frozen=True)
class Looked:
    """What a look at everybody found: how many are in, and how many of those who stood otherwise were put in or out."""

    members: int
    entered: int
    left: int


def fill(audience: int) -> Looked | None:
    """Everybody, for what the audience asks now; nothing where that was done, or where it cannot be asked.

    Who is in is replaced as a whole, and told as a whole (`AudienceFilled`). Audiences that ask who is in this one are
    looked at after it. Not to be called within a transaction.
    """
    return fill_all([audience]).get(audience)


def fill_all(audiences: Collection[int]) -> dict[int, Looked]:
    """`fill` for several, from one look at what is published; of those where there was something to do."""
    kept = Kept()
    asking = kept.look()
    for audience in audiences:
        if audience in asking.problems:
            Audience.objects.filter(id=audience).update(problem=asking.problems[audience][:300])
    asked = [one for one in asking.audiences if one.audience.number in audiences and one.audience.is_filling]
    filled = {}
    if asked:
        with _everyone(asking, asked) as (session, began):
            for one in asked:
                looked = _fill(one, _Found.of(session, one, asking, began), began, kept)
                if looked is not None:
                    filled[one.audience.number] = looked
    for one in asked:
        for other in asking.audiences:
            if one.audience.number in filled and one.audience.id in other.condition.audiences:
                _look_through([other], kept, because="facts")
    return filled


def _fill(asked: Asked, found: "_Found", began: datetime, kept: Kept) -> Looked | None:
    audience = asked.audience.number
    with transaction.atomic():
        row = Audience.objects.select_for_update().get(id=audience)
        if row.archived_at is not None or row.definition != asked.audience.definition:
            # Another look, for what it asks now, is on its way.
            return None
        looked = _replace(audience, found.people, began)
        Audience.objects.filter(id=audience).update(
            members=looked.members,
            cuts=found.cuts,
            filled_at=began,
            filled_with=asked.audience.definition,
            problem="",
        )
        announce(
            AudienceFilled(audience=audience, entered=looked.entered, left=looked.left, at=began, origin="history"),
            by=SYSTEM,
            verb="audiences.fill",
            after={"members": looked.members},
        )
    deciding.decide_all({*_touched_since(began), *found.soon}, because="facts", kept=kept, only={audience})
    return looked


def look_through_computed(*, because: Because = "refreshed") -> None:
    """After readings were computed anew: everybody, for audiences that ask for readings or for the highest or lowest
    of all. Who comes and goes is told one by one. Not to be called within a transaction."""
    kept = Kept()
    asking = kept.look()
    computed = [one for one in asking.audiences if _is_computed(one.condition, asking)]
    if computed:
        _look_through(computed, kept, because=because)


def prove_all(*, by: Actor) -> list[tuple[int, int, int]]:
    """Everybody, for every audience, in both ways: audience, how many should have been in, how many out. Puts it right.

    Also finds out who may change within the next day and a half, and tidies what is kept for looks that have ended. Not
    to be called within a transaction.
    """
    kept = Kept()
    asking = kept.look()
    facts = [one for one in asking.audiences if not _is_computed(one.condition, asking)]
    look_through_computed()
    results = _look_through(facts, kept, because="proof") if facts else []
    Touched.objects.filter(at__lt=clock.now() - _TOUCHED_KEPT).delete()
    with transaction.atomic():
        trail.record(
            by=by,
            verb="audiences.prove",
            subject="audiences:all",
            at=clock.now(),
            after={"audiences": len(results), "wrong": sum(missing + wrongly for _, missing, wrongly in results)},
        )
    return results


def _look_through(chosen: Sequence[Asked], kept: Kept, *, because: Because) -> list[tuple[int, int, int]]:
    """Those who stand otherwise than what is published says are decided one by one."""
    asking = kept.look()
    results = []
    with _everyone(asking, chosen) as (session, began):
        for one in chosen:
            number = one.audience.number
            if one.audience.is_filling:
                continue
            found = _Found.of(session, one, asking, began)
            missing, wrongly = _otherwise(number, found.people)
            touched = set(_touched_since(began))
            if found.cuts != dict(one.audience.cuts):
                Audience.objects.filter(id=number).update(cuts=found.cuts)
            deciding.decide_all({*missing, *wrongly, *found.soon}, because=because, kept=kept, only={number})
            missing, wrongly = missing - touched, wrongly - touched
            Audience.objects.filter(id=number).update(filled_at=began)
            if because == "proof":
                Proof.objects.create(
                    audience_id=number,
                    at=began,
                    compared=found.compared,
                    missing=len(missing),
                    wrongly_in=len(wrongly),
                )
                if missing or wrongly:
                    logger.error(
                        "audiences: the nightly proof found some who stood wrongly, and put it right",
                        extra={
                            "audience": one.audience.id,
                            "missing": sorted(missing)[:_SHOWN],
                            "wrongly_in": sorted(wrongly)[:_SHOWN],
                        },
                    )
                results.append((number, len(missing), len(wrongly)))
    return results


@contextmanager
def _everyone(asking: Asking, chosen: Sequence[Asked]) -> Iterator[tuple[Session, datetime]]:
    """What is published now, and the instant before it was read: whoever is looked at later was not seen in it."""
    home = Path(settings.REGULARS_HOME)
    began = clock.now()
    publishing.publish(home, at=began)
    with Session.from_published(home) as session:
        yield session, began


@dataclass(frozen=True)
class _Found:
    """`people` whom the condition holds for; `soon`, for whom it will not, or will, within a day and a half."""

    people: pa.Array
    compared: int
    soon: frozenset[int]
    cuts: dict[str, str]

    @classmethod
    def of(cls, session: Session, asked: Asked, asking: Asking, at: datetime) -> "_Found":
        world = _world.world(session, [asked.condition], asking)
        people = _whom(session, asked.condition, world, at)
        here = set(people.to_pylist())
        soon: set[int] = set()
        for step in _steps(asked.condition):
            soon |= here ^ set(_whom(session, asked.condition, world, at + step).to_pylist())
        [row] = session.rows(world.people.aggregate(many=world.people.count().cast("int64")))
        return cls(people, int(row["many"]), frozenset(soon), _cuts(session, asked.condition, world))


def _whom(session: Session, condition: Condition, world: everyone.World, at: datetime) -> pa.Array:
    return session.arrow(everyone.whom(condition, world, at=at)).column("person").combine_chunks()


def _steps(condition: Condition) -> list[timedelta]:
    """How far ahead to look, again and again, so that nobody comes and goes unseen between two looks."""
    spans = [span for span in _spans(condition) if span.start is None and span.end is None]
    if not spans and not _waits(condition):
        return []
    shortest = min((_length(span) for span in spans), default=_STEP)
    step = max(_SHORTEST_STEP, min(_STEP, shortest / 2))
    return [step * number for number in range(1, int(deciding.AHEAD / step) + 1)]


def _spans(condition: Condition) -> list[Span]:
    found: list[Span] = []
    for node in condition.nodes():
        if isinstance(node, Did | Following) and node.during is not None:
            found.append(node.during)
        whiches = [node.which] if isinstance(node, Did) else []
        whiches += [step.which for step in node.steps] if isinstance(node, Following) else []
        checks = [check for which in whiches for check in which.checks]
        checks += [check for which in whiches for some in which.some for check in some.checks]
        checks += node.of_each if isinstance(node, Did) else node.checks if isinstance(node, Has) else ()
        found += [check.than for check in checks if isinstance(check.than, Span)]
        found += [Span(period="day") for check in checks if check.test == "anniversary_within_days"]
    return found


def _length(span: Span) -> timedelta:
    if span.unit is not None and span.count is not None:
        return (
            span.count
            * {
                "hours": timedelta(hours=1),
                "days": timedelta(days=1),
                "weeks": timedelta(weeks=1),
                "months": timedelta(days=28),
            }[span.unit]
        )
    return timedelta(days=1)


def _waits(condition: Condition) -> bool:
    return any(isinstance(node, Following) and node.last_is_missing for node in condition.nodes())


def _is_computed(condition: Condition, asking: Asking) -> bool:
    return any(isinstance(node, Among) for node in condition.nodes()) or any(
        asking.fields[name].kind != "fact" for name in condition.fields
    )


def _cuts(session: Session, condition: Condition, world: everyone.World) -> dict[str, str]:
    """Where the highest or lowest share begins, by node: `holding.cut_of` over everyone."""
    found = {}
    for node in condition.nodes():
        if isinstance(node, Among):
            many = _world.how_many(session, world.people, node.field)
            place = int((many * node.percent / 100).to_integral_value(ROUND_CEILING)) - 1
            if many:
                cut = _world.number_at(session, world.people, node.field, highest=node.highest, place=place)
                found[node.id] = str(Decimal(str(cut)))
    return found


def _touched_since(began: datetime) -> list[int]:
    # A transaction notes whom it looks at when it begins to, and ends later.
    since = began - timedelta(minutes=1)
    return list(Touched.objects.filter(at__gte=since).values_list("customer", flat=True).distinct())


_STAND_OTHERWISE = """
SELECT fresh.customer, true FROM fresh_people AS fresh
  JOIN {customers} AS customer ON customer.id = fresh.customer AND customer.person_id IS NULL
 WHERE NOT EXISTS (SELECT 1 FROM audiences_member AS member
                    WHERE member.audience_id = %(audience)s AND member.customer_id = fresh.customer)
UNION ALL
SELECT member.customer_id, false FROM audiences_member AS member
 WHERE member.audience_id = %(audience)s
   AND NOT EXISTS (SELECT 1 FROM fresh_people AS fresh WHERE fresh.customer = member.customer_id)
"""


_PUT_IN = """
INSERT INTO audiences_member (audience_id, customer_id, since_at)
SELECT %s, fresh.customer, %s FROM fresh_people AS fresh
  JOIN {customers} AS customer ON customer.id = fresh.customer AND customer.person_id IS NULL
    ON CONFLICT DO NOTHING
"""


def _otherwise(audience: int, people: pa.Array) -> tuple[set[int], set[int]]:
    """Who is not in and should be, and who is in and should not, by what is published."""
    missing: set[int] = set()
    wrongly: set[int] = set()
    with transaction.atomic(), connection.cursor() as cursor:
        _bring(people)
        cursor.execute(_STAND_OTHERWISE.format(customers=CUSTOMERS), {"audience": audience})
        for customer, is_missing in cursor.fetchall():
            (missing if is_missing else wrongly).add(customer)
    return missing, wrongly


def _replace(audience: int, people: pa.Array, at: datetime) -> Looked:
    """Who is in becomes these; who stays keeps the day since when. In the caller's transaction."""
    with connection.cursor() as cursor:
        _bring(people)
        cursor.execute(
            "DELETE FROM audiences_member AS member WHERE member.audience_id = %s AND NOT EXISTS"
            " (SELECT 1 FROM fresh_people AS fresh WHERE fresh.customer = member.customer_id)",
            [audience],
        )
        left = cursor.rowcount
        cursor.execute("DELETE FROM audiences_due WHERE audience_id = %s", [audience])
        cursor.execute(_PUT_IN.format(customers=CUSTOMERS), [audience, at])
        entered = cursor.rowcount
        cursor.execute("SELECT count(*) FROM audiences_member WHERE audience_id = %s", [audience])
        [(members,)] = cursor.fetchall()
    return Looked(members, entered, left)


def _bring(people: pa.Array) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.fresh_people")
        cursor.execute("CREATE TEMP TABLE fresh_people (customer bigint PRIMARY KEY) ON COMMIT DROP")
        with cursor.copy("COPY fresh_people FROM STDIN (FORMAT csv)") as copy:
            for rows in _as_csv(people):
                copy.write(rows)
        cursor.execute("ANALYZE fresh_people")


def _as_csv(people: pa.Array) -> Iterable[bytes]:
    for start in range(0, len(people), 100_000):
        out = io.BytesIO()
        part = pa.table({"customer": people.slice(start, 100_000)})
        pa_csv.write_csv(part, out, pa_csv.WriteOptions(include_header=False))
        yield out.getvalue()
