"""Bringing shops up to the rights that are wanted: which shops are written to, what is due, how each try ended.

Who speaks with a shop (`doors/connectors`) claims what is due, writes it and settles it. A claim of somebody who was
killed runs out, and the right is written again: every write says how things shall stand, so twice is once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import UUID, uuid4

from django.db import connection as database
from django.db import transaction
from django.db.models import Count, F, Q
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import customers
from regulars.facts.sources import connectable, connections
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.oversight.outbound import _spreading, rights
from regulars.oversight.outbound.models import Right as Row
from regulars.oversight.outbound.models import Writing as WritingRow
from regulars.oversight.outbound.rights import Terms
from regulars.runtime.trail import trail

#: How long somebody who claimed rights has to write them.
CLAIM = timedelta(minutes=5)
#: After so many tries, a little over three days, a right is left until it is wanted otherwise or asked for again.
WAITS = (
    timedelta(seconds=30),
    *(timedelta(minutes=minutes) for minutes in (5, 30)),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
#: How often a shop is asked whether it still says what it was told.
CHECKED_EACH = timedelta(hours=24)
#: A shop that fails as a whole is left alone for a while, at most so long.
_LONGEST_REST = timedelta(hours=1)
State = Literal["waiting", "written", "refused", "unsupported", "dropped"]


@dataclass(frozen=True)
class Writing:
    """That a shop is written to, and what. `problem`: why it cannot be as a whole, "" when it can."""

    connection: int
    codes: bool
    attributes: bool
    problem: str
    problem_why: str
    failing_since: datetime | None
    rest_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class CodeDue:
    """A discount code as the shop shall have it. `remote` is what it calls it, "" where it was never written.

    `is_bound`: it is for one customer alone, whom the shop calls `refs`; none where it does not know them.
    """

    right: int
    key: str
    code: str
    title: str
    terms: Terms
    is_active: bool
    refs: Sequence[str]
    is_bound: bool
    remote: str
    version: int


@dataclass(frozen=True, kw_only=True)
class AttributesDue:
    """What the shop shall say of its customer `ref`, by name; an empty text takes the name away."""

    right: int
    ref: str
    told: Mapping[str, str]
    version: int


Due = CodeDue | AttributesDue


@dataclass(frozen=True)
class Claimed:
    """What somebody may write now, until the claim runs out."""

    claim: UUID
    due: Sequence[Due]


@dataclass(frozen=True)
class Right:
    """One code or customer in one shop, as people read it."""

    id: int
    connection: int
    what: str
    state: State
    attempts: int
    due_at: datetime
    error: str
    error_why: str
    written_at: datetime | None
    checked_at: datetime | None
    drifts: int


class CannotBeWritten(Refusal):
    """Nobody knows how to write to such a shop."""

    code = "rights.cannot_be_written"


class UnknownRight(Refusal):
    """No such right in the shop."""

    code = "rights.unknown"


def allow(*, connection: int, codes: bool, attributes: bool, at: datetime, by: Actor) -> Writing:
    """Write this to the connection's shop from now on, and all that is wanted already. Again changes nothing.

    With both False nothing is written any more; what the shop was told stays there.
    """
    whose = connections.get(connection)
    if whose.state == "retired":
        raise connections.ConnectionRetired(
            _("connection: %(name)s was disconnected") % {"name": whose.name}, field="connection"
        )
    if (codes or attributes) and whose.kind not in _writable():
        raise CannotBeWritten(
            _("connection: nothing can be written to %(name)s") % {"name": whose.name}, field="connection"
        )
    with transaction.atomic():
        row, is_new = WritingRow.objects.select_for_update().get_or_create(
            connection_id=connection, defaults={"codes": codes, "attributes": attributes, "changed_at": at}
        )
        before = {"codes": row.codes and not is_new, "attributes": row.attributes and not is_new}
        after = {"codes": codes, "attributes": attributes}
        if before != after:
            row.codes, row.attributes, row.changed_at = codes, attributes, at
            row.problem = row.problem_why = ""
            row.failing_since, row.failures, row.rest_until = None, 0, None
            row.save()
            subject = f"connection:{connection}"
            trail.record(by=by, verb="rights.allow", subject=subject, at=at, before=before, after=after)
            _spreading.shop(connection, at=at)
    return _writing(row)


def every() -> list[Writing]:
    """All shops that are, or were, written to. One query."""
    return [_writing(row) for row in WritingRow.objects.order_by("connection_id")]


def of(connection: int) -> Writing | None:
    """How one shop is written to; None where it never was. One query."""
    row = WritingRow.objects.filter(connection_id=connection).first()
    return None if row is None else _writing(row)


def spread(*, people: Sequence[int], at: datetime) -> None:
    """These people's references changed: shops that now know them are told. Again changes nothing."""
    _spreading.attributes(people, at=at)


