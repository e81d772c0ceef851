"""Households: people who live together, each with a role. It joins nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import persons
from regulars.facts.customers.customers import UnknownCustomer
from regulars.facts.customers.models import Customer, Householder
from regulars.facts.customers.models import Household as Row
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

PREFIX = "hou"
MOST_MEMBERS = 20


class Role(StrEnum):
    """What somebody is in their household."""

    HEAD = "head"
    PARTNER = "partner"
    CHILD = "child"
    PARENT = "parent"
    OTHER = "other"


ROLE_LABELS = {
    Role.HEAD: _("Keeps the household"),
    Role.PARTNER: _("Partner"),
    Role.CHILD: _("Child"),
    Role.PARENT: _("Parent"),
    Role.OTHER: _("Lives there too"),
}


@dataclass(frozen=True)
class Household:
    """One household and who is in it: record to role, the longest in it first."""

    public_id: str
    formed_at: datetime
    members: Mapping[int, Role]


class UnknownHousehold(Refusal):
    """No such household."""

    code = "households.unknown"


class InAnother(Refusal):
    """Somebody lives in one household at a time."""

    code = "households.in_another"


class TooMany(Refusal):
    """More people than a household has: a company, or a mistake."""

    code = "households.too_many"


def form(*, members: Mapping[int, Role], at: datetime, by: Actor) -> Household:
    """Make a household of these customers. Again, with the same people in it, gives the same.

    Refuses who lives in another: they leave it first. Nobody is joined by it, and nobody's data is shown to another.
    """
    with transaction.atomic():
        people = _people(members)
        there = _current(people)
        homes = {one.household_id: one.household for one in there.values()}
        if len(homes) == 1 and there.keys() == people.keys():
            return _read(next(iter(homes.values())))
        row = Row.objects.create(formed_at=at)
        for person, role in people.items():
            _enter(row, person, role, at, by)
        row.refresh_from_db()
        trail.record(by=by, verb="households.form", subject=_subject(row), at=at, after={"members": sorted(people)})
        return _read(row)


def add(*, household: str, customer: int, role: Role, at: datetime, by: Actor) -> Household:
    """Somebody comes to live there, or has another role from now on. Refuses who lives in another."""
    with transaction.atomic():
        row = _found(household)
        [person] = _people({customer: role})
        there = Householder.objects.filter(customer_id=person, until_at=None).first()
        if there is not None and there.household_id == row.id and there.role == role:
            return _read(row)
        if there is not None and there.household_id == row.id:
            Householder.objects.filter(id=there.id).update(until_at=at)
        if Householder.objects.filter(household=row, until_at=None).count() >= MOST_MEMBERS:
            raise TooMany(
                f"members: a household has up to {MOST_MEMBERS}; form another", field="members", value=MOST_MEMBERS
            )
        _enter(row, person, role, at, by)
        trail.record(
            by=by, verb="households.add", subject=_subject(row), at=at, after={"customer": person, "role": role.value}
        )
        return _read(row)


def leave(*, customer: int, at: datetime, by: Actor) -> bool:
    """Somebody leaves their household. False when they live in none."""
    with transaction.atomic():
        there = (
            Householder.objects.select_related("household")
            .filter(customer_id__in=persons.records_of(customer), until_at=None)
            .first()
        )
        if there is None:
            return False
        Householder.objects.filter(id=there.id).update(until_at=max(at, there.since_at))
        trail.record(
            by=by,
            verb="households.leave",
            subject=_subject(there.household),
            at=at,
            after={"customer": there.customer_id},
        )
        return True


def of(customer: int) -> Household | None:
    """The household somebody lives in now; of a person, through any of their records. Up to four queries."""
    there = (
        Householder.objects.select_related("household")
        .filter(customer_id__in=persons.records_of(customer), until_at=None)
        .first()
    )
    return None if there is None else _read(there.household)


def size_of_many(customers: list[int]) -> dict[int, int]:
    """How many live in the household of each of those who live in one, themselves included. Four queries."""
    records_of = persons.records_of_many(customers)
    records = [record for records in records_of.values() for record in records]
    homes = dict(
        Householder.objects.filter(customer_id__in=records, until_at=None).values_list("customer_id", "household_id")
    )
    counts: dict[int, int] = {}
    for home in Householder.objects.filter(household_id__in=homes.values(), until_at=None).values_list(
        "household_id", flat=True
    ):
        counts[home] = counts.get(home, 0) + 1
    found = {}
    for customer, mine in records_of.items():
        if lived_in := [homes[record] for record in mine if record in homes]:
            found[customer] = counts[lived_in[0]]
    return found


def _people(members: Mapping[int, Role]) -> dict[int, Role]:
    """Each member's person, whose rows nobody joins or parts meanwhile."""
    if not 0 < len(members) <= MOST_MEMBERS:
        raise TooMany(
            f"members: a household has 1 to {MOST_MEMBERS}; name those who live there",
            field="members",
            value=len(members),
        )
    person_of = persons.held(members)
    known = set(Customer.objects.filter(id__in=members).values_list("id", flat=True))
    if missing := sorted(set(members) - known):
        raise UnknownCustomer(
            f"customer: there is no number {missing[0]}; look it up again", field="customer", value=missing[0]
        )
    return {person_of[customer]: Role(role) for customer, role in members.items()}


def _current(people: Mapping[int, Role]) -> dict[int, Householder]:
    rows = Householder.objects.select_related("household").filter(customer_id__in=people, until_at=None)
    return {row.customer_id: row for row in rows}


def _enter(row: Row, person: int, role: Role, at: datetime, by: Actor) -> None:
    if Householder.objects.filter(customer_id=person, until_at=None).exists():
        raise InAnother("customer: lives in another household; let them leave it first", field="customer", value=person)
    Householder.objects.create(household=row, customer_id=person, role=role.value, since_at=at, by=str(by))


def _found(text: str) -> Row:
    row = Row.objects.select_for_update().filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        shown = text.strip()[:40]
        raise UnknownHousehold(f"household: there is no {shown}; look it up again", field="household", value=shown)
    return row


def _read(row: Row) -> Household:
    members = Householder.objects.filter(household=row, until_at=None).order_by("since_at", "id")
    return Household(
        _public(row.public_id), row.formed_at, {member.customer_id: Role(member.role) for member in members}
    )


def _subject(row: Row) -> str:
    return f"household:{_public(row.public_id)}"


def _public(uuid: UUID) -> str:
    return ids.public(PREFIX, uuid)
