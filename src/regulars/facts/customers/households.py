"""Households: people who live together, each with a role. It joins nobody.

Somebody lives in one household at a time. What is told is kept with the record it was told of. Records that lived in
two households and became one person live in the one they came to last, and the other has a member less; parted again,
each is back where it was.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from regulars.facts.customers import customers, keys, persons
from regulars.facts.customers.models import Customer, Householder
from regulars.facts.customers.models import Household as Row
from regulars.kit import ids
from regulars.kit.actors import Actor
from regulars.kit.refusals import Refusal
from regulars.runtime.trail import trail

PREFIX = "hou"
LONGEST_KEY = 160
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
    """One household and who is in it: person to role, the longest in it first."""

    public_id: str
    formed_at: datetime
    members: Mapping[int, Role]


def _kept(home: Household) -> list[Any]:
    return [home.public_id, home.formed_at.isoformat(), sorted(home.members.items())]


def _was(kept: list[Any]) -> Household:
    return Household(kept[0], datetime.fromisoformat(kept[1]), {member: Role(role) for member, role in kept[2]})


_HOMES = keys.Acts(of="homes", longest=LONGEST_KEY, kept=_kept, read=_was)
_LEAVING: keys.Acts[bool] = keys.Acts(of="homes", longest=LONGEST_KEY, kept=keys.same, read=keys.same)


class UnknownHousehold(Refusal):
    """No such household."""

    code = "households.unknown"


class InAnother(Refusal):
    """Somebody lives in one household at a time."""

    code = "households.in_another"


class SamePerson(Refusal):
    """Two records of one person are no household."""

    code = "households.same_person"


class TooMany(Refusal):
    """More people than a household has: a company, or a mistake."""

    code = "households.too_many"


def form(*, members: Mapping[int, Role], key: str, at: datetime, by: Actor) -> Household:
    """Make a household of these customers; where they live together already, it is that one. The same `key` again gives
    the first answer, wherever they live by now.

    Refuses who lives in another: they leave it first. Nobody is joined by it, and nobody's data is shown to another.
    """

    def act() -> Household:
        people = set(_held(members).values())
        if len(people) < len(members):
            raise SamePerson(_("members: two of them are one person; name each person once"), field="members")
        there = _living(people)
        homes = {one.household_id: one.household for one in there.values()}
        if len(homes) == 1 and there.keys() == people:
            return _read(next(iter(homes.values())))
        if there:
            raise _in_another(min(there))
        row = Row.objects.create(formed_at=at)
        for customer, role in members.items():
            _enter(row, customer, Role(role), at, by)
        row.refresh_from_db()
        trail.record(by=by, verb="households.form", subject=_subject(row), at=at, after={"members": sorted(members)})
        return _read(row)

    return _HOMES.once(key=key, told={"act": "form", "members": dict(members)}, act=act)


def add(*, household: str, customer: int, role: Role, key: str, at: datetime, by: Actor) -> Household:
    """Somebody comes to live there, or has another role from now on. Refuses who lives in another. The same `key` again
    gives the first answer."""

    def act() -> Household:
        row = _found(household)
        [person] = _held({customer: role}).values()
        there = _living([person]).get(person)
        if there is not None and there.household_id != row.id:
            raise _in_another(person)
        own = Householder.objects.filter(customer_id=customer, until_at=None).first()
        if own is not None and own == there and own.role == role:
            return _read(row)
        if own is not None:
            _end(own, at)
        if there is None and len(_read(row).members) >= MOST_MEMBERS:
            raise TooMany(
                _("members: a household has up to %(most_members)s; form another") % {"most_members": MOST_MEMBERS},
                field="members",
                value=MOST_MEMBERS,
            )
        _enter(row, customer, role, at, by)
        trail.record(
            by=by, verb="households.add", subject=_subject(row), at=at, after={"customer": customer, "role": role.value}
        )
        return _read(row)

    told = {"act": "add", "household": household, "customer": customer, "role": role}
    return _HOMES.once(key=key, told=told, act=act)


def leave(*, customer: int, key: str, at: datetime, by: Actor) -> bool:
    """Somebody leaves their household, whichever of their records lives there. False when they live in none. The same
    `key` again gives the first answer, wherever they live by now."""

    def act() -> bool:
        person = persons.held([customer])[customer]
        there = _stays([person]).get(person, [])
        for stay in there:
            if stay.customer_id == customer:
                _end(stay, at)
            else:
                # Another of their records lives there: that this one left says it of the person.
                _enter(stay.household, customer, Role(stay.role), at, by, until=at)
            trail.record(
                by=by, verb="households.leave", subject=_subject(stay.household), at=at, after={"customer": customer}
            )
        return bool(there)

    return _LEAVING.once(key=key, told={"act": "leave", "customer": customer}, act=act)


def of(customer: int) -> Household | None:
    """The household somebody lives in now; of a person, through any of their records. Up to five queries."""
    person = persons.of(customer)
    there = _living([person]).get(person)
    return None if there is None else _read(there.household)


def left_by_joining(customer: int) -> list[Household]:
    """Households that records of this person live in and the person does not: they came to another later. A few
    queries."""
    person = persons.of(customer)
    stays = _stays([person]).get(person, [])
    return [_read(row) for row in {one.household for one in stays[1:]} - {one.household for one in stays[:1]}]


def size_of_many(customers: list[int]) -> dict[int, int]:
    """How many live in the household of each of those who live in one, themselves included. A few queries."""
    person_of = persons.of_many(customers)
    home_of = {person: one.household_id for person, one in _living(person_of.values()).items()}
    sizes = _sizes(set(home_of.values()))
    return {customer: sizes[home_of[person]] for customer, person in person_of.items() if person in home_of}


def _held(members: Mapping[int, Role]) -> dict[int, int]:
    """Each member's person, whose rows nobody joins or parts meanwhile."""
    if not 0 < len(members) <= MOST_MEMBERS:
        raise TooMany(
            _("members: a household has 1 to %(most_members)s; name those who live there")
            % {"most_members": MOST_MEMBERS},
            field="members",
            value=len(members),
        )
    person_of = persons.held(members)
    known = set(Customer.objects.filter(id__in=members).values_list("id", flat=True))
    if missing := sorted(set(members) - known):
        raise customers.no_number(missing[0])
    return person_of