def spread_all(*, connection: int, at: datetime) -> None:
    """The same for everybody in one shop: references became known without anybody saying so."""
    _spreading.shop(connection, at=at)


def with_work(*, at: datetime) -> list[int]:
    """The connections that are on, allowed, not resting, and have something due. Two queries."""
    kinds = _writable()
    on = {one.id for one in connections.every() if one.state == "on" and one.kind in kinds}
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT connection_id FROM outbound_writing AS writing WHERE (codes OR attributes)"
            " AND coalesce(rest_until, '-infinity') <= %(at)s AND EXISTS (SELECT FROM outbound_right AS due"
            "   WHERE due.connection_id = writing.connection_id AND state = 'waiting' AND due_at <= %(at)s)",
            {"at": at},
        )
        return sorted(on.intersection(number for (number,) in cursor.fetchall()))


def claim(*, connection: int, limit: int, at: datetime) -> Claimed:
    """Up to `limit` rights of one shop that are due, for the caller alone for five minutes. Two to four queries."""
    mine = uuid4()
    free = Q(claimed_until=None) | Q(claimed_until__lte=at)
    with transaction.atomic():
        writing = WritingRow.objects.filter(connection_id=connection).first()
        if writing is None or not (writing.codes or writing.attributes):
            return Claimed(mine, [])
        wanted = Q() if writing.codes else Q(code=None)
        wanted &= Q() if writing.attributes else Q(code__isnull=False)
        rows = list(
            Row.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("code", "attributes")
            .filter(free, wanted, connection_id=connection, state="waiting", due_at__lte=at)
            .order_by("due_at", "id")[:limit]
        )
        Row.objects.filter(id__in=[row.id for row in rows]).update(claim=mine, claimed_until=at + CLAIM)
    return Claimed(mine, _due(rows, connections.get(connection).namespace))


def written(*, claim: UUID, due: Due, remote: str = "", at: datetime) -> None:
    """The shop has it. Wanted otherwise meanwhile, it is due again at once. One statement."""
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE outbound_right AS mine SET version = %(version)s, remote = CASE WHEN %(remote)s = '' THEN remote"
            "   ELSE %(remote)s END, written_at = %(at)s, checked_at = %(at)s, attempts = 0, error = '',"
            "   error_why = '', claim = NULL, claimed_until = NULL, due_at = %(at)s,"
            "   state = CASE WHEN %(version)s = coalesce("
            "     (SELECT version FROM outbound_wanted_code WHERE id = mine.code_id),"
            "     (SELECT version FROM outbound_wanted_attributes WHERE customer_id = mine.attributes_id))"
            "   THEN 'written' ELSE 'waiting' END"
            " WHERE id = %(right)s AND claim = %(claim)s",
            {"right": due.right, "claim": claim, "version": due.version, "remote": remote, "at": at},
        )


def failed(*, claim: UUID, due: Due, code: str, why: str, at: datetime) -> None:
    """It could not be written this time; it is tried again, ten times in a little over three days. Two statements."""
    row = Row.objects.filter(id=due.right, claim=claim).first()
    if row is not None:
        is_last = row.attempts >= len(WAITS)
        Row.objects.filter(id=due.right, claim=claim).update(
            attempts=row.attempts + 1,
            state="refused" if is_last else "waiting",
            due_at=at if is_last else at + WAITS[row.attempts],
            error=code[:60],
            error_why=why[:300],
            claim=None,
            claimed_until=None,
        )


def refused(*, claim: UUID, due: Due, code: str, why: str, at: datetime, is_unsupported: bool = False) -> None:
    """The shop will not, or its API cannot (`is_unsupported`): it is left until wanted otherwise. One statement."""
    Row.objects.filter(id=due.right, claim=claim).update(
        attempts=F("attempts") + 1,
        state="unsupported" if is_unsupported else "refused",
        due_at=at,
        error=code[:60],
        error_why=why[:300],
        claim=None,
        claimed_until=None,
    )


def postponed(*, claim: UUID, due: Due, until: datetime) -> None:
    """It cannot be written before: it begins then, or its customer may be known then. One statement."""
    Row.objects.filter(id=due.right, claim=claim).update(due_at=until, claim=None, claimed_until=None)


def dropped(*, claim: UUID, due: Due, at: datetime) -> None:
    """There is nobody there any more to say it of: the shop's customer is gone. One statement."""
    Row.objects.filter(id=due.right, claim=claim).update(
        state="dropped", due_at=at, error="gone", error_why="", claim=None, claimed_until=None
    )


def released(*, claim: UUID) -> None:
    """What was claimed and not tried is free again. One statement."""
    Row.objects.filter(claim=claim).update(claim=None, claimed_until=None)


