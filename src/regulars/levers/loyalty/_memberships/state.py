"""A membership's row as its rules see it, and back."""

from collections.abc import Sequence
from datetime import date, datetime

from django.db.models import QuerySet

from regulars.kit import civil
from regulars.levers.loyalty import programmes
from regulars.levers.loyalty._memberships.rows import Membership as Row
from regulars.levers.loyalty.programme_files import Programme
from regulars.levers.loyalty.rules import membership_steps
from regulars.levers.loyalty.rules.membership_books import Books, Part
from regulars.levers.loyalty.rules.membership_steps import Membership, State
from regulars.levers.loyalty.rules.plan_terms import Plan

_SAME = (
    "joined_on",
    "anchor",
    "nth",
    "since",
    "until",
    "is_paid",
    "due_minor",
    "ahead",
    "grace_until",
    "tries",
    "is_reminded",
    "ends",
    "quote_credit",
    "quote_until",
    "rested",
    "paused_on",
    "resumes_on",
    "ended_on",
    "why_ended",
)
#: Kept beside the books to ask for.
_SUMS = ("paid_minor", "credit_minor", "ahead_minor", "quote_minor")


def living(records: Sequence[int] | QuerySet) -> list[Row]:  # type: ignore[type-arg]
    """Those of these records that have not ended by their row, the oldest first. One query."""
    rows = Row.objects.filter(record_id__in=records).exclude(state="ended")
    return list(rows.select_related("programme").order_by("id"))


def of_row(row: Row) -> Membership:
    """As it was written last."""
    states: dict[str, State] = {one: one for one in membership_steps.STATES}
    return Membership(
        plan=plan_of(row.version_id, row.plan),
        state=states[row.state],
        wants=plan_of(row.wants_version_id, row.wants) if row.wants_version_id is not None else None,
        uses_from=row.uses_from or row.since,
        books=Books(tuple(Part(*told) for told in row.books)),
        **{name: getattr(row, name) for name in _SAME},
    )


def at(row: Row, moment: datetime) -> Membership:
    """As it stands at a moment, whether or not that is written yet."""
    return membership_steps.advance(of_row(row), today(row, moment))


def today(row: Row, moment: datetime) -> date:
    """The civil day of its programme."""
    return civil.day_of(moment, civil.zone(says(row).zone))


def says(row: Row) -> Programme:
    """The version they agreed to."""
    return programmes.read_plainly(row.version_id)


def put(row: Row, one: Membership, versions: dict[str, int]) -> None:
    """Bring the row to how it stands; `versions` says where a plan that is new to it was agreed to."""
    for name in (*_SAME, *_SUMS):
        setattr(row, name, getattr(one, name))
    row.uses_from = one.uses_from
    row.books = [[part.payment, part.place, part.minor, part.slot] for part in one.books.parts]
    row.state = one.state
    if one.plan.id != row.plan:
        row.version_id = versions.get(one.plan.id) or row.wants_version_id or row.version_id
        row.plan = one.plan.id
    row.wants = one.wants.id if one.wants is not None else ""
    row.wants_version_id = None if one.wants is None else versions.get(one.wants.id) or row.wants_version_id
    row.due_on = membership_steps.next_on(one)


def plan_of(version: int, name: str) -> Plan:
    """A plan as a version has it."""
    return next(plan for plan in programmes.read_plainly(version).plans if plan.id == name)