def _stays(people: Collection[int]) -> dict[int, list[Householder]]:
    """Where records of these people live, by person, the one they came to last first. One query.

    What one of their records left, they left, unless another came there later.
    """
    told: dict[int, list[Householder]] = defaultdict(list)
    rows = Householder.objects.select_related("household", "customer").filter(customer__in=persons.asked(list(people)))
    for row in rows:
        told[_person(row)].append(row)
    found = {}
    for person, mine in told.items():
        stays = [row for row in mine if row.until_at is None and not any(_is_left(row, one) for one in mine)]
        if stays:
            found[person] = sorted(stays, key=lambda row: (row.since_at, row.id), reverse=True)
    return found


def _is_left(stay: Householder, told: Householder) -> bool:
    return (
        told.until_at is not None
        and told.household_id == stay.household_id
        and told.customer_id != stay.customer_id
        and (told.until_at, told.id) > (stay.since_at, stay.id)
    )


def _living(people: Collection[int]) -> dict[int, Householder]:
    """Where each of these people lives; who lives nowhere is not there. One query."""
    return {person: stays[0] for person, stays in _stays(people).items()}


def _members(households: Collection[int]) -> list[Householder]:
    """Who lives in these households, each person once, the longest there first."""
    said = Householder.objects.filter(household_id__in=households, until_at=None).select_related("customer")
    lives = _living({_person(row) for row in said})
    there = [row for row in lives.values() if row.household_id in households]
    return sorted(there, key=lambda row: (row.since_at, row.id))


def _sizes(households: Collection[int]) -> Counter[int]:
    return Counter(row.household_id for row in _members(households))


def _person(row: Householder) -> int:
    return row.customer.person_id or row.customer_id


def _end(row: Householder, at: datetime) -> None:
    row.until_at = max(at, row.since_at)
    row.save(update_fields=["until_at"])


def _enter(
    row: Row, customer: int, role: Role, at: datetime, by: Actor, *, until: datetime | None = None
) -> Householder:
    return Householder.objects.create(
        household=row, customer_id=customer, role=role.value, since_at=at, until_at=until, by=str(by)
    )


def _in_another(person: int) -> InAnother:
    return InAnother(_("customer: lives in another household; let them leave it first"), field="customer", value=person)


def _found(text: str) -> Row:
    row = Row.objects.select_for_update().filter(public_id=ids.parse(text, PREFIX)).first()
    if row is None:
        shown = text.strip()[:40]
        raise UnknownHousehold(
            _("household: there is no %(shown)s; look it up again") % {"shown": shown}, field="household", value=shown
        )
    return row


def _read(row: Row) -> Household:
    members = {_person(one): Role(one.role) for one in _members([row.id])}
    return Household(_public(row.public_id), row.formed_at, members)


def _subject(row: Row) -> str:
    return f"household:{_public(row.public_id)}"


def _public(uuid: UUID) -> str:
    return ids.public(PREFIX, uuid)