def rest(*, connection: int, code: str, why: str, lasts: timedelta | None = None, at: datetime) -> None:
    """The shop as a whole cannot be written to: it is left alone, longer each time, up to an hour."""
    with transaction.atomic():
        row = WritingRow.objects.select_for_update().get(connection_id=connection)
        row.failures += 1
        row.problem, row.problem_why = code[:60], why[:300]
        row.failing_since = row.failing_since or at
        row.rest_until = at + (lasts or min(_LONGEST_REST, timedelta(seconds=30) * 2 ** min(row.failures, 10)))
        row.save()


def well(*, connection: int) -> None:
    """The shop took what it was told. One statement."""
    rows = WritingRow.objects.filter(connection_id=connection).exclude(failing_since=None)
    rows.update(problem="", problem_why="", failing_since=None, failures=0, rest_until=None)


def to_check(*, connection: int, limit: int, at: datetime) -> Sequence[Due]:
    """What was written and not looked at for a day, the longest first."""
    rows = (
        Row.objects.select_related("code", "attributes")
        .filter(connection_id=connection, state="written", checked_at__lte=at - CHECKED_EACH)
        .order_by("checked_at", "id")[:limit]
    )
    return _due(list(rows), connections.get(connection).namespace)


def checked(*, due: Due, is_as_told: bool, at: datetime) -> None:
    """The shop was asked. Where it says otherwise it is written again, and that is counted. One statement."""
    rows = Row.objects.filter(id=due.right, state="written")
    if is_as_told:
        rows.filter(version=due.version).update(checked_at=at)
    else:
        rows.update(checked_at=at, state="waiting", due_at=at, attempts=0, drifts=F("drifts") + 1, version=0)


def again(*, right: int, at: datetime, by: Actor) -> Right:
    """Write it at once, with all its tries, however it ended."""
    with transaction.atomic():
        row = Row.objects.select_for_update().filter(id=right).first()
        if row is None:
            raise UnknownRight(_("right: there is no number %(right)s") % {"right": right}, field="right", value=right)
        row.state, row.attempts, row.due_at, row.version = "waiting", 0, at, 0
        row.save(update_fields=["state", "attempts", "due_at", "version"])
        trail.record(
            by=by, verb="rights.again", subject=f"connection:{row.connection_id}", at=at, after={"right": right}
        )
    return _right(Row.objects.select_related("code").get(id=right))


def counts(connection: int) -> Mapping[State, int]:
    """How many rights of one shop stand how. One query."""
    rows = Row.objects.filter(connection_id=connection).values("state").annotate(n=Count("id")).order_by()
    return {cast("State", row["state"]): row["n"] for row in rows}


def of_connection(
    connection: int, *, state: State | None = None, before: int | None = None, limit: int = 50
) -> list[Right]:
    """Rights of one shop, newest first, those before the number `before`. One query."""
    rows = Row.objects.select_related("code").filter(connection_id=connection)
    rows = rows if state is None else rows.filter(state=state)
    rows = rows if before is None else rows.filter(id__lt=before)
    return [_right(row) for row in rows.order_by("-id")[:limit]]


def _writable() -> frozenset[str]:
    return frozenset(kind for kind, one in connectable.kinds().items() if one.can_write)


def _due(rows: Sequence[Row], namespace: str) -> list[Due]:
    people = [row.code.customer_id for row in rows if row.code is not None and row.code.customer_id is not None]
    refs: dict[int, list[str]] = {}
    if people:
        for person, _namespace, ref in customers.refs_in(namespaces=[namespace], people=people):
            refs.setdefault(person, []).append(ref)
    return [due for row in rows if (due := _one(row, refs)) is not None]


def _one(row: Row, refs: Mapping[int, Sequence[str]]) -> Due | None:
    if row.code is not None:
        code = row.code
        told: Mapping[str, Any] = code.terms
        return CodeDue(
            right=row.id,
            key=code.key,
            code=code.code,
            title=told["title"],
            terms=rights.terms_of(told),
            is_active=code.is_active,
            refs=refs.get(code.customer_id or 0, ()),
            is_bound=code.customer_id is not None,
            remote=row.remote,
            version=code.version,
        )
    if row.attributes is not None:
        return AttributesDue(right=row.id, ref=row.ref, told=row.attributes.told, version=row.attributes.version)
    return None


def _writing(row: WritingRow) -> Writing:
    return Writing(
        row.connection_id,
        row.codes,
        row.attributes,
        row.problem,
        row.problem_why,
        row.failing_since,
        row.rest_until,
    )


def _right(row: Row) -> Right:
    return Right(
        id=row.id,
        connection=row.connection_id,
        what=row.code.code if row.code is not None else row.ref,
        state=cast("State", row.state),
        attempts=row.attempts,
        due_at=row.due_at,
        error=row.error,
        error_why=row.error_why,
        written_at=row.written_at,
        checked_at=row.checked_at,
        drifts=row.drifts,
    )
